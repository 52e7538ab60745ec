#pragma once

#include <string>
#include <vector>

namespace tandem::inline v1::testing {

// What this process has that a test could leave behind.

/// Each with what it is, in one order: two answers can be compared.
[[nodiscard]] std::vector<std::string> open_descriptors();
/// No child, neither alive nor as a zombie.
[[nodiscard]] bool childless() noexcept;

}  // namespace tandem::inline v1::testing
