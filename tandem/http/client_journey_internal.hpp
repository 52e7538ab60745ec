#pragma once

#include <tandem/http/client_options.hpp>
#include <tandem/http/response.hpp>
#include <tandem/http/url.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::inline v1::http {

/// The method as it is sent: standard names in upper case. CONNECT and TRACE throw `InvalidRequest` (H15).
[[nodiscard]] std::string method_to_send(std::string_view method);
/// GET HEAD OPTIONS PUT DELETE: sending it twice does no more than sending it once.
[[nodiscard]] bool is_idempotent(std::string_view method) noexcept;
/// 301 302 303 307 308.
[[nodiscard]] bool is_redirect(int status) noexcept;

/// What a call asks for, from hop to hop: the rules of redirects (2.7).
class Journey {
public:
    Journey(std::string method, Url url, Options& options);

    std::string method;
    Url url;                    // never with user and password
    std::string authorization;  // made of them
    Options& options;           // of the request; its body goes when a redirect drops it
    bool left_origin = false;   // the user's fields stay behind
    std::vector<Hop> history;

    /// Goes on to `location`. Errors: `TooManyRedirects`, `RedirectRefused`, `BodyConsumed`.
    void follow(int status, std::string_view location, const ClientOptions& settings, Duration elapsed);

private:
    void take_credentials();
    [[nodiscard]] std::vector<std::string> chain() const;
    void drop_body();
};

}  // namespace tandem::inline v1::http
