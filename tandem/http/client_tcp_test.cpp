// The client over real sockets on loopback, against servers that behave badly.
#include <tandem/http/client.hpp>

#include <tandem/http/client_peer_internal.hpp>
#include <tandem/io/line_reader.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;

/// One request's head; "" at the end of the connection.
Task<std::string> read_head(net::TcpStream& peer) {
    std::string head;
    char bytes[512];
    while (!head.ends_with("\r\n\r\n")) {
        const std::size_t count = co_await peer.read_some(bytes);
        if (count == 0) co_return std::string();
        head.append(bytes, count);
    }
    co_return head;
}

/// A server on a port of its own that does `handler` with every connection.
class Served {
public:
    explicit Served(net::TcpListener listener) : listener_(std::move(listener)) {}
    void start(net::ConnectionHandler handler) {
        serving_ = create_task(net::serve(listener_, std::move(handler)));
    }
    Task<void> stop() {
        serving_.cancel();
        co_await serving_.join_only();
    }
    [[nodiscard]] std::string url(const std::string& host = "127.0.0.1") const {
        return "http://" + host + ":" + std::to_string(listener_.port()) + "/";
    }

private:
    net::TcpListener listener_;
    TaskHandle<void> serving_;
};

Task<net::TcpListener> loopback(std::string host) {
    net::ListenOptions options;
    options.host = host;
    co_return co_await net::listen(options);
}

ASYNC_TEST_REAL_TIME(HttpH46, ten_thousand_gets_of_a_server_that_closes_after_each_answer_all_succeed) {
    net::TcpListener listener = co_await loopback("127.0.0.1");
    Served server(std::move(listener));
    // It announces nothing: the client learns of the end only by meeting it.
    net::ConnectionHandler once = [](net::TcpStream peer) -> Task<void> {
        const std::string head = co_await read_head(peer);
        if (head.empty()) co_return;
        co_await peer.write_all(ok_response("x"));
        co_await peer.close();
    };
    server.start(once);
    std::size_t answered = 0;
    {
        Client client;
        const Url url(server.url());
        for (int i = 0; i < 10'000; ++i) {
            Response reply = co_await client.get(url);
            answered += reply.ok() ? 1U : 0U;
        }
        co_await client.close();
    }
    co_await server.stop();

    EXPECT_EQ(answered, 10'000U);
}

ASYNC_TEST_REAL_TIME(HttpH37, a_server_that_closes_or_resets_in_mid_body_gives_incomplete_body) {
    net::TcpListener listener = co_await loopback("127.0.0.1");
    Served server(std::move(listener));
    net::ConnectionHandler cut = [](net::TcpStream peer) -> Task<void> {
        const std::string head = co_await read_head(peer);
        co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" +
                                std::string(60'000, 'x'));
        co_await sleep(20ms);
        if (head.find("/reset") != std::string::npos)
            peer.abort();
        else
            co_await peer.close();
    };
    server.start(cut);
    Client client;

    Response closed = co_await client.get(server.url());
    const auto end = co_await caught<IncompleteBody>(closed.text());
    Response reset = co_await client.get(server.url() + "reset");
    const auto broken = co_await caught<IncompleteBody>(reset.text());
    co_await client.close();
    co_await server.stop();

    EXPECT_TRUE(end.has_value());
    EXPECT_EQ(end ? end->received() : 0, 60'000U);
    EXPECT_EQ(end ? end->expected() : 0, 100'000U);
    EXPECT_TRUE(broken.has_value());
}

ASYNC_TEST_REAL_TIME(HttpH51, a_server_that_never_answers_is_a_timeout_that_names_the_peer) {
    net::TcpListener listener = co_await loopback("127.0.0.1");
    Served server(std::move(listener));
    net::ConnectionHandler silent = [](net::TcpStream peer) -> Task<void> {
        co_await read_head(peer);
        co_await read_head(peer);  // until the client gives up
    };
    server.start(silent);
    Timeouts limits;
    limits.response = 50ms;
    Client client(ClientOptions().timeouts(limits));

    const auto error = co_await caught<TimeoutError>(client.get(server.url()));
    const auto status = client.pool_status();
    co_await client.close();
    co_await server.stop();

    EXPECT_TRUE(error.has_value());
    EXPECT_EQ(error ? error->phase() : "", "response");
    EXPECT_NE(std::string(error ? error->what() : "").find("127.0.0.1:"), std::string::npos);
    EXPECT_EQ(status.in_use + status.idle, 0U);
}

ASYNC_TEST_REAL_TIME(HttpH113, a_refused_port_is_a_connect_error_and_nothing_was_sent) {
    std::string url;
    {
        net::TcpListener listener = co_await loopback("127.0.0.1");
        url = "http://127.0.0.1:" + std::to_string(listener.port()) + "/";
    }
    Client client;

    const auto error = co_await caught<net::ConnectError>(client.get(url));
    const auto status = client.pool_status();
    co_await client.close();

    EXPECT_TRUE(error.has_value());
    EXPECT_EQ(error ? reached(*error) : Reached::processed, Reached::not_sent);
    EXPECT_EQ(status.connecting + status.in_use + status.idle + status.waiting, 0U);
}

ASYNC_TEST_REAL_TIME(HttpX36, over_sockets_too_another_address_or_port_hears_no_secret) {
    net::TcpListener first = co_await loopback("127.0.0.1");
    net::TcpListener second = co_await loopback("127.0.0.2");
    Served here(std::move(first));
    Served there(std::move(second));
    std::string heard;
    std::string* const said = &heard;
    net::ConnectionHandler listen_in = [said](net::TcpStream peer) -> Task<void> {
        *said = co_await read_head(peer);
        co_await peer.write_all(ok_response("x"));
        co_await read_head(peer);
    };
    const std::string location = there.url("127.0.0.2");
    net::ConnectionHandler send_on = [location](net::TcpStream peer) -> Task<void> {
        co_await read_head(peer);
        co_await peer.write_all("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location +
                                "\r\n\r\n");
        co_await read_head(peer);
    };
    there.start(listen_in);
    here.start(send_on);
    Client client;

    Response reply =
        co_await client.get(here.url(), Options().bearer("secret").header("X-Api-Key", "secret"));
    co_await client.close();
    co_await here.stop();
    co_await there.stop();

    EXPECT_EQ(reply.status(), 200);
    EXPECT_TRUE(heard.starts_with("GET / HTTP/1.1\r\nHost: 127.0.0.2:")) << heard;
    EXPECT_EQ(heard.find("secret"), std::string::npos) << heard;
}

ASYNC_TEST_REAL_TIME(HttpH114, connect_to_and_resolve_lead_elsewhere_and_host_stays) {
    net::TcpListener listener = co_await loopback("127.0.0.1");
    const auto port = listener.port();
    Served server(std::move(listener));
    std::string heard;
    std::string* const said = &heard;
    net::ConnectionHandler answer = [said](net::TcpStream peer) -> Task<void> {
        *said = co_await read_head(peer);
        co_await peer.write_all(ok_response("x"));
        co_await read_head(peer);
    };
    server.start(answer);
    Client by_name(ClientOptions().connect_to("example.test", 80, "127.0.0.1", port));
    Client by_address(
        ClientOptions().resolve("example.test", port, {net::SocketAddress::ip("127.0.0.1", port)}));

    Response first = co_await by_name.get("http://example.test/");
    const std::string named = heard;
    Response second = co_await by_address.get("http://example.test:" + std::to_string(port) + "/");
    co_await by_name.close();
    co_await by_address.close();
    co_await server.stop();

    EXPECT_TRUE(first.ok());
    EXPECT_TRUE(second.ok());
    EXPECT_NE(named.find("Host: example.test\r\n"), std::string::npos) << named;
    EXPECT_EQ(first.remote(), "127.0.0.1:" + std::to_string(port));
}

}  // namespace
}  // namespace tandem::http
