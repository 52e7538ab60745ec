// bench/peers/raw/http_fanout.cpp
// What does fetching 1 KiB over many keep-alive connections cost with nothing but system calls?
// Bare epoll: the limit. One hot buffer for all connections, one recv and one send per request, and of
// HTTP only the status, Content-Length and the end of the header.
//
// Usage: http_fanout URL [requests] [connections]

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <bench/support/report.hpp>
#include <bench/support/url.hpp>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Connection {
    int descriptor = -1;
    std::string unfinished;  // an answer's first part; empty while answers come in one piece
};

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

int connect_to(const bench::Url& url) {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(url.port.c_str())));
    if (inet_pton(AF_INET, url.host.c_str(), &address.sin_addr) != 1) fail("inet_pton");
    if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        fail("connect");
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    return descriptor;
}

struct Answer {
    bool whole = false;
    bool ok = false;
    std::size_t body_bytes = 0;
};

Answer parse(std::string_view bytes) {
    constexpr std::string_view length_name = "Content-Length: ";
    const auto end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return {};

    Answer answer;
    answer.ok = bytes.starts_with("HTTP/1.1 200 ");
    const auto header = bytes.substr(0, end);
    const auto name = header.find(length_name);
    if (name == std::string_view::npos) return {.whole = true, .ok = false, .body_bytes = 0};
    std::from_chars(header.data() + name + length_name.size(), header.data() + header.size(),
                    answer.body_bytes);
    answer.whole = bytes.size() >= end + 4 + answer.body_bytes;
    return answer;
}

class Client {
public:
    Client(const bench::Url& url, long requests, long connections)
        : request_("GET " + url.target + " HTTP/1.1\r\nHost: " + url.authority() + "\r\n\r\n"),
          poller_(epoll_create1(EPOLL_CLOEXEC)),
          connections_(static_cast<std::size_t>(connections)),
          unsent_(requests),
          unanswered_(requests) {
        for (auto& connection : connections_) {
            connection.descriptor = connect_to(url);
            epoll_event interest{};
            interest.events = EPOLLIN;
            interest.data.ptr = &connection;
            epoll_ctl(poller_, EPOLL_CTL_ADD, connection.descriptor, &interest);
        }
    }

    void run(bench::Fanout& run) {
        for (auto& connection : connections_) send_next(connection);
        std::array<epoll_event, 512> events{};
        while (unanswered_ > 0) {
            const int count = epoll_wait(poller_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < count; ++i) {
                receive(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr), run);
            }
        }
        for (auto& connection : connections_) close(connection.descriptor);
        close(poller_);
    }

private:
    void send_next(Connection& connection) {
        if (unsent_ == 0) return;
        --unsent_;
        const auto sent = send(connection.descriptor, request_.data(), request_.size(), MSG_NOSIGNAL);
        if (sent != static_cast<ssize_t>(request_.size())) fail("send");
    }

    void receive(Connection& connection, bench::Fanout& run) {
        const auto count = recv(connection.descriptor, buffer_.data(), buffer_.size(), 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) fail("recv");

        std::string_view bytes(buffer_.data(), static_cast<std::size_t>(count));
        if (!connection.unfinished.empty()) bytes = connection.unfinished.append(bytes);
        const auto answer = parse(bytes);
        if (!answer.whole) {
            if (connection.unfinished.empty()) connection.unfinished = bytes;
            return;
        }
        connection.unfinished.clear();
        run.body_bytes += answer.body_bytes;
        run.errors += answer.ok ? 0 : 1;
        --unanswered_;
        send_next(connection);
    }

    std::string request_;
    int poller_;
    std::vector<Connection> connections_;
    std::array<char, 16 * 1024> buffer_{};
    long unsent_;
    long unanswered_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return std::fprintf(stderr, "usage: http_fanout URL [requests] [connections]\n"), 2;
    bench::Fanout run;
    run.requests = bench::argument(argc, argv, 2, 200'000);
    run.connections = bench::argument(argc, argv, 3, 64);
    const auto url = bench::parse_url(argv[1]);

    const auto before = bench::usage_now();
    Client(url, run.requests, run.connections).run(run);
    run.used = bench::usage_now() - before;

    bench::report_fanout("raw_epoll", run);
}
