#pragma once

#include <tandem/base/time.hpp>
#include <tandem/http/router.hpp>
#include <tandem/http/server_handler.hpp>
#include <tandem/http/server_options.hpp>
#include <tandem/io/byte_stream.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/task.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tandem::inline v1::http {

/// Accepts and answers until cancelled. Each connection is a child task; a handler's failure ends at most its
/// own.
///
///     net::TcpListener listener = co_await net::listen(where);
///     co_await http::serve(listener, routes);
///
/// Errors      what `accept()` throws; then the connections are cancelled and joined first.
/// Cancelling  cancels and joins every connection.
/// Lifetime    borrows the listener, which stays open.
[[nodiscard]] Task<void> serve(net::TcpListener& listener, Handler handler,
                               ServerOptions options = ServerOptions());

/// Answers the requests of one connection until either side ends it: no port is needed.
///
/// Errors      none of the peer's: what it does wrong ends the connection.
/// Cancelling  aborts the connection.
[[nodiscard]] Task<void> serve_connection(std::unique_ptr<io::ByteStream> stream, Handler handler,
                                          ServerOptions options = ServerOptions());
template <std::derived_from<io::ByteStream> Stream>
[[nodiscard]] Task<void> serve_connection(Stream stream, Handler handler,
                                          ServerOptions options = ServerOptions()) {
    return serve_connection(std::unique_ptr<io::ByteStream>(std::make_unique<Stream>(std::move(stream))),
                            std::move(handler), std::move(options));
}

/// What a server has done so far.
struct ServerCounts {
    std::size_t connections = 0;  ///< open now
    std::uint64_t connections_accepted = 0;
    std::uint64_t requests = 0;  ///< whose head was complete and right
    std::uint64_t failures = 0;  ///< handlers that threw
};

/// A server as an object: it runs beside other work and ends in good order.
///
///     http::Server server(routes);
///     co_await server.start();                      // any free port of 127.0.0.1
///     use(server.url("/"));
///     co_await server.shutdown(30s);
///
/// Errors      `start()`: `net::listen`'s; twice: `InvalidStateError`. A failing `accept()` comes out of
/// `serve` and
///             `shutdown`.
/// Cancelling  a cancelled `shutdown()` ends at once what was still being answered.
/// Threads     the loop on which it was started.
/// Lifetime    destroyed while it serves, its connections are cancelled; they end by themselves.
class Server {
public:
    explicit Server(Handler handler, ServerOptions options = ServerOptions());
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    /// Listens and serves in a task of its own. The default is a free port of the loopback address.
    [[nodiscard]] Task<void> start();
    [[nodiscard]] Task<void> start(net::ListenOptions where);
    /// Serves here until cancelled or shut down. Takes the listener over.
    [[nodiscard]] Task<void> serve(net::TcpListener listener);
    /// Stops accepting, closes idle connections, lets what is under way finish with `Connection: close` until
    /// the deadline, then cancels it (H161). Afterwards no task and no descriptor of the server is left.
    [[nodiscard]] Task<void> shutdown(Deadline deadline = std::chrono::seconds(30));

    [[nodiscard]] std::uint16_t port() const;
    /// "http://127.0.0.1:4711/path".
    [[nodiscard]] std::string url(std::string_view path = "/") const;
    /// From any thread.
    [[nodiscard]] ServerCounts counts() const;

private:
    class State;
    std::shared_ptr<State> state_;
};

}  // namespace tandem::inline v1::http
