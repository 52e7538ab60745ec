#include "support.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace end_to_end {
namespace {

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what + ": " + std::strerror(errno));
}

int listen_on(bool ipv6, std::uint16_t& port) {
    const int listener = ::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0) fail("socket");
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_addr = in6addr_loopback;
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address = ipv6 ? reinterpret_cast<sockaddr*>(&six) : reinterpret_cast<sockaddr*>(&four);
    socklen_t size = ipv6 ? sizeof six : sizeof four;
    if (::bind(listener, address, size) != 0 || ::listen(listener, 1024) != 0) fail("listen");
    ::getsockname(listener, address, &size);
    port = ntohs(ipv6 ? six.sin6_port : four.sin_port);
    return listener;
}

bool answers(const std::string& host, std::uint16_t port) {
    const bool ipv6 = host.find(':') != std::string::npos;
    const int socket = ::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_addr = in6addr_loopback;
    six.sin6_port = htons(port);
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    four.sin_port = htons(port);
    const bool connected = ipv6 ? ::connect(socket, reinterpret_cast<sockaddr*>(&six), sizeof six) == 0
                                : ::connect(socket, reinterpret_cast<sockaddr*>(&four), sizeof four) == 0;
    ::close(socket);
    return connected;
}

void make_certificate(const TemporaryDirectory& work) {
    const std::string script = "set -e; cd '" + work.path() +
                               "'; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                               "-keyout ca.key -out ca.pem "
                               "-days 2 -subj '/CN=Test CA' 2>/dev/null; "
                               "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "
                               "key.pem -out request.pem -subj "
                               "/CN=localhost 2>/dev/null; "
                               "printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\n' > names; "
                               "openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial "
                               "-out cert.pem -days 2 -extfile "
                               "names 2>/dev/null";
    if (run({"/bin/sh", "-c", script}).exit_code != 0)
        throw std::runtime_error("openssl made no certificate");
}

}  // namespace

std::uint16_t free_port() {
    std::uint16_t port = 0;
    ::close(listen_on(false, port));
    return port;
}

NginxServer::NginxServer(std::string_view locations, std::string_view listen, bool tls)
    : host_(listen), port_(free_port()), tls_(tls) {
    std::string security;
    if (tls) {
        make_certificate(work_);
        security = "ssl_certificate " + (work_ / "cert.pem") + "; ssl_certificate_key " +
                   (work_ / "key.pem") + ";\n";
    }
    std::string folders;
    for (const auto* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        folders += std::string(kind) + "_temp_path " + (work_ / kind) + ";\n";
    const auto address = host_ + ":" + std::to_string(port_) + (tls ? " ssl" : "");
    const auto user = ::geteuid() == 0 ? std::string("user root;\n") : std::string();
    const auto configuration =
        user + "daemon off; master_process off; worker_processes 1; pid " + (work_ / "pid") + "; error_log " +
        (work_ / "error.log") +
        ";\nevents { worker_connections 2048; }\nhttp {\naccess_log off; keepalive_requests 100000; " +
        folders +
        "types { text/plain txt; text/html html; application/json json; application/octet-stream bin; }\n"
        "server { listen " +
        address + "; root " + site_.path() + ";\n" + security + std::string(locations) + "\n}\n}\n";
    const auto file = work_.write("nginx.conf", configuration);
    nginx_ = std::make_unique<Program>(std::vector<std::string>{"/usr/sbin/nginx", "-c", file, "-p",
                                                                work_.path(), "-e", work_ / "error.log"});
    if (!nginx_->wait_until([this] { return answers(host_, port_) || nginx_->ended(); }) || nginx_->ended())
        throw std::runtime_error("nginx does not answer: " + nginx_->err() + read_file(work_ / "error.log"));
}

std::string NginxServer::url(std::string_view path) const {
    return (tls_ ? "https://" : "http://") + host_ + ":" + std::to_string(port_) + std::string(path);
}

std::string Connection::read_head() {
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
        char byte = 0;
        const auto count = ::recv(descriptor_, &byte, 1, 0);
        if (count <= 0) return {};
        head += byte;
    }
    return head;
}

void Connection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

void Connection::reset() {
    const linger now{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void Connection::wait_for_end() {
    char bytes[4096];
    while (::recv(descriptor_, bytes, sizeof bytes, 0) > 0) {
    }
}

ScriptedServer::ScriptedServer(std::function<void(Connection&)> script, bool ipv6)
    : script_(std::move(script)), ipv6_(ipv6) {
    listener_ = listen_on(ipv6, port_);
    acceptor_ = std::thread([this] {
        for (;;) {
            const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (accepted < 0 && errno == EINTR) continue;
            if (accepted < 0) return;
            const std::lock_guard guard(lock_);
            if (ending_) {
                ::close(accepted);
                return;
            }
            open_.push_back(accepted);
            threads_.emplace_back([this, accepted] {
                Connection connection(accepted);
                script_(connection);
                const std::lock_guard closing(lock_);
                std::erase(open_, accepted);
                ::close(accepted);
            });
        }
    });
}

ScriptedServer::~ScriptedServer() {
    {
        const std::lock_guard guard(lock_);
        ending_ = true;
        for (const int each : open_) ::shutdown(each, SHUT_RDWR);
    }
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (auto& thread : threads_) thread.join();
}

std::string ScriptedServer::url(std::string_view path) const {
    return (ipv6_ ? "http://[::1]:" : "http://127.0.0.1:") + std::to_string(port_) + std::string(path);
}

AnsweringServer::AnsweringServer(Answer answer)
    : answer_(std::move(answer)), server_([this](Connection& connection) { serve(connection); }) {}

void AnsweringServer::serve(Connection& connection) {
    for (;;) {
        const auto head = connection.read_head();
        if (head.empty()) return;
        {
            const std::lock_guard guard(lock_);
            heads_.push_back(head);
            most_at_once_ = std::max(most_at_once_, ++at_once_);
        }
        const auto begin = head.find(' ') + 1;
        const auto answer = answer_(head.substr(begin, head.find(' ', begin) - begin), head);
        {
            const std::lock_guard guard(lock_);
            --at_once_;
        }
        if (answer.empty()) return;
        connection.send(answer);
    }
}

std::vector<std::string> AnsweringServer::requests() const {
    const std::lock_guard guard(lock_);
    return heads_;
}

std::size_t AnsweringServer::most_at_once() const {
    const std::lock_guard guard(lock_);
    return most_at_once_;
}

std::string http_answer(int status, std::string_view body, std::string_view headers) {
    return "HTTP/1.1 " + std::to_string(status) +
           " Status\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(headers) +
           "\r\n" + std::string(body);
}

}  // namespace end_to_end
