// P4 from the network upwards: what was opened on one loop and is used on another says so at once.
#include <tandem/http/client.hpp>
#include <tandem/http/server.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/timeout.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

std::string end_on_another_loop(const std::function<Task<void>()>& use) {
    EventLoop second;
    try {
        second.run_until_complete(timeout(5s, use()));
        return "works";
    } catch (const WrongLoop&) {
        return "WrongLoop";
    } catch (const std::exception& error) {
        return error.what();
    }
}

struct Opened {
    std::optional<net::TcpListener> listener;
    std::optional<net::TcpStream> near;
    std::optional<net::TcpStream> far;
};

Task<void> open_all(Opened& opened) {
    net::ListenOptions where;
    where.host = "127.0.0.1";
    net::TcpListener listener = co_await net::listen(where);
    opened.listener.emplace(std::move(listener));
    net::TcpStream near = co_await net::connect("127.0.0.1", opened.listener->port());
    opened.near.emplace(std::move(near));
    net::TcpStream far = co_await opened.listener->accept();
    opened.far.emplace(std::move(far));
}

http::Response pong(http::Request&) { return http::Response::text("pong"); }

Task<void> start(http::Server& server) {
    net::ListenOptions where;
    where.host = "127.0.0.1";
    co_await server.start(where);
}

Task<std::string> ask(http::Client& client, std::string url) {
    auto response = co_await client.get(url);
    std::string text = co_await response.text();
    co_return text;
}

}  // namespace

TEST(P4, streams_and_listeners_belong_to_the_loop_that_opened_them) {
    EventLoop first;
    Opened opened;
    first.run_until_complete(open_all(opened));
    char byte = 0;
    const auto read = [&]() -> Task<void> { co_await opened.near->read_some(MutableBytes(&byte, 1)); };
    const auto accept = [&]() -> Task<void> { co_await opened.listener->accept(); };

    EXPECT_EQ(end_on_another_loop(read), "WrongLoop");
    EXPECT_EQ(end_on_another_loop(accept), "WrongLoop");
    opened = Opened();
}

TEST(P4, a_client_belongs_to_the_loop_of_its_first_call_until_that_ends) {
    http::Client client;
    std::string url;
    const auto elsewhere = [&]() -> Task<void> {
        const std::string text = co_await ask(client, url);
        EXPECT_EQ(text, "pong");
    };
    {
        EventLoop first;
        http::Server server(pong);
        first.run_until_complete(start(server));
        url = server.url("/");
        EXPECT_EQ(first.run_until_complete(ask(client, url)), "pong");
        EXPECT_EQ(end_on_another_loop(elsewhere), "WrongLoop");
        first.run_until_complete(server.shutdown(1s));
        first.close();
    }
    EventLoop third;
    http::Server server(pong);
    third.run_until_complete(start(server));
    url = server.url("/");
    EXPECT_EQ(third.run_until_complete(ask(client, url)), "pong");
    third.run_until_complete(client.close());
    third.run_until_complete(server.shutdown(1s));
}
