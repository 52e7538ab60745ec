#pragma once

#include <tandem/http/client_options.hpp>
#include <tandem/http/errors.hpp>
#include <tandem/http/message.hpp>
#include <tandem/http/response.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tandem::inline v1::http {

class ClientState;

/// How a client's connections are doing.
struct PoolStatus {
    std::size_t idle = 0;
    std::size_t in_use = 0;
    std::size_t connecting = 0;
    std::size_t waiting = 0;  ///< calls without a connection
};

/// An HTTP/1.1 client with a pool of connections that it keeps and reuses.
///
///     http::Client client;
///     auto reply = co_await client.get("https://example.org/");
///     std::string page = co_await reply.text();
///
///     std::string same = client.get("https://example.org/").get().text().get();   // in plain code
///
/// A call ends with the head of the response; its body is read from the `Response`, a short one is there
/// already.
///
/// Errors      `http::Error` of many kinds (H195); `net::DnsError`, `net::ConnectError`, `tls::TlsError`
/// before anything
///             was sent. `reached()` tells of any of them whether the server can have seen the request.
/// Cancelling  closes the connection in use, gives back its slot, and returns when that is done.
/// Threads     made anywhere; from its first call on the property of that call's loop (`WrongLoop` elsewhere)
/// until that
///             loop ends. Plain code that calls `.get()` shares the background loop.
/// Lifetime    destroying it fails calls in flight with `ClientClosed`.
class Client {
public:
    Client();
    explicit Client(ClientOptions options);
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    ~Client();

    // A relative `url` is joined to `base_url`. The overloads with a `Url` save parsing it.
    [[nodiscard]] Task<Response> get(std::string_view url, Options options = Options());
    [[nodiscard]] Task<Response> get(Url url, Options options = Options());
    [[nodiscard]] Task<Response> head(std::string_view url, Options options = Options());
    [[nodiscard]] Task<Response> options(std::string_view url, Options options = Options());
    [[nodiscard]] Task<Response> remove(std::string_view url, Options options = Options());  ///< DELETE
    [[nodiscard]] Task<Response> post(std::string_view url, Options options = Options());
    [[nodiscard]] Task<Response> put(std::string_view url, Options options = Options());
    [[nodiscard]] Task<Response> patch(std::string_view url, Options options = Options());
    /// The standard methods in any case, other tokens as they are; CONNECT and TRACE are refused (H15).
    [[nodiscard]] Task<Response> request(std::string_view method, std::string_view url,
                                         Options options = Options());
    [[nodiscard]] Task<Response> request(std::string_view method, Url url, Options options = Options());
    /// A request that was put together before.
    [[nodiscard]] Task<Response> send(Request request);

    /// Ends idle connections, fails calls in flight and waiting ones with `ClientClosed`; later calls throw
    /// it too.
    [[nodiscard]] Task<void> close();
    [[nodiscard]] PoolStatus pool_status() const;
    [[nodiscard]] const ClientOptions& settings() const noexcept;

private:
    std::shared_ptr<ClientState> state_;
};

/// One call by the loop's own client, which keeps connections as any other and ends with the loop (H22).
[[nodiscard]] Task<Response> get(std::string_view url, Options options = Options());
[[nodiscard]] Task<Response> head(std::string_view url, Options options = Options());
[[nodiscard]] Task<Response> post(std::string_view url, Options options = Options());
[[nodiscard]] Task<Response> put(std::string_view url, Options options = Options());
[[nodiscard]] Task<Response> patch(std::string_view url, Options options = Options());
[[nodiscard]] Task<Response> remove(std::string_view url, Options options = Options());  ///< DELETE
[[nodiscard]] Task<Response> request(std::string_view method, std::string_view url,
                                     Options options = Options());

/// Whether a call that failed so can have reached the server (H196): `http::Error`s know, errors of names,
/// connecting and the handshake come before the first byte, of anything else nothing is known.
[[nodiscard]] Reached reached(const std::exception& error) noexcept;

}  // namespace tandem::inline v1::http
