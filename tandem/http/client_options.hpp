#pragma once

#include <tandem/base/time.hpp>
#include <tandem/http/body.hpp>
#include <tandem/http/decoder.hpp>
#include <tandem/http/headers.hpp>
#include <tandem/http/limits.hpp>
#include <tandem/http/url.hpp>
#include <tandem/net/address.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::inline v1::net {
class Resolver;
}

namespace tandem::inline v1::http {

class Dialer;

/// Time limits of a call (2.6). Absence means no limit; zero and less are refused.
struct Timeouts {
    std::optional<Duration> total = std::chrono::seconds(300);   ///< the call, redirects and body included
    std::optional<Duration> pool = std::nullopt;                 ///< waiting for a slot
    std::optional<Duration> connect = std::chrono::seconds(30);  ///< names, TCP and TLS together
    std::optional<Duration> resolve = std::chrono::seconds(10);  ///< one name
    std::optional<Duration> response = std::nullopt;             ///< last request byte to the response's head
    std::optional<Duration> read_idle = std::chrono::seconds(60);   ///< between two reads that bring bytes
    std::optional<Duration> write_idle = std::chrono::seconds(60);  ///< the peer takes no byte

    /// Throws `std::invalid_argument` naming the first limit that is not above zero.
    void validate() const;
};

/// How many connections a client keeps (H41). Absence means no limit; zero is refused.
struct PoolLimits {
    std::optional<std::size_t> max_connections = 100;          ///< in all: in use, idle, and being opened
    std::optional<std::size_t> max_per_origin = std::nullopt;  ///< within them
    std::optional<Duration> idle = std::chrono::seconds(15);   ///< an unused connection is closed after that

    void validate() const;
};

/// What a client trusts and shows (H115).
class TlsOptions {
public:
    TlsOptions() {}

    /// PEM, instead of the system's trust, as is `ca_path`.
    TlsOptions& ca_file(std::string value) { return ca_file_ = std::move(value), *this; }
    /// A folder of hashed certificates.
    TlsOptions& ca_path(std::string value) { return ca_path_ = std::move(value), *this; }
    /// Believes whoever answers; marks every response (X54).
    TlsOptions& insecure(bool value) { return insecure_ = value, *this; }
    /// PEM chain to show when asked, and its key; no key: in the same file.
    TlsOptions& certificate(std::string file, std::string key_file = {}) {
        return certificate_file_ = std::move(file), key_file_ = std::move(key_file), *this;
    }
    /// Checked against the certificate and sent as SNI instead of the URL's host.
    TlsOptions& server_name(std::string value) { return server_name_ = std::move(value), *this; }

    const std::string& ca_file() const noexcept { return ca_file_; }
    const std::string& ca_path() const noexcept { return ca_path_; }
    bool insecure() const noexcept { return insecure_; }
    const std::string& certificate_file() const noexcept { return certificate_file_; }
    const std::string& key_file() const noexcept { return key_file_; }
    const std::string& server_name() const noexcept { return server_name_; }

private:
    std::string ca_file_;
    std::string ca_path_;
    std::string certificate_file_;
    std::string key_file_;
    std::string server_name_;
    bool insecure_ = false;
};

/// How a client behaves.
///
///     auto client =
///     http::Client(http::ClientOptions().base_url("https://api.example/v1/").user_agent("mine/1"));
///
/// Errors      setters: `InvalidHeader`, `InvalidUrl`; what does not fit together: `std::invalid_argument`
/// from `Client`. Threads     a plain value.
class ClientOptions {
public:
    /// `host:port` is these addresses, whatever the resolver says.
    struct ResolveOverride {
        std::string host;
        std::uint16_t port;
        std::vector<net::SocketAddress> addresses;
    };
    /// Who asks for the first is connected to the second; `Host` and TLS names stay.
    struct ConnectTo {
        std::string host;
        std::uint16_t port;
        std::string to_host;
        std::uint16_t to_port;
    };

    ClientOptions() {}

    /// Relative URLs are joined to it. Its path must end in '/' (H8).
    ClientOptions& base_url(std::string_view value) { return base_url_ = Url(value), *this; }
    /// Sent with every request, unless the request has a field of that name.
    ClientOptions& header(std::string_view name, std::string_view value) {
        return headers_.add(name, value), *this;
    }
    ClientOptions& headers(Headers value) { return headers_ = std::move(value), *this; }
    ClientOptions& timeouts(const Timeouts& value) { return timeouts_ = value, *this; }
    ClientOptions& limits(const HttpLimits& value) { return limits_ = value, *this; }
    ClientOptions& decode_limits(const DecodeLimits& value) { return decode_limits_ = value, *this; }
    /// What `bytes()` and `text()` take at most; 1 GiB by default (L8).
    ClientOptions& max_body_bytes(std::optional<std::uint64_t> value) {
        return max_body_bytes_ = value, *this;
    }
    ClientOptions& pool(const PoolLimits& value) { return pool_ = value, *this; }
    ClientOptions& tls(TlsOptions value) { return tls_ = std::move(value), *this; }
    ClientOptions& follow_redirects(bool value) { return follow_redirects_ = value, *this; }
    /// At most 50; 10 by default.
    ClientOptions& max_redirects(std::size_t value) { return max_redirects_ = value, *this; }
    /// Lets redirects go from https to http.
    ClientOptions& allow_downgrade(bool value) { return allow_downgrade_ = value, *this; }
    /// False: bodies are handed on as they come, and no coding is asked for.
    ClientOptions& decompress(bool value) { return decompress_ = value, *this; }
    /// Empty: none is sent.
    ClientOptions& user_agent(std::string value);
    /// Header names that redirects may carry to other origins (H65).
    ClientOptions& headers_for_any_origin(std::vector<std::string> names) {
        return headers_for_any_origin_ = std::move(names), *this;
    }
    /// Sends a request once more if the reused connection it went out on was closed meanwhile (H46).
    ClientOptions& retry_stale(bool value) { return retry_stale_ = value, *this; }
    ClientOptions& resolve(std::string host, std::uint16_t port, std::vector<net::SocketAddress> addresses);
    ClientOptions& connect_to(std::string host, std::uint16_t port, std::string to_host,
                              std::uint16_t to_port);
    ClientOptions& family(net::AddressFamily value) { return family_ = value, *this; }
    ClientOptions& local_address(net::SocketAddress value) {
        return local_address_ = std::move(value), *this;
    }
    ClientOptions& resolver(std::shared_ptr<net::Resolver> value) {
        return resolver_ = std::move(value), *this;
    }
    /// Opens connections in another way than by TCP and TLS.
    ClientOptions& dialer(std::shared_ptr<Dialer> value) { return dialer_ = std::move(value), *this; }

    const std::optional<Url>& base_url() const noexcept { return base_url_; }
    const Headers& headers() const noexcept { return headers_; }
    const Timeouts& timeouts() const noexcept { return timeouts_; }
    const HttpLimits& limits() const noexcept { return limits_; }
    const DecodeLimits& decode_limits() const noexcept { return decode_limits_; }
    std::optional<std::uint64_t> max_body_bytes() const noexcept { return max_body_bytes_; }
    const PoolLimits& pool() const noexcept { return pool_; }
    const TlsOptions& tls() const noexcept { return tls_; }
    bool follow_redirects() const noexcept { return follow_redirects_; }
    std::size_t max_redirects() const noexcept { return max_redirects_; }
    bool allow_downgrade() const noexcept { return allow_downgrade_; }
    bool decompress() const noexcept { return decompress_; }
    const std::string& user_agent() const noexcept { return user_agent_; }
    const std::vector<std::string>& headers_for_any_origin() const noexcept {
        return headers_for_any_origin_;
    }
    bool retry_stale() const noexcept { return retry_stale_; }
    const std::vector<ResolveOverride>& resolve_overrides() const noexcept { return resolve_; }
    const std::vector<ConnectTo>& connect_to() const noexcept { return connect_to_; }
    net::AddressFamily family() const noexcept { return family_; }
    const net::SocketAddress& local_address() const noexcept { return local_address_; }
    const std::shared_ptr<net::Resolver>& resolver() const noexcept { return resolver_; }
    const std::shared_ptr<Dialer>& dialer() const noexcept { return dialer_; }

    /// Throws `std::invalid_argument` or `InvalidHeader` for what cannot work.
    void validate() const;

private:
    std::optional<Url> base_url_;
    Headers headers_;
    Timeouts timeouts_;
    HttpLimits limits_ = HttpLimits::client();
    DecodeLimits decode_limits_;
    std::optional<std::uint64_t> max_body_bytes_ = Body::default_max_bytes;
    PoolLimits pool_;
    TlsOptions tls_;
    bool follow_redirects_ = true;
    bool allow_downgrade_ = false;
    bool decompress_ = true;
    bool retry_stale_ = true;
    std::size_t max_redirects_ = 10;
    std::string user_agent_ = "tandem/0.1";
    std::vector<std::string> headers_for_any_origin_;
    std::vector<ResolveOverride> resolve_;
    std::vector<ConnectTo> connect_to_;
    net::AddressFamily family_ = net::AddressFamily::any;
    net::SocketAddress local_address_;
    std::shared_ptr<net::Resolver> resolver_;
    std::shared_ptr<Dialer> dialer_;
};

/// What is special about one request.
///
///     auto reply = co_await client.get("items", http::Options().param("page", "2").timeout(5s));
class Options {
public:
    Options() noexcept {}
    Options(Options&&) noexcept = default;
    Options& operator=(Options&&) noexcept = default;
    ~Options() {}

    /// Appends a field.
    Options& header(std::string_view name, std::string_view value) & {
        return headers.add(name, value), *this;
    }
    Options&& header(std::string_view name, std::string_view value) && {
        return std::move(header(name, value));
    }
    /// Appended to the URL's query, in this order (H7).
    Options& param(std::string name, std::string value) & {
        return params.emplace_back(std::move(name), std::move(value)), *this;
    }
    Options&& param(std::string name, std::string value) && {
        return std::move(param(std::move(name), std::move(value)));
    }
    /// `type`: the `Content-Type`, "" for none. Two bodies throw `InvalidRequest`.
    Options& with_body(Body value, std::string_view type = {}) &;
    Options&& with_body(Body value, std::string_view type = {}) && {
        return std::move(with_body(std::move(value), type));
    }
    /// JSON, serialised already.
    Options& json(std::string serialised) & {
        return with_body(Body(std::move(serialised)), "application/json");
    }
    Options&& json(std::string serialised) && { return std::move(json(std::move(serialised))); }
    /// application/x-www-form-urlencoded.
    Options& form(const std::vector<std::pair<std::string, std::string>>& fields) &;
    Options&& form(const std::vector<std::pair<std::string, std::string>>& fields) && {
        return std::move(form(fields));
    }
    Options& basic_auth(std::string_view user, std::string_view password) &;
    Options&& basic_auth(std::string_view user, std::string_view password) && {
        return std::move(basic_auth(user, password));
    }
    Options& bearer(std::string_view token) &;
    Options&& bearer(std::string_view token) && { return std::move(bearer(token)); }
    /// The limit of the whole call, body included.
    Options& timeout(std::optional<Duration> total_limit) &;
    Options&& timeout(std::optional<Duration> total_limit) && {
        return std::move(timeout(std::move(total_limit)));
    }
    /// All limits, instead of the client's.
    Options& with_timeouts(const Timeouts& value) & { return timeouts = value, *this; }
    Options&& with_timeouts(const Timeouts& value) && { return std::move(with_timeouts(value)); }
    Options& with_follow_redirects(bool value) & { return follow_redirects = value, *this; }
    Options&& with_follow_redirects(bool value) && { return std::move(with_follow_redirects(value)); }
    Options& with_decompress(bool value) & { return decompress = value, *this; }
    Options&& with_decompress(bool value) && { return std::move(with_decompress(value)); }

    Headers headers;
    std::vector<std::pair<std::string, std::string>> params;
    Body body;
    std::optional<Timeouts> timeouts;              ///< instead of the client's
    std::optional<std::optional<Duration>> total;  ///< the client's but for `total`
    std::optional<bool> follow_redirects;
    std::optional<bool> decompress;
};

}  // namespace tandem::inline v1::http
