#pragma once

#include <tandem/base/time.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task.hpp>

namespace tandem::inline v1::testing {

/// What most tests wait for.
inline Task<int> value_after(Duration delay, int value) {
    co_await sleep(delay);
    co_return value;
}

}  // namespace tandem::inline v1::testing
