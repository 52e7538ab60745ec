#pragma once

#include <string>
#include <string_view>

namespace tandem::cli {

/// `0.1.0`
[[nodiscard]] std::string_view version() noexcept;

/// `tandem/0.1.0`, unless `-A` says otherwise (F4.11).
[[nodiscard]] std::string default_user_agent();

/// What `--version` prints (C7). `backend` is what this process would run on, with the reason if it is not
/// the first choice.
[[nodiscard]] std::string version_text(std::string_view backend);

}  // namespace tandem::cli
