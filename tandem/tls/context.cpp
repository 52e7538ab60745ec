#include <tandem/tls/context.hpp>

#include <tandem/tls/context_internal.hpp>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <stdexcept>

namespace tandem::inline v1::tls {
namespace {

[[noreturn]] void fail(const std::string& what) {
    const auto why = take_openssl_error("unknown reason");
    throw TlsError(what + ": " + why, why);
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

int protocol(Version version) { return version == Version::tls1_3 ? TLS1_3_VERSION : TLS1_2_VERSION; }

// OpenSSL tidies up at exit. Asked before main(), it does so after the background loop, whose own handler is
// put up later and so runs first, has closed its last TLS stream. OPENSSL_init_crypto(3), atexit(3).
[[maybe_unused]] const int tidies_up_last = OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);

std::shared_ptr<Context::State> make_state(bool server, Version min_version, Version max_version) {
    ERR_clear_error();
    auto state = std::make_shared<Context::State>();
    state->server = server;
    state->context.reset(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
    if (!state->context) fail("make a TLS context");
    SSL_CTX* const context = state->context.get();
    SSL_CTX_set_min_proto_version(context, protocol(min_version));
    SSL_CTX_set_max_proto_version(context, protocol(max_version));
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // An idle connection keeps no record buffers.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return state;
}

void show_certificate(SSL_CTX* context, const std::string& chain_file, const std::string& key_file) {
    if (SSL_CTX_use_certificate_chain_file(context, chain_file.c_str()) != 1)
        fail("read the certificate from " + chain_file);
    const auto& key = key_file.empty() ? chain_file : key_file;
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
        fail("read the key from " + key);
    if (SSL_CTX_check_private_key(context) != 1)
        fail("use the key in " + key + " with the certificate in " + chain_file);
}

/// The first of ours that the client knows too.
int choose_alpn(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char* offered,
                unsigned offered_length, void* argument) {
    const auto& ours = static_cast<const Context::State*>(argument)->alpn;
    unsigned char* found = nullptr;
    const int result =
        SSL_select_next_proto(&found, length, reinterpret_cast<const unsigned char*>(ours.data()),
                              static_cast<unsigned>(ours.size()), offered, offered_length);
    if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

std::string alpn_wire(const std::vector<std::string>& names) {
    std::string wire;
    for (const auto& name : names) {
        if (name.empty() || name.size() > 255)
            throw std::invalid_argument("an ALPN name has 1 to 255 bytes: \"" + name + "\"");
        wire += static_cast<char>(name.size());
        wire += name;
    }
    return wire;
}

std::string take_openssl_error(const char* otherwise) {
    const auto code = ERR_peek_last_error();
    std::string text = otherwise;
    if (code != 0) {
        const char* const reason = ERR_reason_error_string(code);
        if (reason != nullptr) {
            text = reason;
        } else {
            char buffer[256];
            ERR_error_string_n(code, buffer, sizeof buffer);
            text = buffer;
        }
    }
    ERR_clear_error();
    return text;
}

Context Context::client(const ClientConfig& config) {
    auto state = make_state(false, config.min_version, config.max_version);
    SSL_CTX* const context = state->context.get();
    state->verify = config.verify;
    SSL_CTX_set_verify(context, config.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (config.ca_file.empty() && config.ca_path.empty()) {
        if (SSL_CTX_set_default_verify_paths(context) != 1) fail("read the system's trusted certificates");
    } else if (SSL_CTX_load_verify_locations(context, or_null(config.ca_file), or_null(config.ca_path)) !=
               1) {
        fail("read trusted certificates from " + (config.ca_file.empty() ? config.ca_path : config.ca_file));
    }
    if (!config.certificate_file.empty()) show_certificate(context, config.certificate_file, config.key_file);
    state->alpn = alpn_wire(config.alpn);
    return Context(std::move(state));
}

Context Context::server(const ServerConfig& config) {
    auto state = make_state(true, config.min_version, config.max_version);
    SSL_CTX* const context = state->context.get();
    show_certificate(context, config.certificate_file, config.key_file);
    state->verify = !config.client_ca_file.empty();
    if (state->verify) {
        if (SSL_CTX_load_verify_locations(context, config.client_ca_file.c_str(), nullptr) != 1)
            fail("read trusted certificates from " + config.client_ca_file);
        SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(config.client_ca_file.c_str()));
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    constexpr unsigned char session_context[] = "tandem";
    SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1);
    state->alpn = alpn_wire(config.alpn);
    if (!state->alpn.empty()) SSL_CTX_set_alpn_select_cb(context, &choose_alpn, state.get());
    return Context(std::move(state));
}

bool Context::is_server() const noexcept { return state_->server; }
bool Context::verifies() const noexcept { return state_->verify; }

}  // namespace tandem::inline v1::tls
