#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tandem::inline v1::http::urls {

/// The standard's "domain to ASCII" without strictness: UTS #46 non-transitional, no hyphen and no length
/// checks. Nothing if a label is not valid.
[[nodiscard]] std::optional<std::string> domain_to_ascii(std::string_view domain);

}  // namespace tandem::inline v1::http::urls
