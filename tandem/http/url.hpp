#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::inline v1::http {

enum class HostKind : std::uint8_t { none, empty, domain, ipv4, ipv6, opaque };

/// A URL, as the WHATWG URL Standard parses and writes it.
///
///     Url page("HTTP://Example.ORG:80/a/../b?q#top");
///     page.href();              // "http://example.org/b?q#top"
///     Url next("../c", page);   // "http://example.org/c"
///
/// All getters are views into `href()`. Host names are mapped (UTS #46), IPv4 is dotted decimal, IPv6
/// compressed.
///
/// Errors      a text that is no URL throws `InvalidUrl` naming the position; `try_parse` returns nothing
/// instead. Cancelling  never waits. Threads     a plain value. Lifetime    owns its text; getters' views
/// live until the next change.
class Url {
public:
    explicit Url(std::string_view text);
    Url(std::string_view text, const Url& base);

    [[nodiscard]] static std::optional<Url> try_parse(std::string_view text);
    [[nodiscard]] static std::optional<Url> try_parse(std::string_view text, const Url& base);

    [[nodiscard]] const std::string& href() const noexcept { return href_; }
    [[nodiscard]] std::string_view scheme() const noexcept;    ///< without ':'
    [[nodiscard]] std::string_view username() const noexcept;  ///< percent-encoded
    [[nodiscard]] std::string_view password() const noexcept;  ///< percent-encoded
    [[nodiscard]] std::string_view host() const noexcept;      ///< with the port, if it is not the default
    [[nodiscard]] std::string_view hostname() const noexcept;  ///< IPv6 in brackets
    [[nodiscard]] std::string_view port() const noexcept;      ///< "" if it is the scheme's default
    [[nodiscard]] std::string_view path() const noexcept;
    [[nodiscard]] std::string_view query() const noexcept;     ///< without '?'
    [[nodiscard]] std::string_view fragment() const noexcept;  ///< without '#'
    [[nodiscard]] bool has_query() const noexcept;             ///< also true of an empty one: "http://h/?"
    [[nodiscard]] bool has_fragment() const noexcept;
    [[nodiscard]] bool has_credentials() const noexcept { return !username().empty() || !password().empty(); }
    [[nodiscard]] bool has_opaque_path() const noexcept { return opaque_path_; }
    [[nodiscard]] bool is_special() const noexcept;  ///< http, https, ws, wss, ftp, file
    [[nodiscard]] HostKind host_kind() const noexcept { return host_kind_; }

    /// "https://example.org", or "null" for schemes without one.
    [[nodiscard]] std::string origin() const;
    /// The port, or the scheme's default; 0 if there is neither.
    [[nodiscard]] std::uint16_t port_or_default() const noexcept;
    /// Path and query exactly as serialised, "/" if empty (H6).
    [[nodiscard]] std::string request_target() const;
    /// The value of `Host`: host, and port if it is not the default; IPv6 in brackets (H6).
    [[nodiscard]] std::string_view host_header() const noexcept { return host(); }
    /// The host to look up: without brackets and without a trailing dot (X41).
    [[nodiscard]] std::string_view host_for_lookup() const noexcept;
    /// For comparing: no fragment, triplets in upper case, unreserved characters decoded (H10).
    [[nodiscard]] std::string canonical() const;
    /// The same URL without user and password: what may be sent, logged and reported (H9).
    [[nodiscard]] Url without_credentials() const;
    [[nodiscard]] Url without_fragment() const;

    /// Throws `InvalidUrl` unless the scheme is http or https (H5) and the host can be looked up: not empty,
    /// at most 253 octets, labels of at most 63 (H4).
    void require_fetchable() const;

    // The setters of the standard. What the standard ignores is ignored; the result says whether it was
    // taken.
    /// Throws `InvalidUrl` and changes nothing if the text is no URL.
    void set_href(std::string_view text);
    bool set_scheme(std::string_view text);
    bool set_username(std::string_view text);
    bool set_password(std::string_view text);
    bool set_host(std::string_view text);
    bool set_hostname(std::string_view text);
    bool set_port(std::string_view text);
    bool set_path(std::string_view text);
    bool set_query(std::string_view text);     ///< a leading '?' is dropped; empty removes it
    bool set_fragment(std::string_view text);  ///< a leading '#' is dropped; empty removes it

    /// Appends `name=value` to the query in the form of application/x-www-form-urlencoded (H7).
    void append_param(std::string_view name, std::string_view value);

    friend bool operator==(const Url& left, const Url& right) noexcept { return left.href_ == right.href_; }
    friend std::strong_ordering operator<=>(const Url& left, const Url& right) noexcept {
        return left.href_ <=> right.href_;
    }

private:
    friend struct UrlAccess;  // the parser's way in
    Url() = default;

    // scheme:  //  user  :  password  @  hostname  :port  path  ?query  #fragment
    //       ^      ^   ^              ^         ^       ^     ^       ^
    std::string href_;
    std::uint32_t scheme_end_ = 0;   // the ':' after the scheme
    std::uint32_t username_at_ = 0;  // behind "//", or at the ':'s successor if there is no host
    std::uint32_t username_end_ = 0;
    std::uint32_t host_at_ = 0;   // behind '@'
    std::uint32_t host_end_ = 0;  // the ':' of the port, or the path
    std::uint32_t path_at_ = 0;
    std::uint32_t query_at_ = 0;     // the '?', or where it would be
    std::uint32_t fragment_at_ = 0;  // the '#', or the end
    std::uint16_t port_ = 0;
    bool has_port_ = false;
    bool opaque_path_ = false;
    HostKind host_kind_ = HostKind::none;
};

/// Percent-decodes; what is no triplet stays as it is.
[[nodiscard]] std::string percent_decode(std::string_view text);
/// Encodes all but `A-Z a-z 0-9 - . _ ~`, as one component.
[[nodiscard]] std::string percent_encode(std::string_view text);
/// Appends in the standard's application/x-www-form-urlencoded form: space becomes '+'.
void append_form_encoded(std::string& out, std::string_view text);

}  // namespace tandem::inline v1::http

template <>
struct std::hash<tandem::http::Url> {
    std::size_t operator()(const tandem::http::Url& url) const noexcept {
        return std::hash<std::string_view>()(url.href());
    }
};
