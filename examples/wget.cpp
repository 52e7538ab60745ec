// Three hosts asked at once over plain streams: the head of what each answers.
#include <tandem/tandem.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

/// The hosts stand on this machine; who asks for one by its name and port 80 is connected to it.
net::ConnectOptions hosts;

// E2

Task<void> wget(std::string host) {
    std::printf("wget %s...\n", host.c_str());
    net::TcpStream stream = co_await net::connect(host, 80, hosts);
    net::StreamWriter writer(stream);
    io::LineReader reader(stream);
    writer.write("GET / HTTP/1.0\r\nHost: " + host + "\r\n\r\n");
    co_await writer.drain();
    while (auto line = co_await reader.next()) {
        if (line->empty()) break;
        std::printf("%s header > %s\n", host.c_str(), line->c_str());
    }
    // Ignore the body, close the socket
    co_await writer.close();
}

Task<void> async_wget() {
    co_await gather(wget("www.sina.com.cn"), wget("www.sohu.com"), wget("www.163.com"));
}

// E3: the same as a list of tasks that is waited for.

Task<void> async_wget2() {
    std::vector<TaskHandle<void>> tasks;
    for (const char* host : {"www.sina.com.cn", "www.sohu.com", "www.163.com"})
        tasks.push_back(create_task(wget(host)));
    co_await wait(tasks);
}

// O1: without a writer, and with what each of them returns.

Task<int> count_headers(std::string host) {
    net::TcpStream stream = co_await net::connect(host, 80, hosts);
    co_await stream.write_all("HEAD / HTTP/1.0\r\nHost: " + host + "\r\n\r\n");
    io::LineReader reader(stream);
    int headers = 0;
    while (auto line = co_await reader.next()) headers += line->empty() ? 0 : 1;
    co_await stream.close();
    co_return headers;
}

Task<void> wget_with_results() {
    const auto [sina, sohu, netease] = co_await gather(
        count_headers("www.sina.com.cn"), count_headers("www.sohu.com"), count_headers("www.163.com"));
    std::printf("%d, %d and %d lines\n", sina, sohu, netease);
}

// The hosts: each takes a little longer than the one before.

class Hosts {
public:
    Task<void> start() {
        Duration delay = 100ms;
        for (const char* name : {"www.sina.com.cn", "www.sohu.com", "www.163.com"}) {
            auto server = std::make_unique<http::Server>(
                [this, delay](http::Request& request) { return answer(request, delay); });
            co_await server->start();
            hosts.resolve(name, 80, {net::SocketAddress::ip("127.0.0.1", server->port())});
            servers_.push_back(std::move(server));
            delay += 100ms;
        }
    }
    Task<void> stop() {
        for (auto& server : servers_) co_await server->shutdown(1s);
        std::printf("%d connections at once\n", most_);
    }

private:
    Task<http::Response> answer(http::Request&, Duration delay) {
        most_ = std::max(most_, ++at_once_);
        co_await sleep(delay);
        --at_once_;
        co_return http::Response::html("<h1>Hello</h1>").header("Date", "Tue, 15 Nov 1994 08:12:31 GMT");
    }
    std::vector<std::unique_ptr<http::Server>> servers_;
    int at_once_ = 0;
    int most_ = 0;
};

Task<void> with_hosts(Task<void> work) {
    Hosts standing_in;
    co_await standing_in.start();
    co_await std::move(work);
    co_await standing_in.stop();
}

int main() {
    VirtualTime time;

    std::puts("E2");
    run(with_hosts(async_wget()), {.time = &time});

    std::puts("E3");
    run(with_hosts(async_wget2()), {.time = &time});

    std::puts("O1");
    run(with_hosts(wget_with_results()), {.time = &time});
}
