#pragma once

#include <tandem/http/url.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::inline v1::http {

/// The parts of a URL while it is being parsed or changed.
struct UrlRecord {
    std::string scheme;
    std::string username;
    std::string password;
    std::optional<std::string> host;  // serialised
    HostKind host_kind = HostKind::none;
    std::optional<std::uint16_t> port;
    std::string path;  // serialised: "" or segments that each begin with '/'; any text if opaque
    bool opaque_path = false;
    std::optional<std::string> query;
    std::optional<std::string> fragment;

    [[nodiscard]] bool has_credentials() const noexcept { return !username.empty() || !password.empty(); }
    [[nodiscard]] bool cannot_have_credentials_or_port() const noexcept {
        return !host || host->empty() || scheme == "file";
    }
};

struct UrlAccess {
    static Url from(const UrlRecord& record);
    static UrlRecord take_apart(const Url& url);
};

struct UrlFailure {
    std::size_t at = 0;
    std::string_view reason;
};

/// The states at which the standard's setters enter.
enum class UrlState : std::uint8_t {
    scheme_start,
    scheme,
    no_scheme,
    special_relative_or_authority,
    path_or_authority,
    relative,
    relative_slash,
    special_authority_slashes,
    special_authority_ignore_slashes,
    authority,
    host,
    hostname,
    port,
    file,
    file_slash,
    file_host,
    path_start,
    path,
    opaque_path,
    query,
    fragment,
};

/// The standard's basic URL parser. Without `override` it fills an empty record; with it, it changes one
/// part.
[[nodiscard]] std::optional<UrlFailure> parse_url(std::string_view text, const UrlRecord* base,
                                                  UrlRecord& url,
                                                  std::optional<UrlState> override = std::nullopt);

struct ParsedHost {
    std::string text;
    HostKind kind = HostKind::none;
};
/// The standard's host parser; `reason` is set if nothing is returned.
[[nodiscard]] std::optional<ParsedHost> parse_host(std::string_view text, bool special,
                                                   std::string_view& reason);

namespace urls {

enum EncodeSet : std::uint8_t {
    c0_control_set = 1U << 0U,
    fragment_set = 1U << 1U,
    query_set = 1U << 2U,
    special_query_set = 1U << 3U,
    path_set = 1U << 4U,
    userinfo_set = 1U << 5U,
    unreserved_set = 1U << 6U,  // everything but A-Z a-z 0-9 - . _ ~
    form_set = 1U << 7U,
};

void append_encoded(std::string& out, std::string_view text, EncodeSet set);
[[nodiscard]] bool is_special(std::string_view scheme) noexcept;
[[nodiscard]] std::optional<std::uint16_t> default_port(std::string_view scheme) noexcept;
/// The text with U+FFFD for what is no UTF-8, as the standard works on scalar values.
[[nodiscard]] std::string to_scalar_values(std::string_view text);
[[nodiscard]] bool is_windows_drive_letter(std::string_view text) noexcept;

}  // namespace urls
}  // namespace tandem::inline v1::http
