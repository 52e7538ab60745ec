// A TCP proxy, written the naive way; and what is asked of it.
#include <tandem/io/read.hpp>
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

using namespace tandem;
using namespace std::chrono_literals;

Task<void> forward(net::TcpStream& from, net::TcpStream& to) {
    co_await io::copy(from, to);
    co_await to.shutdown_write();
}

Task<void> proxy(net::TcpStream client, net::SocketAddress target) {
    net::TcpStream server = co_await net::connect(target);
    co_await gather(forward(client, server), forward(server, client));
    co_await gather(client.close(), server.close());
}

Task<void> serve_proxy(net::TcpListener& listener, net::SocketAddress target) {
    const auto handler = [&target](net::TcpStream client) { return proxy(std::move(client), target); };
    co_await net::serve(listener, handler);
}

// What is asked of it: a source on its one side, a sink on the other.

struct Digest {
    void add(Bytes bytes) {
        for (const char byte : bytes) value = (value ^ static_cast<unsigned char>(byte)) * 1'099'511'628'211U;
        count += bytes.size();
    }
    bool operator==(const Digest&) const = default;
    std::uint64_t value = 14'695'981'039'346'656'037U;
    std::uint64_t count = 0;
};

// Something between a client and a server that both stand in this program.
struct Between {
    net::TcpListener outside;
    net::TcpListener inside;
    TaskHandle<void> proxying;

    Task<void> open() {
        outside = co_await net::listen({.host = "127.0.0.1"});
        inside = co_await net::listen({.host = "127.0.0.1"});
        proxying = create_task(serve_proxy(outside, inside.local()));
    }
    Task<void> close() {
        proxying.cancel();
        co_await proxying.join_only();
    }
};

std::uint64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t pages = 0;
    statm >> pages >> pages;
    return pages * 4096;
}

// Writes up to 10 GB and counts what was taken.
Task<void> pour(net::TcpStream& to, std::uint64_t& written) {
    const std::string block(64 * 1024, 'x');
    while (written < 10'000'000'000) {
        co_await to.write_all(block);
        written += block.size();
    }
}

// V1, V4a: a source that never stops, and a sink that reads a little and then nothing.
Task<void> stalled_sink() {
    Between between;
    co_await between.open();
    net::TcpStream source = co_await net::connect(between.outside.local());
    net::TcpStream sink = co_await between.inside.accept();
    const auto before = resident_bytes();
    std::uint64_t written = 0;
    auto pouring = create_task(pour(source, written));
    std::string some(100'000, '\0');
    co_await io::read_exactly(sink, some);
    co_await sleep(500ms);
    const auto stood_at = written;
    co_await sleep(500ms);
    std::puts("V1");
    std::printf("the writer is ahead of the reader by no more than the sockets take: %s\n",
                written < 50'000'000 ? "yes" : "no");
    std::puts("V4a");
    std::printf("the source stands still: %s\n", written == stood_at ? "yes" : "no");
    std::printf("memory: less than 2 MB more: %s\n", resident_bytes() < before + 2'000'000 ? "yes" : "no");
    pouring.cancel();
    co_await pouring.join_only();
    co_await between.close();
    sink.abort();
    source.abort();
}

// V4b: each direction ends alone.
Task<void> half_close() {
    Between between;
    co_await between.open();
    net::TcpStream client = co_await net::connect(between.outside.local());
    net::TcpStream server = co_await between.inside.accept();
    co_await client.write_all("a question");
    co_await client.shutdown_write();
    const std::string question = co_await io::read_all(server);
    std::printf("server: '%s', and its end\n", question.c_str());
    co_await server.write_all("an answer");
    co_await server.shutdown_write();
    const std::string answer = co_await io::read_all(client);
    std::printf("client: '%s', and its end\n", answer.c_str());
    co_await client.close();
    co_await server.close();
    co_await between.close();
}

// V4c: the source closes right after its last write.
Task<Digest> write_and_close(net::SocketAddress to, int round) {
    net::TcpStream stream = co_await net::connect(to);
    Digest digest;
    std::string block(10'007, '\0');
    for (int i = 0; i <= round; ++i) {
        for (std::size_t at = 0; at < block.size(); ++at)
            block[at] = static_cast<char>(at % 251 + static_cast<std::size_t>(i));
        co_await stream.write_all(block);
        digest.add(block);
    }
    co_await stream.close();
    co_return digest;
}

Task<Digest> read_to_the_end(net::TcpListener& listener) {
    net::TcpStream stream = co_await listener.accept();
    const std::string all = co_await io::read_all(stream);
    co_await stream.close();
    Digest digest;
    digest.add(all);
    co_return digest;
}

Task<void> closing_time() {
    Between between;
    co_await between.open();
    int whole = 0;
    for (int round = 0; round < 100; ++round) {
        const auto [sent, received] =
            co_await gather(write_and_close(between.outside.local(), round), read_to_the_end(between.inside));
        whole += sent == received;
    }
    std::printf("%d of 100 rounds: every byte arrived\n", whole);
    co_await between.close();
}

int main() {
    run(stalled_sink());

    std::puts("V4b");
    run(half_close());

    std::puts("V4c");
    run(closing_time());
}
