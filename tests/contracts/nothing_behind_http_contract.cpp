// V2, the room of HTTP.
#include <tests/contracts/nothing_behind.hpp>

#include <tandem/bridge/run.hpp>
#include <tandem/http/client.hpp>
#include <tandem/http/server.hpp>
#include <tandem/io/memory_stream.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/race.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace tandem::contracts {
namespace {

using namespace std::chrono_literals;

http::Response hello(http::Request&) { return http::Response::text("hello"); }

http::Router every_method() {
    http::Router routes;
    for (const auto* method : {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
        routes.route(method, "/", hello);
    return routes;
}

Task<void> read(Task<http::Response> call) {
    auto response = co_await std::move(call);
    co_await response.bytes();
}

/// What a client keeps, its connections and a watch over them, is its own, from its first call to `close()`.
ASYNC_TEST_NETWORK(V2, a_call_of_an_http_client_leaves_nothing_behind_but_the_client) {
    http::Server server(every_method());
    co_await server.start();
    const auto url = server.url("/");
    co_await leaves_nothing("http/client.hpp: close", [&]() -> Task<void> {
        http::Client client;
        co_await read(client.get(url));
        co_await client.close();
        while (server.counts().connections > 0) co_await sleep(1ms);
    });
    http::Client client;
    co_await read(client.get(url));
    co_await leaves_nothing("http/client.hpp: get", [&] { return read(client.get(url)); });
    co_await leaves_nothing("http/client.hpp: head", [&] { return read(client.head(url)); });
    co_await leaves_nothing("http/client.hpp: options", [&] { return read(client.options(url)); });
    co_await leaves_nothing("http/client.hpp: post", [&] { return read(client.post(url)); });
    co_await leaves_nothing("http/client.hpp: put", [&] { return read(client.put(url)); });
    co_await leaves_nothing("http/client.hpp: patch", [&] { return read(client.patch(url)); });
    co_await leaves_nothing("http/client.hpp: remove", [&] { return read(client.remove(url)); });
    co_await leaves_nothing("http/client.hpp: request", [&] { return read(client.request("GET", url)); });
    co_await leaves_nothing("http/client.hpp: send",
                            [&] { return read(client.send(http::Request("GET", http::Url(url)))); });
    co_await client.close();
    co_await server.shutdown(1s);
}

Task<void> ask_by_the_loops_client() {
    http::Server server(every_method());
    co_await server.start();
    const auto url = server.url("/");
    co_await read(http::get(url));
    co_await leaves_nothing("http/client.hpp: get, the loop's", [&] { return read(http::get(url)); });
    co_await server.shutdown(1s);
}

TEST(V2, a_call_without_a_client_leaves_the_loops_client_until_the_loop_ends) {
    run(ask_by_the_loops_client());  // and warns of nothing
}

Task<void> ask(io::MemoryStream stream) {
    co_await stream.write_all("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    std::string buffer(1'000, '\0');
    while (auto count = co_await stream.read_some(buffer)) EXPECT_GT(count, 0U);
    co_await stream.close();
}

ASYNC_TEST_NETWORK(V2, an_http_server_leaves_nothing_behind_once_it_has_ended) {
    co_await leaves_nothing("http/server.hpp: serve_connection", []() -> Task<void> {
        auto pair = io::stream_pair();
        co_await gather(http::serve_connection(std::move(pair.first), hello), ask(std::move(pair.second)));
    });
    co_await leaves_nothing("http/server.hpp: start, http/server.hpp: shutdown", []() -> Task<void> {
        http::Server server(hello);
        co_await server.start();
        http::Client client;
        co_await read(client.get(server.url("/")));
        co_await server.shutdown(1s);
        co_await client.close();
    });
    co_await leaves_nothing("http/server.hpp: serve", []() -> Task<void> {
        auto listener = co_await net::listen({.host = "127.0.0.1"});
        const auto url = "http://" + listener.local_address() + "/";
        http::Client client;
        co_await race(http::serve(listener, hello), read(client.get(url)));
        co_await client.close();
    });
}

}  // namespace
}  // namespace tandem::contracts
