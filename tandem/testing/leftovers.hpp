#pragma once

#include <cstddef>

namespace tandem::inline v1::testing {

// What this process has that a test could leave behind.

[[nodiscard]] std::size_t open_descriptors();
/// No child, neither alive nor as a zombie.
[[nodiscard]] bool childless() noexcept;

}  // namespace tandem::inline v1::testing
