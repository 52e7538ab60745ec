#include <cli/failure.hpp>

#include <tandem/http/client.hpp>
#include <tandem/http/errors.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/tls/errors.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <string>
#include <system_error>

namespace tandem::cli {
namespace {

Failure made(ErrorCode code, Phase phase, std::string_view message) {
    Failure failure;
    failure.error.code = code;
    failure.error.phase = phase;
    failure.error.message = message;
    return failure;
}

bool is_out_of_descriptors(const std::error_code& code) {
    return code == std::errc::too_many_files_open || code == std::errc::too_many_files_open_in_system;
}

Failure of_connecting(const net::ConnectError& error) {
    const auto is = [&](std::errc wanted) {
        return std::any_of(error.attempts().begin(), error.attempts().end(),
                           [wanted](const net::ConnectAttempt& attempt) { return attempt.error == wanted; });
    };
    auto code = ErrorCode::connect_failed;
    if (is_out_of_descriptors(error.code()) || is(std::errc::too_many_files_open))
        code = ErrorCode::no_descriptors;
    else if (error.code() == std::errc::connection_refused)
        code = ErrorCode::connect_refused;
    else if (error.code() == std::errc::timed_out)
        code = ErrorCode::connect_timeout;
    return made(code, Phase::connect, error.what());
}

Failure of_resolving(const net::DnsError& error) {
    using Kind = net::DnsError::Kind;
    const auto code = error.kind() == Kind::not_found ? ErrorCode::dns_not_found
                      : error.kind() == Kind::timeout ? ErrorCode::dns_timeout
                                                      : ErrorCode::dns_failed;
    return made(code, Phase::resolve, error.what());
}

Failure of_time_limit(const http::TimeoutError& error, Stage stage) {
    const auto& limit = error.phase();
    const auto where = stage == Stage::body ? Phase::body : Phase::wait;
    if (limit == "connect") return made(ErrorCode::connect_timeout, Phase::connect, error.what());
    if (limit == "resolve") return made(ErrorCode::dns_timeout, Phase::resolve, error.what());
    if (limit == "response") return made(ErrorCode::timeout_response, Phase::wait, error.what());
    if (limit == "write_idle") return made(ErrorCode::timeout_stall, Phase::send, error.what());
    if (limit == "read_idle") return made(ErrorCode::timeout_stall, where, error.what());
    if (limit == "pool") return made(ErrorCode::connect_timeout, Phase::connect, error.what());
    return made(ErrorCode::timeout_total, where, error.what());
}

Failure of_limit(const http::LimitExceeded& error, Stage stage) {
    const auto& limit = error.limit();
    const auto ends_with = [&](std::string_view name) { return limit.ends_with(name); };
    if (ends_with("max_ratio")) return made(ErrorCode::ratio_exceeded, Phase::body, error.what());
    if (ends_with("max_body_bytes") || ends_with("max_decoded_bytes"))
        return made(ErrorCode::body_too_large, Phase::body, error.what());
    if (ends_with("max_chunk_extension_bytes")) return made(ErrorCode::bad_chunk, Phase::body, error.what());
    if (stage == Stage::body) return made(ErrorCode::bad_framing, Phase::body, error.what());
    return made(ErrorCode::head_too_large, Phase::wait, error.what());
}

Failure of_bad_response(const http::BadResponse& error, Stage stage) {
    const auto rule = std::string_view(error.rule());
    const auto phase = stage == Stage::body ? Phase::body : Phase::wait;
    // Within a body nothing but chunks has rules.
    if (stage == Stage::body || rule == "P51" || rule == "P52" || rule == "P53")
        return made(ErrorCode::bad_chunk, phase, error.what());
    const bool framing = rule >= "P28" && rule <= "P48";
    return made(framing ? ErrorCode::bad_framing : ErrorCode::bad_response, phase, error.what());
}

Failure of_system(const std::system_error& error, Stage stage) {
    const auto phase = stage == Stage::save ? Phase::save : stage == Stage::body ? Phase::body : Phase::wait;
    if (is_out_of_descriptors(error.code()))
        return made(ErrorCode::no_descriptors, Phase::connect, error.what());
    if (stage == Stage::save) return made(ErrorCode::file_write, phase, error.what());
    if (error.code() == std::errc::connection_reset || error.code() == std::errc::broken_pipe)
        return made(ErrorCode::reset, phase, error.what());
    return made(ErrorCode::other, phase, error.what());
}

Failure translated(const std::exception_ptr& failed, Stage stage) {
    const auto phase = stage == Stage::save ? Phase::save : stage == Stage::body ? Phase::body : Phase::wait;
    try {
        std::rethrow_exception(failed);
    } catch (const FetchError& error) {
        auto failure = made(error.code(), Phase::save, error.what());
        if (class_of(error.code()) != ErrorClass::local) failure.error.phase.reset();
        return failure;
    } catch (const net::ConnectError& error) {
        return of_connecting(error);
    } catch (const net::DnsError& error) {
        return of_resolving(error);
    } catch (const tls::CertificateError& error) {
        return made(ErrorCode::tls_certificate, Phase::tls, error.what());
    } catch (const tls::TruncatedStream& error) {
        return made(ErrorCode::tls_truncated, phase, error.what());
    } catch (const tls::TlsError& error) {
        return made(ErrorCode::tls_handshake, Phase::tls, error.what());
    } catch (const http::TimeoutError& error) {
        return of_time_limit(error, stage);
    } catch (const http::LimitExceeded& error) {
        return of_limit(error, stage);
    } catch (const http::IncompleteBody& error) {
        return stage == Stage::body ? made(ErrorCode::incomplete_body, Phase::body, error.what())
                                    : made(ErrorCode::incomplete_head, Phase::wait, error.what());
    } catch (const http::BadResponse& error) {
        return of_bad_response(error, stage);
    } catch (const http::BadEncoding& error) {
        return made(ErrorCode::bad_coding, Phase::body, error.what());
    } catch (const http::ServerDisconnected& error) {
        return made(ErrorCode::no_response, Phase::wait, error.what());
    } catch (const http::TooManyRedirects& error) {
        return made(ErrorCode::too_many_redirects, Phase::wait, error.what());
    } catch (const http::RedirectRefused& error) {
        return made(ErrorCode::redirect_refused, Phase::wait, error.what());
    } catch (const http::InvalidUrl& error) {
        return made(ErrorCode::url_invalid, Phase::wait, error.what());
    } catch (const std::system_error& error) {
        return of_system(error, stage);
    } catch (const std::bad_alloc&) {
        return made(ErrorCode::other, phase, "out of memory");
    } catch (const std::exception& error) {
        return made(ErrorCode::other, phase, error.what());
    } catch (...) {
        return made(ErrorCode::other, phase, "an error of unknown type");
    }
}

bool nothing_was_sent(const std::exception_ptr& failed) {
    try {
        std::rethrow_exception(failed);
    } catch (const std::exception& error) {
        return http::reached(error) == http::Reached::not_sent;
    } catch (...) {
        return false;
    }
}

}  // namespace

Failure failure_of(const std::exception_ptr& failed, Stage stage) {
    auto failure = translated(failed, stage);
    failure.nothing_sent = stage == Stage::exchange && nothing_was_sent(failed);
    return failure;
}

bool is_overload(ErrorCode code) noexcept {
    return code == ErrorCode::connect_refused || code == ErrorCode::reset || code == ErrorCode::no_response ||
           code == ErrorCode::timeout_response;
}

}  // namespace tandem::cli
