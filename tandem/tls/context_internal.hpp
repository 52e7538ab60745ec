#pragma once

#include <tandem/tls/context.hpp>

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

namespace tandem::inline v1::tls {

struct FreeContext {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
struct FreeSsl {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};

class Context::State {
public:
    std::unique_ptr<SSL_CTX, FreeContext> context;
    bool server = false;
    bool verify = true;
    std::string alpn;  // of a server: as on the wire
};

/// Each name behind its length. Errors: `std::invalid_argument` for an empty or too long one.
std::string alpn_wire(const std::vector<std::string>& names);

/// What OpenSSL's error queue of this thread says, emptied: the words of its last entry, or `otherwise`.
std::string take_openssl_error(const char* otherwise);

}  // namespace tandem::inline v1::tls
