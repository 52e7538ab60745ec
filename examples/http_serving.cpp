// Servers: six lines for everybody, a page at once and in pieces, a line each second, many requests, and an
// end in good order.
#include <tandem/tandem.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <malloc.h>

using namespace tandem;
using namespace std::chrono_literals;

// J20: a stream server.

Task<void> handle(net::TcpStream socket) {
    co_await socket.write_all("Hello from a telnet!\n");
    for (int i = 0; i < 5; ++i) co_await socket.write_all(std::to_string(i) + "\n");
    co_await socket.close();
}

Task<void> stream_server() {
    net::TcpListener listener = co_await net::listen({.host = "127.0.0.1"});
    auto server = create_task(net::serve(listener, handle));
    net::TcpStream telnet = co_await net::connect(listener.local());
    io::LineReader lines(telnet);
    while (auto line = co_await lines.next()) std::puts(line->c_str());
    co_await telnet.close();
    server.cancel();
    co_await server.join();
}

// J21: the whole page, and its length.

http::Response application(http::Request&) { return http::Response::html("<p>Hello World</p>"); }

Task<void> buffered() {
    http::Server server(application);
    co_await server.start();
    http::Client client;
    auto response = co_await client.get(server.url("/"));
    const std::string page = co_await response.text();
    std::printf("%s: %s\n",
                std::string(response.headers().get("Content-Length").value_or("no length")).c_str(),
                page.c_str());
    co_await client.close();
    co_await server.shutdown(1s);
}

// J22: a generator; what it yields is a chunk.

AsyncGenerator<std::string> hello_world() {
    co_yield "<p>Hello";
    co_yield "World</p>";
}

http::Response streaming_application(http::Request&) {
    return http::Response::stream(http::generated_body(hello_world()), "text/html");
}

Task<void> streaming() {
    http::Server server(streaming_application);
    co_await server.start();
    net::TcpStream stream = co_await net::connect("127.0.0.1", server.port());
    co_await stream.write_all("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    io::LineReader lines(stream);
    bool body = false;
    while (auto line = co_await lines.next()) {
        if (body && !line->empty()) std::puts(line->c_str());
        if (line->empty()) body = true;
    }
    co_await stream.close();
    co_await server.shutdown(1s);
}

// J23: long polling.

Task<void> producer(Queue<std::string>& data_source) {
    for (int i = 0; i < 3; ++i) {
        data_source.put_nowait("Hello World");
        co_await sleep(1s);
    }
    co_await sleep(10s);
    data_source.put_nowait("Hello again");
}

AsyncGenerator<std::string> ajax_endpoint(Queue<std::string>& data_source) {
    for (;;) {
        const auto datum = co_await move_on_after(5s, data_source.get());
        if (datum) co_yield "\"" + *datum + "\"\n";
    }
}

Task<void> long_polling() {
    Queue<std::string> data_source;
    http::Server server([&data_source](http::Request&) {
        return http::Response::stream(http::generated_body(ajax_endpoint(data_source)), "application/json");
    });
    co_await server.start();
    const auto begin = this_loop().time();
    auto producing = create_task(producer(data_source));
    http::Client client;
    auto response = co_await client.get(server.url("/"));
    for (int line = 0; line < 4; ++line) {
        auto chunk = co_await response.next_chunk();
        std::printf("%ld s: %s", static_cast<long>((this_loop().time() - begin) / 1s),
                    chunk.value_or("end\n").c_str());
    }
    co_await client.close();
    co_await producing;
    co_await server.shutdown(1s);
}

// J26: ten thousand requests, a hundred at a time.

Task<void> keep_asking(http::Client& client, std::string url, int& left, int& complete) {
    while (left > 0) {
        --left;
        auto response = co_await client.get(url);
        const std::string page = co_await response.text();
        if (page == "<p>Hello World</p>") ++complete;
    }
}

Task<void> many_requests() {
    http::Server server(application);
    co_await server.start();
    http::Client client;
    int left = 10'000;
    int complete = 0;
    TaskGroup callers;
    for (int i = 0; i < 100; ++i) callers.create_task(keep_asking(client, server.url("/"), left, complete));
    co_await callers.join();
    std::printf("%d complete, %d failed\n", complete, 10'000 - complete);
    co_await client.close();
    co_await server.shutdown(1s);
}

// V7: ten at a time; who comes beyond that waits in the backlog.

Task<std::string> ask(std::uint16_t port) {
    net::TcpStream stream = co_await net::connect("127.0.0.1", port);
    co_await stream.write_all("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    io::LineReader lines(stream);
    auto status = co_await lines.next();
    co_await stream.close();
    co_return status.value_or("");
}

Task<void> backpressure() {
    int now = 0;
    int most = 0;
    http::Server server(
        [&](http::Request&) -> Task<http::Response> {
            most = std::max(most, ++now);
            co_await sleep(10ms);
            --now;
            co_return http::Response::text("served");
        },
        http::ServerOptions().max_connections(10));
    co_await server.start();
    std::vector<Task<std::string>> clients;
    for (int i = 0; i < 100; ++i) clients.push_back(ask(server.port()));
    const auto answers = co_await gather(std::move(clients));
    std::printf("%ld of 100 were served, at most %d at a time\n",
                static_cast<long>(std::count(answers.begin(), answers.end(), "HTTP/1.1 200 OK")), most);
    co_await server.shutdown(1s);
}

// V9: a client that asks and asks and never listens.

std::size_t bytes_in_use() {
    const auto memory = ::mallinfo2();
    return memory.uordblks + memory.hblkhd;
}

Task<void> pipeline(net::TcpStream& stream, int requests) {
    std::string some;
    for (int i = 0; i < 100; ++i) some += "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (int i = 0; i < requests; i += 100) co_await stream.write_all(some);
}

Task<void> stress() {
    http::Server server(application);
    co_await server.start();
    http::Client other;
    co_await other.get(server.url("/"));
    net::TcpStream stream = co_await net::connect("127.0.0.1", server.port());
    const auto before = bytes_in_use();
    auto asking = create_task(pipeline(stream, 1'000'000));
    std::uint64_t answered = 0;
    do {
        answered = server.counts().requests;
        co_await sleep(200ms);
    } while (server.counts().requests != answered);
    const auto after = bytes_in_use();
    auto response = co_await other.get(server.url("/"));
    const std::string page = co_await response.text();
    std::printf("memory: less than 2 MB more: %s\n", after < before + 2'000'000 ? "yes" : "no");
    std::printf("others are served: %s\n", page.c_str());
    asking.cancel();
    co_await asking.join();
    stream.abort();
    co_await other.close();
    co_await server.shutdown(1s);
}

// V21: stop accepting, finish what is under way, cancel what takes too long.

Task<http::Response> work(http::Request& request) {
    const std::string name(request.path());
    try {
        co_await sleep(name == "/short" ? 1s : 1h);
    } catch (const Cancelled&) {
        std::printf("%s was cancelled\n", name.c_str());
        throw;
    }
    std::printf("%s is finished\n", name.c_str());
    co_return http::Response::text(name);
}

Task<std::string> outcome(http::Client& client, std::string url) {
    auto response = co_await as_result(client.get(url));
    co_return response.has_value() ? std::to_string(response.value().status()) : "the connection was closed";
}

Task<void> graceful_shutdown() {
    http::Client client;
    const auto before = all_tasks(this_loop()).size();
    http::Server server(work);
    co_await server.start();
    auto quick = create_task(outcome(client, server.url("/short")));
    auto slow = create_task(outcome(client, server.url("/long")));
    co_await sleep(500ms);
    const auto begin = this_loop().time();
    co_await server.shutdown(2s);
    std::printf("closed after %ld s\n", static_cast<long>((this_loop().time() - begin) / 1s));
    const auto [short_one, long_one] = co_await gather(quick, slow);
    std::printf("short: %s, long: %s\n", short_one.c_str(), long_one.c_str());
    const auto late = co_await as_result(net::connect("127.0.0.1", server.port()));
    std::printf("accepting: %s\n", late.has_value() ? "yes" : "no");
    co_await client.close();
    std::printf("tasks left: %zu\n", all_tasks(this_loop()).size() - before);
}

int main() {
    std::puts("J20");
    run(stream_server());

    std::puts("J21");
    run(buffered());

    std::puts("J22");
    run(streaming());

    VirtualTime time;
    std::puts("J23");
    run(long_polling(), {.time = &time});

    std::puts("J26");
    run(many_requests());

    std::puts("V7");
    run(backpressure());

    std::puts("V9");
    run(stress());

    std::puts("V21");
    run(graceful_shutdown(), {.time = &time});
}
