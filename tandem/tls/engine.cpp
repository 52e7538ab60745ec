#include <tandem/tls/engine_internal.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>

namespace tandem::inline v1::tls {
namespace {

constexpr std::size_t record_bytes = SSL3_RT_MAX_PLAIN_LENGTH;

bool is_ip(const std::string& name) {
    unsigned char bytes[16];
    return ::inet_pton(AF_INET, name.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

std::string name_text(const X509_NAME* name) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
    if (!bio || name == nullptr) return {};
    X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

/// SHA-256 of the public key's DER form, as RFC 7469 pins it.
std::string key_pin(const X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (size <= 0) return {};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;
    const bool made =
        EVP_Digest(der, static_cast<std::size_t>(size), digest, &digest_size, EVP_sha256(), nullptr) == 1;
    OPENSSL_free(der);
    if (!made) return {};
    std::string text(4 * ((digest_size + 2) / 3) + 1, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), digest, static_cast<int>(digest_size));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

}  // namespace

/// The BIO that OpenSSL reads from and writes to: the engine's own buffers.
struct EngineBio {
    static Engine& engine(BIO* bio) { return *static_cast<Engine*>(BIO_get_data(bio)); }

    static int read(BIO* bio, char* into, std::size_t size, std::size_t* count) {
        auto& self = engine(bio);
        BIO_clear_retry_flags(bio);
        *count = std::min(size, self.input_end_ - self.input_begin_);
        if (*count == 0) {
            BIO_set_retry_read(bio);
            return 0;
        }
        std::memcpy(into, self.input_.get() + self.input_begin_, *count);
        self.input_begin_ += *count;
        return 1;
    }
    static int write(BIO* bio, const char* from, std::size_t size, std::size_t* count) {
        BIO_clear_retry_flags(bio);
        try {
            engine(bio).collected_.append(from, size);
        } catch (const std::bad_alloc&) {
            return 0;
        }
        *count = size;
        return 1;
    }
    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

    static const BIO_METHOD* method() {
        static BIO_METHOD* const made = [] {
            BIO_METHOD* const m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tandem buffers");
            BIO_meth_set_read_ex(m, &read);
            BIO_meth_set_write_ex(m, &write);
            BIO_meth_set_ctrl(m, &control);
            return m;
        }();
        return made;
    }
};

namespace {

// What OpenSSL keeps per thread, errors and random numbers, goes with the thread.
struct AtThreadEnd {
    ~AtThreadEnd() { OPENSSL_thread_stop(); }
    void arm() const {}
};

}  // namespace

Engine::Engine(std::shared_ptr<Context::State> context, std::string peer)
    : context_(std::move(context)), peer_(std::move(peer)), ssl_(SSL_new(context_->context.get())) {
    thread_local const AtThreadEnd at_thread_end;
    at_thread_end.arm();
    ERR_clear_error();
    BIO* const bio = ssl_ ? BIO_new(EngineBio::method()) : nullptr;
    if (bio == nullptr) throw std::bad_alloc();
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_app_data(ssl_.get(), this);
    if (context_->verify)
        SSL_set_verify(ssl_.get(), SSL_CTX_get_verify_mode(context_->context.get()), &on_verify);
}

Engine::~Engine() = default;

void Engine::expect_server(const std::string& given, const std::string& alpn) {
    std::string name = given;
    if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
    if (name.ends_with('.')) name.pop_back();
    SSL* const ssl = ssl_.get();
    SSL_set_connect_state(ssl);
    if (name.empty() && context_->verify) {
        throw std::invalid_argument(
            "TLS: there is no server name to check the certificate against; give one, or set "
            "ClientConfig::verify to "
            "false");
    }
    if (!name.empty() && !is_ip(name) && SSL_set_tlsext_host_name(ssl, name.c_str()) != 1)
        fail("send the server name");
    if (context_->verify) {
        X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl);
        X509_VERIFY_PARAM_set_hostflags(
            rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        const int set = is_ip(name) ? X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str())
                                    : X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size());
        if (set != 1) fail("check the server name");
    }
    // 0 is success here, unlike everywhere else. SSL_set_alpn_protos(3).
    if (!alpn.empty() && SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(alpn.data()),
                                             static_cast<unsigned>(alpn.size())) != 0) {
        fail("offer protocols");
    }
}

void Engine::be_server() { SSL_set_accept_state(ssl_.get()); }

int Engine::on_verify(int good, X509_STORE_CTX* store) {
    if (good == 1) return 1;
    auto* const ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto& self = *static_cast<Engine*>(SSL_get_app_data(ssl));
    if (self.verify_code_ == 0) {
        self.verify_code_ = X509_STORE_CTX_get_error(store);
        if (const X509* const bad = X509_STORE_CTX_get_current_cert(store)) {
            self.bad_subject_ = name_text(X509_get_subject_name(bad));
            self.bad_issuer_ = name_text(X509_get_issuer_name(bad));
        }
    }
    return 0;
}

void Engine::fail(const char* what) {
    const auto why = take_openssl_error("the connection is in no state for it");
    if (verify_code_ != 0) {
        throw CertificateError(peer_, X509_verify_cert_error_string(verify_code_), verify_code_, bad_subject_,
                               bad_issuer_);
    }
    std::string text = "TLS with " + peer_ + ": " + what + ": " + why;
    if (why == "wrong version number" || why == "http request")
        text += " (the other side does not speak TLS here)";
    throw TlsError(text, why);
}

Engine::Step Engine::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return Step::done;
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return Step::wants_data;
    fail("handshake");
}

Engine::Step Engine::read(MutableBytes into, std::size_t& count) {
    ERR_clear_error();
    count = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
    if (result == 1) return Step::done;
    count = 0;
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return Step::wants_data;
        case SSL_ERROR_ZERO_RETURN:
            return Step::ended;
        default:
            fail("read");
    }
}

std::size_t Engine::write(Bytes from) {
    ERR_clear_error();
    std::size_t count = 0;
    if (SSL_write_ex(ssl_.get(), from.data(), std::min(from.size(), record_bytes), &count) != 1)
        fail("write");
    return count;
}

void Engine::say_goodbye() {
    ERR_clear_error();
    if ((SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0 || SSL_is_init_finished(ssl_.get()) == 0)
        return;
    if (SSL_shutdown(ssl_.get()) < 0) fail("say goodbye");
}

MutableBytes Engine::room() {
    if (!input_) input_ = std::make_unique_for_overwrite<char[]>(input_bytes);
    if (input_begin_ == input_end_) input_begin_ = input_end_ = 0;
    return {input_.get() + input_end_, input_bytes - input_end_};
}

void Engine::received(std::size_t count) { input_end_ += count; }

Bytes Engine::output() {
    if (batch_.empty()) std::swap(batch_, collected_);
    return Bytes(batch_).skip(batch_sent_);
}

void Engine::sent(std::size_t count) {
    batch_sent_ += count;
    if (batch_sent_ < batch_.size()) return;
    batch_.clear();
    batch_sent_ = 0;
}

Session Engine::session() const {
    Session session;
    SSL* const ssl = ssl_.get();
    session.version = SSL_get_version(ssl);
    session.cipher = SSL_get_cipher_name(ssl);
    const unsigned char* chosen = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl, &chosen, &length);
    if (length > 0) session.alpn.assign(reinterpret_cast<const char*>(chosen), length);
    session.resumed = SSL_session_reused(ssl) == 1;
    if (const X509* const certificate = SSL_get0_peer_certificate(ssl)) {
        session.verified = context_->verify && SSL_get_verify_result(ssl) == X509_V_OK;
        session.peer_subject = name_text(X509_get_subject_name(certificate));
        session.peer_issuer = name_text(X509_get_issuer_name(certificate));
        if (auto pin = key_pin(certificate); !pin.empty()) session.peer_key_pins.push_back(std::move(pin));
    }
    return session;
}

bool Engine::is_tls1_3() const { return SSL_version(ssl_.get()) >= TLS1_3_VERSION; }

}  // namespace tandem::inline v1::tls
