#pragma once

#include <stdexcept>
#include <string>

namespace tandem::inline v1::tls {

/// TLS went wrong: no common version or cipher, an alert, nonsense instead of TLS.
class TlsError : public std::runtime_error {
public:
    explicit TlsError(const std::string& what, std::string detail = {});
    /// OpenSSL's own words: "tlsv1 alert protocol version".
    const std::string& detail() const noexcept { return detail_; }

private:
    std::string detail_;
};

/// The peer's certificate is not acceptable.
class CertificateError : public TlsError {
public:
    CertificateError(std::string host, std::string reason, int verify_code, std::string subject,
                     std::string issuer);
    const std::string& host() const noexcept { return host_; }
    /// "self-signed certificate", "certificate has expired", "hostname mismatch", ...
    const std::string& reason() const noexcept { return reason_; }
    /// OpenSSL's `X509_V_ERR_*`.
    int verify_code() const noexcept { return verify_code_; }
    const std::string& subject() const noexcept { return subject_; }
    const std::string& issuer() const noexcept { return issuer_; }

private:
    std::string host_;
    std::string reason_;
    int verify_code_;
    std::string subject_;
    std::string issuer_;
};

/// The connection ended without TLS's goodbye: somebody may have cut it, what was read may be incomplete.
class TruncatedStream : public TlsError {
public:
    explicit TruncatedStream(const std::string& peer);
};

}  // namespace tandem::inline v1::tls
