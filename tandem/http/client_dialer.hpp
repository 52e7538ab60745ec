#pragma once

#include <tandem/base/time.hpp>
#include <tandem/http/response.hpp>
#include <tandem/io/byte_stream.hpp>
#include <tandem/task/task.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace tandem::inline v1::http {

class ClientOptions;

/// Where a connection goes.
class DialTarget {
public:
    enum class Security : std::uint8_t { plain, tls };
    DialTarget(std::string host, std::uint16_t port, Security security)
        : host_(std::move(host)), port_(port), security_(security) {}

    /// A name or an address, without brackets and final dot.
    [[nodiscard]] const std::string& host() const noexcept { return host_; }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] bool tls() const noexcept { return security_ == Security::tls; }

private:
    std::string host_;
    std::uint16_t port_;
    Security security_;
};

/// A fresh connection.
class Dialed {
public:
    Dialed() noexcept {}
    Dialed(Dialed&&) noexcept = default;
    Dialed& operator=(Dialed&&) noexcept = default;
    ~Dialed() {}

    std::unique_ptr<io::ByteStream> stream;
    ConnectionInfo info;
    Duration resolve{};
    Duration connect{};
    Duration tls{};
};

/// Opens connections for a client; replace it to speak HTTP over something else than TCP, or to test without.
///
/// Errors      travel to the caller of the client as they are; none of them has sent a byte of the request.
/// Cancelling  closes what was opened so far.
/// Threads     the client's loop; several dials at a time.
/// Lifetime    outlives the client, which shares it.
class Dialer {
public:
    virtual ~Dialer() = default;
    [[nodiscard]] virtual Task<Dialed> dial(DialTarget target) = 0;

protected:
    Dialer() = default;
    Dialer(const Dialer&) = default;
    Dialer& operator=(const Dialer&) = default;
};

/// By TCP and, for https, TLS, as the options say.
[[nodiscard]] std::shared_ptr<Dialer> network_dialer(const ClientOptions& options);

}  // namespace tandem::inline v1::http
