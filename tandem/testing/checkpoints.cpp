#include <tandem/testing/checkpoints.hpp>

#include <gtest/gtest.h>

namespace tandem::inline v1::testing {

void report_missing_checkpoint(const SourceLocation& born) {
    ADD_FAILURE_AT(born.file_name(), static_cast<int>(born.line()))
        << born.function_name() << " has no checkpoint: a task that repeats it cannot be cancelled";
}

}  // namespace tandem::inline v1::testing
