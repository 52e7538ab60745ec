// bench/peers/raw/blocking_get.cpp
// What does a blocking GET of 1 KiB over a keep-alive connection cost with nothing but system calls?
// One send and one recv per request, and of HTTP only the status, Content-Length and the end of the header.
//
// Usage: blocking_get URL [requests]

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bench/support/report.hpp>
#include <bench/support/url.hpp>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

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
    return descriptor;
}

std::string fetch(int descriptor, const std::string& request) {
    if (send(descriptor, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size()))
        fail("send");
    constexpr std::string_view length_name = "Content-Length: ";
    static char buffer[16 * 1024];
    std::size_t filled = 0;
    for (;;) {
        const auto count = recv(descriptor, buffer + filled, sizeof buffer - filled, 0);
        if (count <= 0) fail("recv");
        filled += static_cast<std::size_t>(count);
        const std::string_view bytes(buffer, filled);
        const auto end = bytes.find("\r\n\r\n");
        if (end == std::string_view::npos) continue;
        const auto header = bytes.substr(0, end);
        const auto name = header.find(length_name);
        if (!bytes.starts_with("HTTP/1.1 200 ") || name == std::string_view::npos) fail("status");
        std::size_t length = 0;
        std::from_chars(header.data() + name + length_name.size(), header.data() + header.size(), length);
        if (bytes.size() >= end + 4 + length) return std::string(bytes.substr(end + 4, length));
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return std::fprintf(stderr, "usage: blocking_get URL [requests]\n"), 2;
    const auto url = bench::parse_url(argv[1]);
    const long requests = bench::argument(argc, argv, 2, 100'000);
    const std::string request = "GET " + url.target + " HTTP/1.1\r\nHost: " + url.authority() + "\r\n\r\n";
    const int descriptor = connect_to(url);
    bench::keep(fetch(descriptor, request).size());

    double bytes = 0;
    const auto before = bench::usage_now();
    for (long i = 0; i < requests; ++i) bytes += static_cast<double>(fetch(descriptor, request).size());
    const auto used = bench::usage_now() - before;

    close(descriptor);
    bench::report_gets("raw_blocking", requests, bytes, used);
}
