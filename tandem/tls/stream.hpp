#pragma once

#include <tandem/base/time.hpp>
#include <tandem/io/byte_stream.hpp>
#include <tandem/tls/context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::inline v1::tls {

/// What was agreed in the handshake.
struct Session {
    std::string version;    ///< "TLSv1.3"
    std::string cipher;     ///< "TLS_AES_256_GCM_SHA384"
    std::string alpn;       ///< empty: none was agreed
    bool verified = false;  ///< the peer's certificate was checked and is good
    bool resumed = false;
    std::string peer_subject;  ///< "CN=example.org"; empty without a certificate
    std::string peer_issuer;
    std::vector<std::string>
        peer_key_pins;  ///< SHA-256 of the peer's public key, base64: one element or none
};

class ClientOptions {
public:
    /// `server_name` is checked against the certificate and, if it is a name, sent as SNI (without a final
    /// dot).
    ClientOptions(Context context, std::string server_name)
        : context_(std::move(context)), server_name_(std::move(server_name)) {}
    ClientOptions(const ClientOptions&) = default;
    ClientOptions(ClientOptions&&) = default;
    ClientOptions& operator=(const ClientOptions&) = default;
    ClientOptions& operator=(ClientOptions&&) = default;
    ~ClientOptions() {}

    /// 60 s by default (sem:IO33).
    ClientOptions& handshake_timeout(Deadline value) { return handshake_timeout_ = value, *this; }
    /// How long `close()` tries to say goodbye; 30 s by default.
    ClientOptions& close_timeout(Duration value) { return close_timeout_ = value, *this; }
    /// Instead of the context's list.
    ClientOptions& alpn(std::vector<std::string> value) { return alpn_ = std::move(value), *this; }

    const Context& context() const { return context_; }
    const std::string& server_name() const { return server_name_; }
    Deadline handshake_timeout() const { return handshake_timeout_; }
    Duration close_timeout() const { return close_timeout_; }
    const std::optional<std::vector<std::string>>& alpn() const { return alpn_; }

private:
    Context context_;
    std::string server_name_;
    Deadline handshake_timeout_ = std::chrono::seconds(60);
    Duration close_timeout_ = std::chrono::seconds(30);
    std::optional<std::vector<std::string>> alpn_;
};

class ServerOptions {
public:
    explicit ServerOptions(Context context) : context_(std::move(context)) {}
    ServerOptions(const ServerOptions&) = default;
    ServerOptions(ServerOptions&&) = default;
    ServerOptions& operator=(const ServerOptions&) = default;
    ServerOptions& operator=(ServerOptions&&) = default;
    ~ServerOptions() {}

    ServerOptions& handshake_timeout(Deadline value) { return handshake_timeout_ = value, *this; }
    ServerOptions& close_timeout(Duration value) { return close_timeout_ = value, *this; }

    const Context& context() const { return context_; }
    Deadline handshake_timeout() const { return handshake_timeout_; }
    Duration close_timeout() const { return close_timeout_; }

private:
    Context context_;
    Deadline handshake_timeout_ = std::chrono::seconds(60);
    Duration close_timeout_ = std::chrono::seconds(30);
};

/// TLS over any byte stream, which it owns.
///
///     auto tls = co_await tls::start_client(std::move(tcp), tls::ClientOptions(context, "example.org"));
///     co_await tls->write_all(request);
///
/// Errors      `io::ByteStream`'s; `TlsError`; `TruncatedStream` when the peer ends without saying so.
/// Cancelling  a cancelled read loses no byte. What a cancelled write gave to the TLS engine is sent by the
/// next
///             operation that writes (sem:C66-C68).
/// Threads     the loop of the stream underneath. One reader and one writer at a time, full duplex.
/// Lifetime    destroying an open stream aborts it and the one underneath.
class Stream final : public io::ByteStream {
public:
    class State;
    explicit Stream(std::shared_ptr<State> state) noexcept;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    ~Stream() override;

    [[nodiscard]] Task<std::size_t> read_some(MutableBytes buffer) override;
    [[nodiscard]] Task<std::size_t> write_some(Bytes bytes) override;
    [[nodiscard]] Task<void> write_all(Bytes bytes) override;
    [[nodiscard]] Task<void> write_all_parts(std::span<const Bytes> parts) override;
    /// TLS 1.3 only.
    [[nodiscard]] Task<void> shutdown_write() override;
    bool can_shutdown_write() const noexcept override;
    [[nodiscard]] Task<void> close() override;
    void abort() noexcept override;
    bool is_open() const noexcept override;

    const Session& session() const noexcept;
    /// How much of the last write the TLS engine has taken.
    std::uint64_t bytes_accepted() const noexcept;

    std::string local_address() const override;
    std::string peer_address() const override;
    int native_handle() const noexcept override;
    /// "tls.version", "tls.cipher", "tls.alpn", "tls.verified" ("yes" or "no"), "tls.peer_subject",
    /// "tls.peer_issuer", and what the stream underneath knows.
    std::optional<std::string> extra(std::string_view name) const override;

private:
    std::shared_ptr<State> state_;
};

/// The handshake as a client. The transport is closed if it fails.
///
/// Errors      `CertificateError`, `TlsError`, `TimeoutError`, and the transport's own.
/// Cancelling  closes the transport.
[[nodiscard]] Task<std::unique_ptr<Stream>> start_client(std::unique_ptr<io::ByteStream> transport,
                                                         ClientOptions options);
/// The handshake as a server; otherwise the same.
[[nodiscard]] Task<std::unique_ptr<Stream>> start_server(std::unique_ptr<io::ByteStream> transport,
                                                         ServerOptions options);

}  // namespace tandem::inline v1::tls
