#pragma once

#include <cli/outcome.hpp>
#include <cli/units.hpp>

#include <bitset>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::cli {

/// Which failures are worth another try: status codes and error codes, as `--retry-on` says.
class RetryOn {
public:
    /// The network class, truncation, 408, 425, 429, 500, 502, 503, 504, 520-524.
    RetryOn();

    /// `503,reset` names exactly these; `+404,-reset` changes the default. Nothing if an item is neither a
    /// status nor an error code; `bad_item` then says which.
    [[nodiscard]] static std::optional<RetryOn> parse(std::string_view list, std::string& bad_item);

    [[nodiscard]] bool contains_status(int status) const noexcept { return statuses_.contains(status); }
    [[nodiscard]] bool contains(ErrorCode code) const noexcept;

    bool operator==(const RetryOn&) const = default;

private:
    bool change(std::string_view item, bool add);

    StatusSet statuses_;
    std::bitset<error_code_count> codes_;
};

}  // namespace tandem::cli
