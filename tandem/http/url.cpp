#include <tandem/http/url.hpp>

#include <tandem/http/errors.hpp>
#include <tandem/http/h1_tables_internal.hpp>
#include <tandem/http/url_internal.hpp>

#include <charconv>
#include <limits>

namespace tandem::inline v1::http {
namespace {

[[noreturn]] void refuse(std::string_view text, const UrlFailure& failure) {
    throw InvalidUrl(text, failure.at, failure.reason);
}

void append_port(std::string& out, std::uint16_t port) {
    std::array<char, 8> digits{};
    out += ':';
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), port).ptr);
}

/// Where a view into the URL's own text begins.
std::size_t place_of(std::string_view part, const Url& url) {
    return static_cast<std::size_t>(part.data() - url.href().data());
}

}  // namespace

Url UrlAccess::from(const UrlRecord& record) {
    const auto here = [](const Url& url) { return static_cast<std::uint32_t>(url.href_.size()); };
    Url url;
    auto& href = url.href_;
    href.reserve(record.scheme.size() + record.username.size() + record.password.size() + record.path.size() +
                 24 + (record.host ? record.host->size() : 0) + (record.query ? record.query->size() : 0) +
                 (record.fragment ? record.fragment->size() : 0));
    href += record.scheme;
    url.scheme_end_ = here(url);
    href += record.host ? "://" : ":";
    url.username_at_ = url.username_end_ = url.host_at_ = url.host_end_ = here(url);
    if (record.host) {
        href += record.username;
        url.username_end_ = here(url);
        if (!record.password.empty()) href.append(":").append(record.password);
        if (record.has_credentials()) href += '@';
        url.host_at_ = here(url);
        href += *record.host;
        url.host_end_ = here(url);
        if (record.port) append_port(href, *record.port);
        url.has_port_ = record.port.has_value();
        url.port_ = record.port.value_or(0);
    } else if (!record.opaque_path && record.path.starts_with("//")) {
        href += "/.";  // or the path would be read as a host
    }
    url.path_at_ = here(url);
    href += record.path;
    url.query_at_ = here(url);
    if (record.query) href.append("?").append(*record.query);
    url.fragment_at_ = here(url);
    if (record.fragment) href.append("#").append(*record.fragment);
    url.opaque_path_ = record.opaque_path;
    url.host_kind_ = record.host_kind;
    return url;
}

UrlRecord UrlAccess::take_apart(const Url& url) {
    UrlRecord record;
    record.scheme = url.scheme();
    record.username = url.username();
    record.password = url.password();
    if (url.host_kind_ != HostKind::none) record.host = url.hostname();
    record.host_kind = url.host_kind_;
    if (url.has_port_) record.port = url.port_;
    record.path = url.path();
    record.opaque_path = url.opaque_path_;
    if (url.has_query()) record.query = url.query();
    if (url.has_fragment()) record.fragment = url.fragment();
    return record;
}

Url::Url(std::string_view text) {
    UrlRecord record;
    if (const auto failure = parse_url(text, nullptr, record)) refuse(text, *failure);
    *this = UrlAccess::from(record);
}

Url::Url(std::string_view text, const Url& base) {
    const auto base_record = UrlAccess::take_apart(base);
    UrlRecord record;
    if (const auto failure = parse_url(text, &base_record, record)) refuse(text, *failure);
    *this = UrlAccess::from(record);
}

std::optional<Url> Url::try_parse(std::string_view text) {
    UrlRecord record;
    if (parse_url(text, nullptr, record)) return std::nullopt;
    return UrlAccess::from(record);
}

std::optional<Url> Url::try_parse(std::string_view text, const Url& base) {
    const auto base_record = UrlAccess::take_apart(base);
    UrlRecord record;
    if (parse_url(text, &base_record, record)) return std::nullopt;
    return UrlAccess::from(record);
}

std::string_view Url::scheme() const noexcept { return std::string_view(href_).substr(0, scheme_end_); }

std::string_view Url::username() const noexcept {
    return std::string_view(href_).substr(username_at_, username_end_ - username_at_);
}

std::string_view Url::password() const noexcept {
    // ":password@", "@" or nothing lies between user and host.
    if (host_at_ < username_end_ + 2) return {};
    return std::string_view(href_).substr(username_end_ + 1, host_at_ - username_end_ - 2);
}

std::string_view Url::host() const noexcept {
    const auto end = has_port_ ? path_at_ : host_end_;
    return std::string_view(href_).substr(host_at_, end - host_at_);
}

std::string_view Url::hostname() const noexcept {
    return std::string_view(href_).substr(host_at_, host_end_ - host_at_);
}

std::string_view Url::port() const noexcept {
    if (!has_port_) return {};
    return std::string_view(href_).substr(host_end_ + 1, path_at_ - host_end_ - 1);
}

std::string_view Url::path() const noexcept {
    return std::string_view(href_).substr(path_at_, query_at_ - path_at_);
}

std::string_view Url::query() const noexcept {
    if (!has_query()) return {};
    return std::string_view(href_).substr(query_at_ + 1, fragment_at_ - query_at_ - 1);
}

std::string_view Url::fragment() const noexcept {
    if (!has_fragment()) return {};
    return std::string_view(href_).substr(fragment_at_ + 1);
}

bool Url::has_query() const noexcept { return fragment_at_ != query_at_; }
bool Url::has_fragment() const noexcept { return fragment_at_ != href_.size(); }
bool Url::is_special() const noexcept { return urls::is_special(scheme()); }

std::string Url::origin() const {
    const auto name = scheme();
    if (name == "blob") {
        const auto inner = try_parse(path());
        return inner && (inner->scheme() == "http" || inner->scheme() == "https") ? inner->origin() : "null";
    }
    if (!is_special() || name == "file") return "null";
    return std::string(name) + "://" + std::string(host());
}

std::uint16_t Url::port_or_default() const noexcept {
    return has_port_ ? port_ : urls::default_port(scheme()).value_or(0);
}

std::string Url::request_target() const {
    const auto path_and_query = std::string_view(href_).substr(path_at_, fragment_at_ - path_at_);
    if (path_and_query.empty() || path_and_query.front() == '?') return "/" + std::string(path_and_query);
    return std::string(path_and_query);
}

std::string_view Url::host_for_lookup() const noexcept {
    auto name = hostname();
    if (host_kind_ == HostKind::ipv6) return name.substr(1, name.size() - 2);
    if (name.ends_with('.')) name.remove_suffix(1);
    return name;
}

std::string Url::canonical() const {
    std::string text = href_.substr(0, path_at_);
    if (query_at_ == path_at_ && !opaque_path_) text += '/';
    const auto rest = std::string_view(href_).substr(path_at_, fragment_at_ - path_at_);
    for (std::size_t i = 0; i < rest.size(); ++i) {
        const bool triplet = rest[i] == '%' && i + 2 < rest.size() && octets::is(rest[i + 1], octets::hex) &&
                             octets::is(rest[i + 2], octets::hex);
        if (!triplet) {
            text += rest[i];
            continue;
        }
        urls::append_encoded(text, percent_decode(rest.substr(i, 3)), urls::unreserved_set);
        i += 2;
    }
    // Decoding may have made dot segments.
    const auto again = try_parse(text);
    return again ? again->href() : text;
}

Url Url::without_credentials() const {
    if (!has_credentials()) return *this;
    auto record = UrlAccess::take_apart(*this);
    record.username.clear();
    record.password.clear();
    return UrlAccess::from(record);
}

Url Url::without_fragment() const {
    if (!has_fragment()) return *this;
    auto copy = *this;
    copy.href_.resize(fragment_at_);
    return copy;
}

void Url::require_fetchable() const {
    if (scheme() != "http" && scheme() != "https")
        throw InvalidUrl(href_, 0, "its scheme cannot be fetched, only http and https can");
    const auto name = host_for_lookup();
    if (name.empty()) throw InvalidUrl(href_, place_of(hostname(), *this), "it has no host");
    if (host_kind_ != HostKind::domain) return;
    if (name.size() > 253)
        throw InvalidUrl(href_, place_of(name, *this),
                         "the host has more than 253 octets and cannot be looked up");
    for (std::size_t from = 0; from <= name.size();) {
        const auto dot = std::min(name.find('.', from), name.size());
        if (dot == from) throw InvalidUrl(href_, place_of(name, *this) + from, "the host has an empty label");
        if (dot - from > 63) {
            throw InvalidUrl(href_, place_of(name, *this) + from,
                             "a label of the host has more than 63 octets and cannot be looked up");
        }
        from = dot + 1;
    }
}

}  // namespace tandem::inline v1::http
