#pragma once

#include <cli/outcome.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tandem::cli {

using WallTime = std::chrono::system_clock::time_point;
using Elapsed = std::chrono::duration<double, std::milli>;
using HeaderList = std::vector<std::pair<std::string, std::string>>;

/// What went wrong, in the words of table E (R8).
struct RecordError {
    ErrorCode code = ErrorCode::other;
    std::string message;
    std::optional<Phase> phase;
    bool retryable = false;
};

struct TlsFacts {  // R12
    std::string version;
    std::string cipher;
    std::string alpn;
    bool resumed = false;
    bool verified = false;
    std::string issuer;
};

struct ByteCounts {  // R16
    std::uint64_t wire_in = 0;
    std::uint64_t wire_out = 0;
    std::uint64_t body = 0;
    std::uint64_t decoded = 0;
    std::uint64_t saved = 0;
    std::uint64_t resumed_from = 0;
    std::uint64_t refetched = 0;
};

struct ChecksumFacts {  // R19
    std::string algorithm;
    std::string expected;
    std::string source;
    bool ok = false;
};

struct RedirectHop {  // R21
    std::string url;
    int status = 0;
    Elapsed ms{};
};

/// One try (R22).
struct Attempt {
    int n = 1;
    WallTime start{};
    Elapsed ms{};
    std::optional<int> status;
    std::optional<ErrorCode> error;
    std::uint64_t from = 0;
    std::uint64_t bytes = 0;
    std::string remote;
    Elapsed wait_ms{};        ///< how long was waited before it
    std::string wait_reason;  ///< `backoff`, `retry_after`, `rate`, ...; empty if it was not
};

struct WaitTimes {
    Elapsed lane{};
    Elapsed rate{};
    Elapsed retry_after{};
    Elapsed backoff{};
    Elapsed breaker{};
    Elapsed paused{};
};

/// R23. What did not happen is absent.
struct Timings {
    std::optional<Elapsed> queued;
    std::optional<Elapsed> resolve;
    std::optional<Elapsed> connect;
    std::optional<Elapsed> tls;
    std::optional<Elapsed> send;
    std::optional<Elapsed> ttfb;
    std::optional<Elapsed> body;
    std::optional<Elapsed> total;
    WaitTimes waited;
};

/// What the entry had of its own (R30): enough to ask again.
struct RecordRequest {
    HeaderList headers;  ///< no secrets; the writer leaves them out once more
    std::optional<std::string> body;
    std::optional<std::string> body_file;
    std::optional<std::string> output;
    std::optional<std::string> checksum;
    std::optional<std::string> existing;

    [[nodiscard]] bool empty() const noexcept {
        return headers.empty() && !body && !body_file && !output && !checksum && !existing;
    }
};

/// What became of one entry: exactly one of these each (F1.1). Empty texts and absent values stand for
/// "does not apply" and are not written.
struct Record {
    int run = 1;
    std::string id;
    std::uint64_t seq = 0;
    std::string url;  ///< as given; user and password are taken out when it is written
    std::string final_url;
    std::string method;
    Outcome outcome = Outcome::ok;
    std::optional<RecordError> error;
    std::optional<SkipReason> skip;
    std::string skip_of;

    std::optional<int> status;
    std::string reason;
    std::string http;
    std::string remote;
    std::string proxy;
    std::optional<TlsFacts> tls;
    std::string type;
    std::string coding;
    std::optional<std::uint64_t> length;
    std::string etag;
    std::string last_modified;
    std::optional<HeaderList> headers;
    std::optional<ByteCounts> bytes;
    std::optional<bool> length_known;
    std::string sha256;
    std::optional<ChecksumFacts> checksum;
    std::string file;
    bool renamed = false;
    std::vector<RedirectHop> redirects;
    std::vector<Attempt> attempts;
    std::optional<Timings> timings;
    std::optional<WallTime> start;
    std::optional<WallTime> end;
    std::string parent;
    std::optional<std::uint64_t> depth;
    std::optional<std::uint64_t> index;
    std::optional<double> retry_after_seconds;
    std::vector<std::string> quirks;
    std::string tags_json;  ///< an object, as it came
    std::string worker;
    std::string job;
    RecordRequest request;

    /// R7: from the error, or `ok`.
    [[nodiscard]] ErrorClass error_class() const noexcept;
};

/// The record as one line of JSON, with its `\n`: fields in the order of R1-R30. Headers whose values are
/// secret (`secret_headers` adds names) are written as `***`.
[[nodiscard]] std::string to_json_line(const Record& record,
                                       const std::vector<std::string>& secret_headers = {});

/// `2026-01-31T12:00:00.123Z`
[[nodiscard]] std::string rfc3339(WallTime time);

}  // namespace tandem::cli
