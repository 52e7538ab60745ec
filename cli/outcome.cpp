#include <cli/outcome.hpp>

#include <array>

namespace tandem::cli {
namespace {

struct Row {
    ErrorCode code;
    std::string_view name;
    ErrorClass error_class;
    int curl;  // -1: curl has no such error
};

using enum ErrorClass;

/// Table E. One row per code, in the order of the enum, so that a code is its own index.
constexpr std::array<Row, error_code_count> rows = {{
    {ErrorCode::file_exists, "file_exists", local, 23},
    {ErrorCode::file_write, "file_write", local, 23},
    {ErrorCode::disk_full, "disk_full", local, 23},
    {ErrorCode::file_read, "file_read", local, 26},
    {ErrorCode::name_invalid, "name_invalid", local, 23},
    {ErrorCode::no_descriptors, "no_descriptors", local, 7},
    {ErrorCode::dns_not_found, "dns_not_found", network, 6},
    {ErrorCode::dns_failed, "dns_failed", network, 6},
    {ErrorCode::dns_timeout, "dns_timeout", network, 28},
    {ErrorCode::connect_refused, "connect_refused", network, 7},
    {ErrorCode::connect_failed, "connect_failed", network, 7},
    {ErrorCode::connect_timeout, "connect_timeout", network, 28},
    {ErrorCode::proxy_failed, "proxy_failed", network, 97},
    {ErrorCode::proxy_dns, "proxy_dns", network, 5},
    {ErrorCode::no_response, "no_response", network, 52},
    {ErrorCode::reset, "reset", network, 56},
    {ErrorCode::incomplete_head, "incomplete_head", network, 56},
    {ErrorCode::incomplete_body, "incomplete_body", network, 18},
    {ErrorCode::timeout_response, "timeout_response", network, 28},
    {ErrorCode::timeout_stall, "timeout_stall", network, 28},
    {ErrorCode::timeout_total, "timeout_total", network, 28},
    {ErrorCode::host_unavailable, "host_unavailable", network, 7},
    {ErrorCode::worker_lost, "worker_lost", network, -1},
    {ErrorCode::tls_handshake, "tls_handshake", tls, 35},
    {ErrorCode::tls_certificate, "tls_certificate", tls, 60},
    {ErrorCode::tls_pin, "tls_pin", tls, 90},
    {ErrorCode::tls_truncated, "tls_truncated", tls, 56},
    {ErrorCode::tls_client_certificate, "tls_client_certificate", tls, 58},
    {ErrorCode::unauthorized, "unauthorized", auth, 22},
    {ErrorCode::proxy_unauthorized, "proxy_unauthorized", auth, 56},
    {ErrorCode::url_invalid, "url_invalid", protocol, 3},
    {ErrorCode::scheme_refused, "scheme_refused", protocol, 1},
    {ErrorCode::bad_response, "bad_response", protocol, 8},
    {ErrorCode::bad_framing, "bad_framing", protocol, 56},
    {ErrorCode::bad_chunk, "bad_chunk", protocol, 56},
    {ErrorCode::bad_coding, "bad_coding", protocol, 61},
    {ErrorCode::head_too_large, "head_too_large", protocol, 100},
    {ErrorCode::body_too_large, "body_too_large", protocol, 63},
    {ErrorCode::ratio_exceeded, "ratio_exceeded", protocol, 63},
    {ErrorCode::too_many_redirects, "too_many_redirects", protocol, 47},
    {ErrorCode::redirect_refused, "redirect_refused", protocol, 1},
    {ErrorCode::range_mismatch, "range_mismatch", protocol, 33},
    {ErrorCode::changed_while_fetching, "changed_while_fetching", protocol, 33},
    {ErrorCode::checksum_mismatch, "checksum_mismatch", protocol, -1},
    {ErrorCode::h2_error, "h2_error", protocol, 16},
    {ErrorCode::h2_stream, "h2_stream", protocol, 92},
    {ErrorCode::address_refused, "address_refused", protocol, -1},
    {ErrorCode::json_invalid, "json_invalid", protocol, -1},
    {ErrorCode::status, "status", ErrorClass::status, 22},
    {ErrorCode::retry_after_too_long, "retry_after_too_long", ErrorClass::status, 22},
    {ErrorCode::stopped, "stopped", budget, 42},
    {ErrorCode::other, "other", ErrorClass::other, -1},
}};

constexpr bool every_code_is_its_own_index() {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (static_cast<std::size_t>(rows[i].code) != i) return false;
    }
    return true;
}
static_assert(every_code_is_its_own_index());

const Row& row_of(ErrorCode code) noexcept { return rows[static_cast<std::size_t>(code)]; }

}  // namespace

std::string_view name_of(Outcome outcome) noexcept {
    static constexpr std::array<std::string_view, 4> names = {"ok", "failed", "skipped", "cancelled"};
    return names[static_cast<std::size_t>(outcome)];
}

std::string_view name_of(ErrorClass error_class) noexcept {
    static constexpr std::array<std::string_view, 9> names = {"ok",       "local",  "network", "tls",  "auth",
                                                              "protocol", "status", "budget",  "other"};
    return names[static_cast<std::size_t>(error_class)];
}

std::string_view name_of(ErrorCode code) noexcept { return row_of(code).name; }

std::string_view name_of(Phase phase) noexcept {
    static constexpr std::array<std::string_view, 7> names = {"resolve", "connect", "tls", "send",
                                                              "wait",    "body",    "save"};
    return names[static_cast<std::size_t>(phase)];
}

std::string_view name_of(SkipReason reason) noexcept {
    static constexpr std::array<std::string_view, 6> names = {"duplicate", "exists", "unchanged",
                                                              "robots",    "depth",  "limit"};
    return names[static_cast<std::size_t>(reason)];
}

std::optional<ErrorCode> error_code_named(std::string_view name) noexcept {
    for (const auto& row : rows) {
        if (row.name == name) return row.code;
    }
    return std::nullopt;
}

ErrorClass class_of(ErrorCode code) noexcept { return row_of(code).error_class; }

std::optional<int> curl_code_of(ErrorCode code) noexcept {
    const int curl = row_of(code).curl;
    return curl < 0 ? std::nullopt : std::optional(curl);
}

int exit_code_of(ErrorClass error_class) noexcept {
    static constexpr std::array<int, 9> codes = {0, 3, 4, 5, 6, 7, 8, 9, 1};  // in the order of ErrorClass
    return codes[static_cast<std::size_t>(error_class)];
}

ErrorCode error_code_of_status(int status) noexcept {
    if (status == 401) return ErrorCode::unauthorized;
    if (status == 407) return ErrorCode::proxy_unauthorized;
    return ErrorCode::status;
}

void ExitCode::add(ErrorClass error_class) noexcept {
    const int code = exit_code_of(error_class);
    if (code == 0) return;
    if (value_ == 0 || value_ == 1 || (code != 1 && code < value_)) value_ = code;
}

}  // namespace tandem::cli
