#pragma once

#include <tandem/net/tcp_listener.hpp>
#include <tandem/net/tcp_stream.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <functional>

namespace tandem::inline v1::net {

/// What is done with one connection. Called once per connection; copies share nothing but what they capture
/// by reference.
using ConnectionHandler = std::function<Task<void>(TcpStream)>;

struct ServeOptions {
    std::size_t max_connections =
        10'000;  ///< when that many are being served, the backlog fills and nothing else grows
};

/// Accepts until cancelled. Each connection is a child task: a handler that fails ends its own connection
/// only, and its exception goes to the loop's exception handler; cancelling ends and joins them all
/// (sem:IO27).
///
///     co_await net::serve(listener, echo);
///
/// Errors      what `accept()` throws; then the connections are cancelled and joined first.
/// Lifetime    borrows the listener, which stays open.
[[nodiscard]] Task<void> serve(TcpListener& listener, ConnectionHandler handler, ServeOptions options = {});

}  // namespace tandem::inline v1::net
