#pragma once

#include <tandem/tls/errors.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::inline v1::tls {

enum class Version : std::uint8_t { tls1_2, tls1_3 };

/// What a client trusts and shows.
class ClientConfig {
public:
    ClientConfig() {}

    std::string ca_file;  ///< PEM; instead of the system's trust, as is `ca_path`
    std::string ca_path;  ///< a folder of hashed certificates
    bool verify = true;   ///< false: whoever answers is believed, see `Session::verified`
    Version min_version = Version::tls1_2;
    Version max_version = Version::tls1_3;
    std::vector<std::string> alpn;  ///< offered, best first: "http/1.1"
    std::string certificate_file;   ///< PEM chain to show when asked
    std::string key_file;           ///< its key; empty: in the same file
};

/// What a server shows and speaks.
class ServerConfig {
public:
    ServerConfig() {}

    std::string certificate_file;  ///< PEM chain, own certificate first
    std::string key_file;          ///< its key; empty: in the same file
    Version min_version = Version::tls1_2;
    Version max_version = Version::tls1_3;
    std::vector<std::string> alpn;  ///< spoken, best first; a client that offers none of them goes on without
    std::string client_ca_file;     ///< clients must show a certificate of these
};

/// Keys, trust and rules of many connections. Make one and share it: copies are the same context.
///
///     auto trust = tls::Context::client();
///     auto stream = co_await tls::start_client(std::move(tcp), tls::ClientOptions(trust, "example.org"));
///
/// Errors      `TlsError` naming the file that cannot be used.
/// Threads     any, at the same time.
class Context {
public:
    static Context client(const ClientConfig& config = ClientConfig());
    static Context server(const ServerConfig& config);

    bool is_server() const noexcept;
    bool verifies() const noexcept;

    class State;
    const std::shared_ptr<State>& state() const noexcept { return state_; }

private:
    explicit Context(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

}  // namespace tandem::inline v1::tls
