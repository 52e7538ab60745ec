#include <cli/record.hpp>

#include <cli/json_writer.hpp>
#include <cli/secrets.hpp>
#include <cli/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace tandem::cli {
namespace {

constexpr std::size_t max_body_bytes = 4096;  // R30

void text_field(JsonWriter& json, std::string_view name, std::string_view value) {
    if (!value.empty()) json.key(name).string(value);
}

void optional_field(JsonWriter& json, std::string_view name, const std::optional<std::string>& value) {
    if (value) json.key(name).string(*value);
}

void time_field(JsonWriter& json, std::string_view name, const std::optional<WallTime>& value) {
    if (value) json.key(name).string(rfc3339(*value));
}

template <class Number>
void number_field(JsonWriter& json, std::string_view name, const std::optional<Number>& value) {
    if (value) json.key(name).number(*value);
}

void elapsed_field(JsonWriter& json, std::string_view name, const std::optional<Elapsed>& value) {
    if (value) json.key(name).fixed3(value->count());
}

void write_error(JsonWriter& json, const RecordError& error) {
    json.key("error").begin_object();
    json.key("code").string(name_of(error.code));
    json.key("message").string(error.message);
    if (error.phase) json.key("phase").string(name_of(*error.phase));
    json.key("retryable").boolean(error.retryable);
    number_field(json, "curl_code", curl_code_of(error.code));
    json.end_object();
}

void write_tls(JsonWriter& json, const TlsFacts& tls) {
    json.key("tls").begin_object();
    text_field(json, "version", tls.version);
    text_field(json, "cipher", tls.cipher);
    text_field(json, "alpn", tls.alpn);
    json.key("resumed").boolean(tls.resumed);
    json.key("verified").boolean(tls.verified);
    text_field(json, "issuer", tls.issuer);
    json.end_object();
}

void write_headers(JsonWriter& json, const HeaderList& headers,
                   const std::vector<std::string>& secret_headers) {
    json.key("headers").begin_object();
    std::vector<std::string> done;
    for (const auto& header : headers) {
        const auto name = lower_case(header.first);
        if (std::find(done.begin(), done.end(), name) != done.end()) continue;
        done.push_back(name);

        json.key(name).begin_array();
        for (const auto& [other, value] : headers) {
            if (equal_ignoring_case(other, name))
                json.string(is_secret_header(name, secret_headers) ? "***" : value);
        }
        json.end_array();
    }
    json.end_object();
}

void write_bytes(JsonWriter& json, const ByteCounts& bytes) {
    json.key("bytes").begin_object();
    json.key("wire_in").number(bytes.wire_in);
    json.key("wire_out").number(bytes.wire_out);
    json.key("body").number(bytes.body);
    json.key("decoded").number(bytes.decoded);
    json.key("saved").number(bytes.saved);
    json.key("resumed_from").number(bytes.resumed_from);
    json.key("refetched").number(bytes.refetched);
    json.end_object();
}

void write_checksum(JsonWriter& json, const ChecksumFacts& checksum) {
    json.key("checksum").begin_object();
    json.key("algorithm").string(checksum.algorithm);
    json.key("expected").string(checksum.expected);
    json.key("source").string(checksum.source);
    json.key("ok").boolean(checksum.ok);
    json.end_object();
}

void write_redirects(JsonWriter& json, const std::vector<RedirectHop>& hops) {
    json.key("redirects").begin_array();
    for (const auto& hop : hops) {
        json.begin_object();
        json.key("url").string(without_userinfo(hop.url));
        json.key("status").number(hop.status);
        json.key("ms").fixed3(hop.ms.count());
        json.end_object();
    }
    json.end_array();
}

void write_attempts(JsonWriter& json, const std::vector<Attempt>& attempts) {
    json.key("attempts").begin_array();
    for (const auto& attempt : attempts) {
        json.begin_object();
        json.key("n").number(attempt.n);
        json.key("start").string(rfc3339(attempt.start));
        json.key("ms").fixed3(attempt.ms.count());
        number_field(json, "status", attempt.status);
        if (attempt.error) json.key("error").string(name_of(*attempt.error));
        json.key("from").number(attempt.from);
        json.key("bytes").number(attempt.bytes);
        text_field(json, "remote", attempt.remote);
        if (!attempt.wait_reason.empty()) {
            json.key("wait_ms").fixed3(attempt.wait_ms.count());
            json.key("wait_reason").string(attempt.wait_reason);
        }
        json.end_object();
    }
    json.end_array();
}

void write_timings(JsonWriter& json, const Timings& timings) {
    json.key("timings").begin_object();
    elapsed_field(json, "queued", timings.queued);
    elapsed_field(json, "resolve", timings.resolve);
    elapsed_field(json, "connect", timings.connect);
    elapsed_field(json, "tls", timings.tls);
    elapsed_field(json, "send", timings.send);
    elapsed_field(json, "ttfb", timings.ttfb);
    elapsed_field(json, "body", timings.body);
    elapsed_field(json, "total", timings.total);
    const auto& waited = timings.waited;
    json.key("waited").begin_object();
    json.key("lane").fixed3(waited.lane.count());
    json.key("rate").fixed3(waited.rate.count());
    json.key("retry_after").fixed3(waited.retry_after.count());
    json.key("backoff").fixed3(waited.backoff.count());
    json.key("breaker").fixed3(waited.breaker.count());
    json.key("paused").fixed3(waited.paused.count());
    json.end_object();
    json.end_object();
}

void write_request(JsonWriter& json, const RecordRequest& request,
                   const std::vector<std::string>& secret_headers) {
    json.key("request").begin_object();
    if (!request.headers.empty()) {
        json.key("headers").begin_object();
        for (const auto& [name, value] : request.headers) {
            if (!is_secret_header(name, secret_headers)) json.key(name).string(value);
        }
        json.end_object();
    }
    if (request.body && request.body->size() <= max_body_bytes) json.key("body").string(*request.body);
    optional_field(json, "body_file", request.body_file);
    optional_field(json, "output", request.output);
    optional_field(json, "checksum", request.checksum);
    optional_field(json, "existing", request.existing);
    json.end_object();
}

void write_what_was_asked(JsonWriter& json, const Record& record) {
    json.key("v").number(1);
    json.key("run").number(record.run);
    json.key("id").string(record.id);
    json.key("seq").number(record.seq);
    json.key("url").string(without_userinfo(record.url));
    text_field(json, "final_url", without_userinfo(record.final_url));
    json.key("method").string(record.method);
    json.key("outcome").string(name_of(record.outcome));
    json.key("class").string(name_of(record.error_class()));
    if (record.error) write_error(json, *record.error);
    if (record.skip) json.key("skip").string(name_of(*record.skip));
    text_field(json, "of", record.skip_of);
}

void write_what_was_answered(JsonWriter& json, const Record& record,
                             const std::vector<std::string>& secret_headers) {
    number_field(json, "status", record.status);
    text_field(json, "reason", record.reason);
    text_field(json, "http", record.http);
    text_field(json, "remote", record.remote);
    text_field(json, "proxy", record.proxy);
    if (record.tls) write_tls(json, *record.tls);
    text_field(json, "type", record.type);
    text_field(json, "coding", record.coding);
    number_field(json, "length", record.length);
    text_field(json, "etag", record.etag);
    text_field(json, "last_modified", record.last_modified);
    if (record.headers) write_headers(json, *record.headers, secret_headers);
    if (record.bytes) write_bytes(json, *record.bytes);
    if (record.length_known) json.key("length_known").boolean(*record.length_known);
    text_field(json, "sha256", record.sha256);
    if (record.checksum) write_checksum(json, *record.checksum);
    if (!record.file.empty()) {
        json.key("file").string(record.file);
        json.key("renamed").boolean(record.renamed);
    }
    if (!record.redirects.empty()) write_redirects(json, record.redirects);
    if (!record.attempts.empty()) write_attempts(json, record.attempts);
}

void write_the_rest(JsonWriter& json, const Record& record, const std::vector<std::string>& secret_headers) {
    if (record.timings) write_timings(json, *record.timings);
    time_field(json, "start", record.start);
    time_field(json, "end", record.end);
    text_field(json, "parent", record.parent);
    number_field(json, "depth", record.depth);
    number_field(json, "index", record.index);
    if (record.retry_after_seconds) json.key("retry_after").fixed3(*record.retry_after_seconds);
    if (!record.quirks.empty()) {
        json.key("quirks").begin_array();
        for (const auto& quirk : record.quirks) json.string(quirk);
        json.end_array();
    }
    if (!record.tags_json.empty()) json.key("tags").raw(record.tags_json);
    text_field(json, "worker", record.worker);
    text_field(json, "job", record.job);
    if (!record.request.empty()) write_request(json, record.request, secret_headers);
}

}  // namespace

ErrorClass Record::error_class() const noexcept { return error ? class_of(error->code) : ErrorClass::ok; }

std::string to_json_line(const Record& record, const std::vector<std::string>& secret_headers) {
    std::string line;
    line.reserve(1024);
    JsonWriter json(line);
    json.begin_object();
    write_what_was_asked(json, record);
    write_what_was_answered(json, record, secret_headers);
    write_the_rest(json, record, secret_headers);
    json.end_object();
    return line += '\n';
}

std::string rfc3339(WallTime time) {
    using namespace std::chrono;
    const auto ms = floor<milliseconds>(time);
    const auto day = floor<days>(ms);
    const year_month_day date(day);
    const auto of_day = ms - day;
    const auto seconds_of_day = duration_cast<seconds>(of_day).count();
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       seconds_of_day / 3600, seconds_of_day / 60 % 60, seconds_of_day % 60,
                       of_day.count() % 1000);
}

}  // namespace tandem::cli
