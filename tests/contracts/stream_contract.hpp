#pragma once

#include <tests/contracts/certificates.hpp>

#include <tandem/io/memory_stream.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/tls/stream.hpp>

#include <memory>
#include <string>
#include <utility>

#include <unistd.h>

namespace tandem::contracts {

enum class Kind { pair, tcp, local, tls_over_pair, tls_over_tcp, tls1_2_over_tcp, tls_in_tls };

inline const char* name_of(Kind kind) {
    switch (kind) {
        case Kind::pair:
            return "stream_pair";
        case Kind::tcp:
            return "tcp";
        case Kind::local:
            return "local_socket";
        case Kind::tls_over_pair:
            return "tls_over_stream_pair";
        case Kind::tls_over_tcp:
            return "tls_over_tcp";
        case Kind::tls1_2_over_tcp:
            return "tls1_2_over_tcp";
        case Kind::tls_in_tls:
            return "tls_in_tls";
    }
    return "";
}

/// Two streams that are connected with each other.
struct Ends {
    std::unique_ptr<io::ByteStream> a;
    std::unique_ptr<io::ByteStream> b;
};

inline Ends make_pair_ends() {
    auto pair = io::stream_pair();
    Ends ends;
    ends.a = std::make_unique<io::MemoryStream>(std::move(pair.first));
    ends.b = std::make_unique<io::MemoryStream>(std::move(pair.second));
    return ends;
}

inline Task<Ends> open_socket_ends(bool local) {
    const auto path = "@tandem-contract-" + std::to_string(::getpid()) + "-" +
                      std::to_string(reinterpret_cast<std::uintptr_t>(&local));
    net::ListenOptions options;
    if (local)
        options.path = path;
    else
        options.host = "127.0.0.1";
    auto listener = co_await net::listen(options);
    const auto address = listener.local();
    auto a = co_await net::connect(address);
    auto b = co_await listener.accept();
    Ends ends;
    ends.a = std::make_unique<net::TcpStream>(std::move(a));
    ends.b = std::make_unique<net::TcpStream>(std::move(b));
    co_return ends;
}

inline tls::Context test_server_context(const std::string& certificate = "good",
                                        tls::Version max_version = tls::Version::tls1_3) {
    tls::ServerConfig config;
    config.max_version = max_version;
    config.certificate_file = Certificates::get().certificate(certificate);
    config.key_file = Certificates::get().key();
    return tls::Context::server(config);
}

inline tls::Context test_client_context() {
    tls::ClientConfig config;
    config.ca_file = Certificates::get().ca();
    return tls::Context::client(config);
}

inline Task<Ends> wrap_in_tls(Ends plain, tls::Context server_context) {
    auto server = create_task(tls::start_server(std::move(plain.b), tls::ServerOptions(server_context)));
    tls::ClientOptions options(test_client_context(), "example.test");
    auto client = co_await tls::start_client(std::move(plain.a), std::move(options));
    auto served = co_await std::move(server);
    Ends ends;
    ends.a = std::move(client);
    ends.b = std::move(served);
    co_return ends;
}

inline Task<Ends> open_ends(Kind kind) {
    auto version = tls::Version::tls1_3;
    switch (kind) {
        case Kind::pair:
            co_return make_pair_ends();
        case Kind::tcp:
            co_return co_await open_socket_ends(false);
        case Kind::local:
            co_return co_await open_socket_ends(true);
        case Kind::tls_over_pair: {
            auto plain = make_pair_ends();
            co_return co_await wrap_in_tls(std::move(plain), test_server_context());
        }
        case Kind::tls1_2_over_tcp:
            version = tls::Version::tls1_2;
            break;
        case Kind::tls_over_tcp:
            break;
        case Kind::tls_in_tls: {
            auto plain = make_pair_ends();
            auto outer = co_await wrap_in_tls(std::move(plain), test_server_context());
            co_return co_await wrap_in_tls(std::move(outer), test_server_context());
        }
    }
    auto plain = co_await open_socket_ends(false);
    auto server_context = test_server_context("good", version);
    co_return co_await wrap_in_tls(std::move(plain), std::move(server_context));
}

}  // namespace tandem::contracts
