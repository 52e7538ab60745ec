#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tandem::cli {

/// F9.1: whether a header carries something that may go to its own origin only and stands in no report:
/// `Authorization`, `Cookie`, names ending in `-key`, `-token`, ..., and those in `more`.
[[nodiscard]] bool is_secret_header(std::string_view name, const std::vector<std::string>& more = {});

/// `Name: value` with the value as `***` if the header is secret.
[[nodiscard]] std::string redacted_header(std::string_view line, const std::vector<std::string>& more = {});

}  // namespace tandem::cli
