// The setters of the WHATWG URL Standard (https://url.spec.whatwg.org/#api).
#include <tandem/http/errors.hpp>
#include <tandem/http/url.hpp>
#include <tandem/http/url_internal.hpp>

namespace tandem::inline v1::http {
namespace {

/// Lets the parser change one part. Where it refuses, what it has taken before stays, as the standard wants:
/// `host = "example.com:99999"` sets the name and leaves the port.
bool change(Url& url, std::string_view text, UrlState state, UrlRecord record) {
    const auto failure = parse_url(text, nullptr, record, state);
    url = UrlAccess::from(record);
    return !failure;
}

std::string_view without_prefix(std::string_view text, char prefix) {
    if (text.starts_with(prefix)) text.remove_prefix(1);
    return text;
}

}  // namespace

void Url::set_href(std::string_view text) { *this = Url(text); }

bool Url::set_scheme(std::string_view text) {
    return change(*this, std::string(text) + ":", UrlState::scheme_start, UrlAccess::take_apart(*this));
}

bool Url::set_username(std::string_view text) {
    auto record = UrlAccess::take_apart(*this);
    if (record.cannot_have_credentials_or_port()) return false;
    record.username.clear();
    urls::append_encoded(record.username, urls::to_scalar_values(text), urls::userinfo_set);
    *this = UrlAccess::from(record);
    return true;
}

bool Url::set_password(std::string_view text) {
    auto record = UrlAccess::take_apart(*this);
    if (record.cannot_have_credentials_or_port()) return false;
    record.password.clear();
    urls::append_encoded(record.password, urls::to_scalar_values(text), urls::userinfo_set);
    *this = UrlAccess::from(record);
    return true;
}

bool Url::set_host(std::string_view text) {
    return !opaque_path_ && change(*this, text, UrlState::host, UrlAccess::take_apart(*this));
}

bool Url::set_hostname(std::string_view text) {
    return !opaque_path_ && change(*this, text, UrlState::hostname, UrlAccess::take_apart(*this));
}

bool Url::set_port(std::string_view text) {
    auto record = UrlAccess::take_apart(*this);
    if (record.cannot_have_credentials_or_port()) return false;
    if (!text.empty()) return change(*this, text, UrlState::port, std::move(record));
    record.port.reset();
    *this = UrlAccess::from(record);
    return true;
}

bool Url::set_path(std::string_view text) {
    if (opaque_path_) return false;
    auto record = UrlAccess::take_apart(*this);
    record.path.clear();
    return change(*this, text, UrlState::path_start, std::move(record));
}

bool Url::set_query(std::string_view text) {
    auto record = UrlAccess::take_apart(*this);
    if (!text.empty()) {
        record.query = std::string();
        return change(*this, without_prefix(text, '?'), UrlState::query, std::move(record));
    }
    record.query.reset();
    *this = UrlAccess::from(record);
    return true;
}

bool Url::set_fragment(std::string_view text) {
    auto record = UrlAccess::take_apart(*this);
    if (!text.empty()) {
        record.fragment = std::string();
        return change(*this, without_prefix(text, '#'), UrlState::fragment, std::move(record));
    }
    record.fragment.reset();
    *this = UrlAccess::from(record);
    return true;
}

void Url::append_param(std::string_view name, std::string_view value) {
    auto record = UrlAccess::take_apart(*this);
    auto query = std::move(record.query).value_or("");
    if (!query.empty()) query += '&';
    append_form_encoded(query, urls::to_scalar_values(name));
    query += '=';
    append_form_encoded(query, urls::to_scalar_values(value));
    record.query = std::move(query);
    *this = UrlAccess::from(record);
}

}  // namespace tandem::inline v1::http
