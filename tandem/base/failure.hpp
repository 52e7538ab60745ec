#pragma once

#include <exception>

namespace tandem::inline v1 {

/// For a `catch (...)` after which things go on: what was thrown. What is no failure is thrown on:
/// `Cancelled`, `Interrupted`, `SystemExit`, and the forced unwinding of a thread. For the library only.
[[nodiscard]] std::exception_ptr caught_failure();

}  // namespace tandem::inline v1
