#pragma once

#include <string>
#include <string_view>

namespace tandem::inline v1::http {

/// `bytes` as UTF-8: by byte order mark, else by the charset in `content_type`, else as UTF-8; what is
/// invalid becomes U+FFFD (H33).
[[nodiscard]] std::string decode_text(std::string bytes, std::string_view content_type);

}  // namespace tandem::inline v1::http
