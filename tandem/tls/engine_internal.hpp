#pragma once

#include <tandem/base/bytes.hpp>
#include <tandem/tls/context_internal.hpp>
#include <tandem/tls/stream.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>

namespace tandem::inline v1::tls {

/// OpenSSL between two heaps of bytes: ciphertext is put in and taken out, nothing here waits.
///
/// What came from the peer lies in `room()`, which OpenSSL's BIO reads in place. What is to be sent is
/// collected, and taken as a batch that stays where it is while it is being sent, whatever is collected
/// meanwhile.
class Engine {
public:
    enum class Step {
        done,        // what was asked is done
        wants_data,  // more ciphertext is needed
        ended,       // the peer has said goodbye
    };

    Engine(std::shared_ptr<Context::State> context, std::string peer);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// For clients: what to check, what to ask for. `name` is a name or an IP address.
    void expect_server(const std::string& name, const std::string& alpn);
    void be_server();

    // Each throws `TlsError` or `CertificateError`.
    Step handshake();
    /// `done` with `count` > 0, else `count` is 0.
    Step read(MutableBytes into, std::size_t& count);
    /// Takes at most one record's worth of plaintext; how much.
    std::size_t write(Bytes from);
    void say_goodbye();

    /// Where ciphertext from the peer goes; all that was there has been read. Then `received()` tells how
    /// much came.
    MutableBytes room();
    void received(std::size_t count);

    bool has_output() const { return !batch_.empty() || !collected_.empty(); }
    /// What to send next. It stays in place until `sent()` has counted all of it.
    Bytes output();
    void sent(std::size_t count);

    Session session() const;
    bool is_tls1_3() const;
    const std::string& peer() const { return peer_; }

private:
    friend struct EngineBio;
    [[noreturn]] void fail(const char* what);
    static int on_verify(int good, X509_STORE_CTX* store);

    static constexpr std::size_t input_bytes = 17 * 1024;  // one record, the longest, and a little

    std::shared_ptr<Context::State> context_;
    std::string peer_;
    std::unique_ptr<SSL, FreeSsl> ssl_;
    std::unique_ptr<char[]> input_;
    std::size_t input_begin_ = 0;
    std::size_t input_end_ = 0;
    std::string collected_;
    std::string batch_;
    std::size_t batch_sent_ = 0;
    int verify_code_ = 0;  // the first complaint
    std::string bad_subject_;
    std::string bad_issuer_;
};

}  // namespace tandem::inline v1::tls
