#include <tandem/http/client_journey_internal.hpp>

#include <tandem/http/client_head_internal.hpp>
#include <tandem/http/errors.hpp>

#include <algorithm>
#include <array>

namespace tandem::inline v1::http {
namespace {

std::string upper(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return result;
}

bool same_origin(const Url& left, const Url& right) {
    return left.scheme() == right.scheme() && left.host() == right.host();
}

}  // namespace

std::string method_to_send(std::string_view method) {
    static constexpr std::array<std::string_view, 7> standard{"GET", "HEAD",  "OPTIONS", "POST",
                                                              "PUT", "PATCH", "DELETE"};
    auto upper_case = upper(method);
    if (std::find(standard.begin(), standard.end(), upper_case) != standard.end()) return upper_case;
    if (upper_case == "CONNECT" || upper_case == "TRACE")
        throw InvalidRequest(method, 0, "H15", "CONNECT and TRACE are not for clients of this kind");
    check_method(method);
    return std::string(method);
}

bool is_idempotent(std::string_view method) noexcept {
    return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
           method == "DELETE";
}

bool is_redirect(int status) noexcept {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Journey::Journey(std::string method_, Url url_, Options& options_)
    : method(std::move(method_)), url(std::move(url_)), options(options_) {
    url.require_fetchable();
    take_credentials();
    for (const auto& [name, value] : options.params) url.append_param(name, value);
}

void Journey::take_credentials() {
    if (!url.has_credentials()) return;
    authorization = basic_credentials(percent_decode(url.username()), percent_decode(url.password()));
    url = url.without_credentials();
}

std::vector<std::string> Journey::chain() const {
    std::vector<std::string> urls;
    for (const Hop& hop : history) urls.push_back(hop.url.href());
    return urls;
}

void Journey::drop_body() {
    options.body = Body();
    std::vector<std::string> dropped;
    for (const auto field : options.headers) {
        const auto prefix = field.name.substr(0, 8);
        if (equals_ignoring_case(prefix, "Content-")) dropped.emplace_back(field.name);
    }
    for (const auto& name : dropped) options.headers.remove(name);
}

void Journey::follow(int status, std::string_view location, const ClientOptions& settings, Duration elapsed) {
    history.push_back(Hop{url, method, status, elapsed});
    auto next = Url::try_parse(location, url);
    const auto refuse = [&](std::string_view target, std::string_view reason) {
        auto urls = chain();
        urls.emplace_back(target);
        throw RedirectRefused(std::move(urls), reason);
    };
    if (!next) refuse(escape_excerpt(location), "its Location is no URL");
    if (next->scheme() != "http" && next->scheme() != "https")
        refuse(next->without_credentials().href(), "only http and https are followed");
    if (url.scheme() == "https" && next->scheme() == "http" && !settings.allow_downgrade())
        refuse(next->without_credentials().href(),
               "it leads from https to http (ClientOptions::allow_downgrade)");
    if (!next->has_fragment() && url.has_fragment()) next->set_fragment(url.fragment());

    if ((status == 303 && method != "HEAD") || ((status == 301 || status == 302) && method == "POST")) {
        if (method != "GET") drop_body();
        method = "GET";
    } else if (options.body.present() && !options.body.rewind()) {
        throw BodyConsumed("the redirect from " + url.href() + " to " + next->without_credentials().href() +
                           " wants the request's body again, which can be read only once");
    }
    if (!same_origin(url, *next)) {
        left_origin = true;
        authorization.clear();
    }
    url = *std::move(next);
    take_credentials();
    url.require_fetchable();

    const bool loops = std::any_of(history.begin(), history.end(),
                                   [&](const Hop& hop) { return hop.url == url && hop.method == method; });
    if (history.size() > settings.max_redirects() || loops) {
        auto urls = chain();
        urls.push_back(url.href());
        throw TooManyRedirects(std::move(urls), settings.max_redirects());
    }
}

}  // namespace tandem::inline v1::http
