#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tandem::cli {

/// How an entry ended.
enum class Outcome { ok, failed, skipped, cancelled };

/// What kind of trouble it was; decides the exit code.
enum class ErrorClass { ok, local, network, tls, auth, protocol, status, budget, other };

/// Every `error.code` a record may carry. The names are those of the record; they never change.
enum class ErrorCode {
    file_exists,
    file_write,
    disk_full,
    file_read,
    name_invalid,
    no_descriptors,
    dns_not_found,
    dns_failed,
    dns_timeout,
    connect_refused,
    connect_failed,
    connect_timeout,
    proxy_failed,
    proxy_dns,
    no_response,
    reset,
    incomplete_head,
    incomplete_body,
    timeout_response,
    timeout_stall,
    timeout_total,
    host_unavailable,
    worker_lost,
    tls_handshake,
    tls_certificate,
    tls_pin,
    tls_truncated,
    tls_client_certificate,
    unauthorized,
    proxy_unauthorized,
    url_invalid,
    scheme_refused,
    bad_response,
    bad_framing,
    bad_chunk,
    bad_coding,
    head_too_large,
    body_too_large,
    ratio_exceeded,
    too_many_redirects,
    redirect_refused,
    range_mismatch,
    changed_while_fetching,
    checksum_mismatch,
    h2_error,
    h2_stream,
    address_refused,
    json_invalid,
    status,
    retry_after_too_long,
    stopped,
    other,  ///< anything the table does not know; class and exit code 1
};

inline constexpr int error_code_count = static_cast<int>(ErrorCode::other) + 1;

/// Where in its life an entry failed.
enum class Phase { resolve, connect, tls, send, wait, body, save };

/// Why an entry was not fetched.
enum class SkipReason { duplicate, exists, unchanged, robots, depth, limit };

[[nodiscard]] std::string_view name_of(Outcome outcome) noexcept;
[[nodiscard]] std::string_view name_of(ErrorClass error_class) noexcept;
[[nodiscard]] std::string_view name_of(ErrorCode code) noexcept;
[[nodiscard]] std::string_view name_of(Phase phase) noexcept;
[[nodiscard]] std::string_view name_of(SkipReason reason) noexcept;

[[nodiscard]] std::optional<ErrorCode> error_code_named(std::string_view name) noexcept;

[[nodiscard]] ErrorClass class_of(ErrorCode code) noexcept;

/// The number curl uses for the same trouble, if it knows it.
[[nodiscard]] std::optional<int> curl_code_of(ErrorCode code) noexcept;

[[nodiscard]] int exit_code_of(ErrorClass error_class) noexcept;

/// What a final status that is not in `--ok-status` is called: 401 and 407 are matters of identity.
[[nodiscard]] ErrorCode error_code_of_status(int status) noexcept;

/// The exit code of a run, from the classes of all its records: the lowest that is not zero, except that
/// 1 yields to every other.
class ExitCode {
public:
    void add(ErrorClass error_class) noexcept;
    [[nodiscard]] int value() const noexcept { return value_; }

private:
    int value_ = 0;
};

/// Trouble on this machine, or with what was asked for, that already knows its place in the table: a full
/// disk, a bad name, an address that is no URL. Ends one entry, not the run.
///
/// Errors      none of its own.
/// Threads     a value.
/// Lifetime    owns its text.
class FetchError : public std::runtime_error {
public:
    FetchError(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
    [[nodiscard]] ErrorCode code() const noexcept { return code_; }

private:
    ErrorCode code_;
};

}  // namespace tandem::cli
