#pragma once

#include <tandem/base/time.hpp>
#include <tandem/http/limits.hpp>
#include <tandem/tls/context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tandem::inline v1::http {

/// What one request came to (H167). The views live during the call.
struct AccessRecord {
    std::string_view peer;
    std::string_view method;
    std::string_view target;
    int status = 0;              ///< 0: the handler was cancelled before it answered
    std::uint64_t bytes_in = 0;  ///< head and body, as on the wire
    std::uint64_t bytes_out = 0;
    Duration first_byte{};  ///< from the end of the head to the first byte of the answer
    Duration total{};
    bool tls = false;
};

/// The limits of a server and what else can be chosen (L1-L18). Absence is `std::nullopt`, zero is refused.
class ServerOptions {
public:
    ServerOptions() {}
    ServerOptions(const ServerOptions&) = default;
    ServerOptions(ServerOptions&&) = default;
    ServerOptions& operator=(const ServerOptions&) = default;
    ServerOptions& operator=(ServerOptions&&) = default;
    ~ServerOptions() {}

    /// Heads, chunk extensions, trailers and bodies (L1-L8); `max_body_bytes` in it is the routes' default.
    ServerOptions& limits(const HttpLimits& value) { return value.validate(), limits_ = value, *this; }
    ServerOptions& max_body_bytes(std::optional<std::uint64_t> value) {
        return limits_.max_body_bytes = value, limits_.validate(), *this;
    }
    /// From accept or the first byte to the end of the head (L10).
    ServerOptions& head_deadline(std::optional<Duration> value) {
        return head_deadline_ = checked(value), *this;
    }
    /// Bytes per second that a body must bring while it is waited for; measured over 10 s, after the first 5
    /// (L11).
    ServerOptions& min_body_rate(std::optional<std::uint64_t> value) { return min_body_rate_ = value, *this; }
    /// Between requests (L12).
    ServerOptions& idle(std::optional<Duration> value) { return idle_ = checked(value), *this; }
    /// A peer that takes nothing for so long is cut off (L13).
    ServerOptions& write_stall(std::optional<Duration> value) { return write_stall_ = checked(value), *this; }
    /// Then accepting waits (L14).
    ServerOptions& max_connections(std::size_t value);
    /// Further ones are closed at once; loopback is exempt (L15).
    ServerOptions& max_connections_per_peer(std::optional<std::size_t> value) {
        return per_peer_ = value, *this;
    }
    /// Requests over TLS, with this server's context.
    ServerOptions& tls(tls::Context context) { return tls_ = std::move(context), *this; }
    ServerOptions& handshake_timeout(Duration value) { return handshake_timeout_ = *checked(value), *this; }
    /// Whether a peer's reset cancels the handler; on. Looked at from 200 ms on (H160).
    ServerOptions& cancel_on_disconnect(bool value) { return cancel_on_disconnect_ = value, *this; }
    /// Called once per request, on the server's loop; must not throw.
    ServerOptions& access_log(std::function<void(const AccessRecord&)> value) {
        return access_log_ = std::move(value), *this;
    }

    const HttpLimits& limits() const { return limits_; }
    std::optional<Duration> head_deadline() const { return head_deadline_; }
    std::optional<std::uint64_t> min_body_rate() const { return min_body_rate_; }
    std::optional<Duration> idle() const { return idle_; }
    std::optional<Duration> write_stall() const { return write_stall_; }
    std::size_t max_connections() const { return max_connections_; }
    std::optional<std::size_t> max_connections_per_peer() const { return per_peer_; }
    const std::optional<tls::Context>& tls() const { return tls_; }
    Duration handshake_timeout() const { return handshake_timeout_; }
    bool cancel_on_disconnect() const { return cancel_on_disconnect_; }
    const std::function<void(const AccessRecord&)>& access_log() const { return access_log_; }

private:
    static std::optional<Duration> checked(std::optional<Duration> value);

    HttpLimits limits_ = HttpLimits::server();
    std::optional<Duration> head_deadline_ = std::chrono::seconds(10);
    std::optional<std::uint64_t> min_body_rate_ = 500;
    std::optional<Duration> idle_ = std::chrono::seconds(60);
    std::optional<Duration> write_stall_ = std::chrono::seconds(60);
    std::size_t max_connections_ = 10'000;
    std::optional<std::size_t> per_peer_ = 1'000;
    std::optional<tls::Context> tls_;
    Duration handshake_timeout_ = std::chrono::seconds(10);
    bool cancel_on_disconnect_ = true;
    std::function<void(const AccessRecord&)> access_log_;
};

}  // namespace tandem::inline v1::http
