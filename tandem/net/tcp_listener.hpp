#pragma once

#include <tandem/base/unique_fd.hpp>
#include <tandem/net/tcp_stream.hpp>
#include <tandem/task/task.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::inline v1::net {

/// Where and how to listen. Views: what they show must stay until `listen()` is over.
struct ListenOptions {
    std::string_view host = {};  ///< an address or name; empty: every address of both families
    std::uint16_t port = 0;      ///< 0: any free one, told by `TcpListener::port()`
    std::string_view path = {};  ///< a local socket instead of host and port; `@name` has no file
    int backlog = 4096;          ///< connections that wait for `accept()`
    bool reuse_address = true;   ///< bind although old connections of that port are still dying
    bool reuse_port = false;     ///< share the port with other listeners; the kernel spreads connections
    bool only_v6 = false;        ///< an IPv6 address takes no IPv4 peers
    bool no_delay = true;        ///< of the streams accepted
};

/// A socket that takes connections.
///
///     net::TcpListener listener = co_await net::listen({.port = 7000});
///     net::TcpStream peer = co_await listener.accept();
///
/// Errors      `accept()`: `std::system_error`. Connections that were aborted before we came are skipped.
/// When
///             descriptors run out (EMFILE), it is reported once to the loop's exception handler and tried
///             again every 100 ms (sem:IO27). Closed meanwhile: ECANCELED.
/// Cancelling  a cancelled `accept()` loses no connection and leaves the listener usable.
/// Threads     the loop it was opened on. Several tasks may accept at a time.
/// Lifetime    moves freely; destroying it closes it. A local socket's file goes with it.
class TcpListener {
public:
    TcpListener() noexcept = default;
    TcpListener(TcpListener&& other) noexcept = default;
    TcpListener& operator=(TcpListener&& other) noexcept;
    ~TcpListener();

    [[nodiscard]] Task<TcpStream> accept();

    /// Connections in the backlog are reset. Idempotent.
    void close() noexcept;
    bool is_open() const noexcept;
    SocketAddress local() const;
    std::string local_address() const { return local().to_string(); }
    std::uint16_t port() const { return local().port(); }
    int native_handle() const noexcept;

private:
    friend Task<TcpListener> listen(ListenOptions options);
    explicit TcpListener(SocketRef socket, std::string file) noexcept
        : socket_(std::move(socket)), file_(std::move(file)) {}

    SocketRef socket_;
    std::string file_;  // to be removed in the end
};

/// Errors      `std::system_error` (EADDRINUSE, EACCES, ...) that names the address; `DnsError` for an
/// unknown name;
///             `std::invalid_argument`.
[[nodiscard]] Task<TcpListener> listen(ListenOptions options);

}  // namespace tandem::inline v1::net
