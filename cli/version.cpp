#include <cli/version.hpp>

#include <fmt/format.h>
#include <openssl/crypto.h>

#ifndef TANDEM_VERSION
#define TANDEM_VERSION "0.0.0"
#endif

namespace tandem::cli {

std::string_view version() noexcept { return TANDEM_VERSION; }

std::string default_user_agent() { return fmt::format("tandem/{}", version()); }

std::string version_text(std::string_view backend) {
    return fmt::format(
        "tandem {}\nbackend: {}\nfeatures: http/1.0 http/1.1 tls ipv6 gzip deflate br zstd\n"
        "libraries: {}, fmt {}.{}.{}\n",
        version(), backend, OpenSSL_version(OPENSSL_VERSION), FMT_VERSION / 10000, FMT_VERSION / 100 % 100,
        FMT_VERSION % 100);
}

}  // namespace tandem::cli
