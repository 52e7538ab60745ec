#include <cli/response_facts.hpp>

#include <cli/secrets.hpp>
#include <cli/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace tandem::cli {
namespace {

std::optional<Elapsed> if_any(Duration duration) {
    if (duration <= Duration::zero()) return std::nullopt;
    return elapsed_of(duration);
}

std::string header(const http::Response& response, std::string_view name) {
    return std::string(response.headers().get(name).value_or(""));
}

void note_timings(Record& record, const http::Timings& from) {
    if (!record.timings) record.timings.emplace();
    auto& timings = *record.timings;
    timings.resolve = if_any(from.resolve);
    timings.connect = if_any(from.connect);
    timings.tls = if_any(from.tls);
    timings.send = if_any(from.send);
    timings.ttfb = if_any(from.wait);
    timings.body = if_any(from.receive);
    timings.waited.lane = elapsed_of(from.queued);
}

void note_connection(Record& record, const http::ConnectionInfo& connection) {
    record.remote = connection.remote;
    if (!connection.tls) return;
    auto& tls = record.tls.emplace();
    tls.version = connection.tls_version;
    tls.cipher = connection.tls_cipher;
    tls.alpn = connection.tls_alpn;
    tls.resumed = connection.tls_resumed;
    tls.verified = connection.tls_verified;
    tls.issuer = connection.tls_issuer;
}

void note_headers(Record& record, const http::Headers& headers, const FetchOptions& options) {
    if (options.report_headers == ReportHeaders::none) return;
    auto& list = record.headers.emplace();
    for (const auto& [name, value] : headers) {
        const auto lower = lower_case(name);
        const auto& wanted = options.reported_headers;
        if (options.report_headers == ReportHeaders::listed &&
            std::find(wanted.begin(), wanted.end(), lower) == wanted.end())
            continue;
        list.emplace_back(lower, std::string(value));
    }
}

}  // namespace

Elapsed elapsed_of(Duration duration) noexcept { return std::chrono::duration_cast<Elapsed>(duration); }

void note_response(Record& record, const http::Response& response, const FetchOptions& options) {
    if (response.url()) record.final_url = response.url()->href();
    record.status = response.status();
    record.reason = response.reason();
    record.http = std::string(http::to_string(response.version())).substr(5);
    record.type = header(response, "Content-Type");
    record.coding = response.headers().combined("Content-Encoding").value_or("");
    record.length = response.content_length();
    record.etag = header(response, "ETag");
    record.last_modified = header(response, "Last-Modified");
    record.length_known = response.length_known();
    record.redirects.clear();
    for (const auto& hop : response.history()) {
        RedirectHop noted;
        noted.url = hop.url.href();
        noted.status = hop.status;
        noted.ms = elapsed_of(hop.elapsed);
        record.redirects.push_back(std::move(noted));
    }
    record.quirks.clear();
    for (const auto name : response.quirks().names()) record.quirks.emplace_back(name);
    note_connection(record, response.connection());
    note_timings(record, response.timings());
    note_headers(record, response.headers(), options);
}

ByteCounts bytes_of(const Try& attempt) {
    ByteCounts bytes;
    if (attempt.response) {
        const auto counted = attempt.response->byte_counts();
        bytes.wire_in = counted.received;
        bytes.wire_out = counted.sent;
        bytes.body = counted.body;
        bytes.decoded = counted.decoded;
    }
    bytes.saved = attempt.sha256.empty() ? 0 : attempt.saved_bytes;
    return bytes;
}

Attempt note_of(const Try& attempt, Elapsed took, int number) {
    Attempt note;
    note.n = number;
    note.start = attempt.start;
    note.ms = took;
    if (attempt.response) {
        note.status = attempt.response->status();
        note.bytes = attempt.response->byte_counts().body;
        note.remote = attempt.response->remote();
    }
    if (attempt.failure) note.error = attempt.failure->error.code;
    if (attempt.cancelled) note.error = ErrorCode::stopped;
    return note;
}

std::string status_message(const http::Response& response) {
    const auto reason =
        response.reason().empty() ? std::string(http::reason_phrase(response.status())) : response.reason();
    return fmt::format("the server answered {}{}{}", response.status(), reason.empty() ? "" : " ", reason);
}

std::string verbose_head(const http::Response& response, const std::vector<std::string>& secret_headers) {
    auto text = fmt::format("< {} {} {}", http::to_string(response.version()), response.status(),
                            escaped_for_terminal(response.reason()));
    for (const auto& [name, value] : response.headers())
        text += "\n< " +
                escaped_for_terminal(redacted_header(fmt::format("{}: {}", name, value), secret_headers));
    return text;
}

}  // namespace tandem::cli
