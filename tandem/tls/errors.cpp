#include <tandem/tls/errors.hpp>

#include <utility>

namespace tandem::inline v1::tls {
namespace {

std::string certificate_message(const std::string& host, const std::string& reason,
                                const std::string& subject, const std::string& issuer) {
    std::string text = "TLS with " + host + ": its certificate is not trusted: " + reason;
    if (!subject.empty()) text += " (subject " + subject + ", issuer " + issuer + ")";
    return text;
}

}  // namespace

TlsError::TlsError(const std::string& what, std::string detail)
    : std::runtime_error(what), detail_(std::move(detail)) {}

CertificateError::CertificateError(std::string host, std::string reason, int verify_code, std::string subject,
                                   std::string issuer)
    : TlsError(certificate_message(host, reason, subject, issuer), reason),
      host_(std::move(host)),
      reason_(std::move(reason)),
      verify_code_(verify_code),
      subject_(std::move(subject)),
      issuer_(std::move(issuer)) {}

TruncatedStream::TruncatedStream(const std::string& peer)
    : TlsError("TLS with " + peer +
                   ": the connection ended without a goodbye (close_notify), so what came may be cut",
               "unexpected end") {}

}  // namespace tandem::inline v1::tls
