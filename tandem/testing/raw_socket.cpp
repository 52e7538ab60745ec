#include <tandem/testing/raw_socket.hpp>

#include <tandem/io/readiness.hpp>

#include <cerrno>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

namespace tandem::inline v1::testing {
namespace {

template <class F>
ssize_t checked(F call) {
    const ssize_t result = call();
    if (result < 0 && errno != EAGAIN) throw std::system_error(errno, std::generic_category(), "socket");
    return result;
}

}  // namespace

RawListener raw_listener() {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    checked([&] { return ::bind(socket.get(), any, size); });
    checked([&] { return ::listen(socket.get(), 10); });
    checked([&] { return ::getsockname(socket.get(), any, &size); });
    return {std::move(socket), ntohs(address.sin_port)};
}

Task<UniqueFd> sock_accept(int socket) {
    for (;;) {
        const auto fd =
            checked([&] { return ::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); });
        if (fd >= 0) co_return UniqueFd(static_cast<int>(fd));
        co_await io::readable(socket);
    }
}

Task<std::string> sock_recv(int socket, std::size_t most) {
    std::string data(most, '\0');
    for (;;) {
        const auto count = checked([&] { return ::recv(socket, data.data(), data.size(), 0); });
        if (count >= 0) co_return data.substr(0, static_cast<std::size_t>(count));
        co_await io::readable(socket);
    }
}

Task<void> sock_sendall(int socket, std::string data) {
    for (std::size_t sent = 0; sent < data.size();) {
        const auto count =
            checked([&] { return ::send(socket, data.data() + sent, data.size() - sent, MSG_NOSIGNAL); });
        if (count >= 0)
            sent += static_cast<std::size_t>(count);
        else
            co_await io::writable(socket);
    }
}

}  // namespace tandem::inline v1::testing
