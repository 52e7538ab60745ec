// What a library that knows nothing of tandem does: a GET on a blocking socket of the calling thread.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>

namespace adapters {

/// The body of the answer. `url` is like `http://127.0.0.1:8000/path`.
inline std::string blocking_get(const std::string& url) {
    const std::string scheme = "http://";
    const auto colon = url.find(':', scheme.size());
    const auto slash = url.find('/', scheme.size());
    if (!url.starts_with(scheme) || colon == std::string::npos || slash == std::string::npos || slash < colon)
        throw std::invalid_argument(url + ": not of the form http://127.0.0.1:8000/path");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1, slash - colon - 1))));
    if (::inet_pton(AF_INET, url.substr(scheme.size(), colon - scheme.size()).c_str(), &address.sin_addr) !=
        1)
        throw std::invalid_argument(url + ": the host is no IPv4 address");

    const struct Socket {
        Socket() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
        Socket(const Socket&) = delete;
        Socket& operator=(const Socket&) = delete;
        ~Socket() { ::close(fd); }
        int fd;
    } socket;
    const auto require = [&url](bool good) {
        if (!good) throw std::system_error(errno, std::generic_category(), "get " + url);
    };
    require(::connect(socket.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const std::string request = "GET " + url.substr(slash) +
                                " HTTP/1.0\r\nHost: " + url.substr(scheme.size(), slash - scheme.size()) +
                                "\r\n\r\n";
    require(::send(socket.fd, request.data(), request.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(request.size()));
    std::string answer;
    char bytes[16 * 1024];
    for (;;) {
        const ssize_t count = ::recv(socket.fd, bytes, sizeof bytes, 0);
        require(count >= 0);
        if (count == 0) break;
        answer.append(bytes, static_cast<std::size_t>(count));
    }
    const auto body = answer.find("\r\n\r\n");
    if (body == std::string::npos) throw std::runtime_error("get " + url + ": the answer has no body");
    return answer.substr(body + 4);
}

}  // namespace adapters
