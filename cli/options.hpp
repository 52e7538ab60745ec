#pragma once

#include <cli/retry_on.hpp>
#include <cli/units.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::cli {

/// Where entries come from, in the order they were named on the command line.
struct InputSource {
    enum class Kind { url, file, retry_failed };
    Kind kind = Kind::url;
    std::string text;  ///< a URL with globs, or a path; `-` is stdin

    bool operator==(const InputSource&) const = default;
};

enum class InputFormat { automatic, lines, report };

/// One `-d` and its kin.
struct DataPiece {
    enum class Kind { form, raw, binary, json };
    Kind kind = Kind::form;
    std::string text;  ///< after reading `@FILE`

    bool operator==(const DataPiece&) const = default;
};

/// A header as `-H` gives it.
struct HeaderOption {
    enum class Kind { set, remove, empty };
    Kind kind = Kind::set;
    std::string name;
    std::string value;

    bool operator==(const HeaderOption&) const = default;
};

/// `--header-for HOSTGLOB 'Name: value'`.
struct HeaderForHost {
    std::string host_pattern;
    HeaderOption header;

    bool operator==(const HeaderForHost&) const = default;
};

/// `--resolve HOST:PORT:ADDRESS[,ADDRESS]`.
struct ResolveOverride {
    std::string host;
    std::uint16_t port = 0;
    std::vector<std::string> addresses;

    bool operator==(const ResolveOverride&) const = default;
};

/// `--connect-to HOST1:PORT1:HOST2:PORT2`; what was left empty matches, or keeps, everything.
struct ConnectTo {
    std::string from_host;
    std::optional<std::uint16_t> from_port;
    std::string to_host;
    std::optional<std::uint16_t> to_port;

    bool operator==(const ConnectTo&) const = default;
};

enum class ExistingPolicy { number, skip, overwrite, error };
enum class ProgressMode { automatic, bar, line, json, none };
enum class ColorMode { automatic, always, never };
enum class ReportHeaders { none, all, listed };
enum class AddressFamily { any, ipv4, ipv6 };

/// Everything the command line of `tandem fetch` can say. The defaults here are the documented ones; the
/// option table is held against them by a test. What has no limit is absent, never zero.
struct FetchOptions {
    using Duration = std::chrono::milliseconds;

    // Input
    std::vector<InputSource> inputs;
    InputFormat input_format = InputFormat::automatic;
    std::optional<std::string> base;
    bool glob_off = false;
    bool dedupe = true;
    std::uint64_t skip = 0;
    std::optional<std::uint64_t> limit;

    // Request
    std::optional<std::string> method;  ///< absent: GET, HEAD with `-I`, POST with a body
    bool head = false;
    std::vector<HeaderOption> headers;
    std::vector<HeaderForHost> headers_for_hosts;
    std::vector<std::string> secret_headers;
    std::optional<std::string> user_agent;  ///< absent: `tandem/<version>`; empty: none is sent
    std::optional<std::string> referer;
    std::vector<DataPiece> data;
    bool data_in_query = false;
    std::optional<std::string> range;
    bool compressed = true;

    // Redirects and identity
    unsigned max_redirects = 10;
    bool location_trusted = false;
    bool allow_downgrade = false;
    std::optional<std::string> user;  ///< `name:password`, or `name` alone if the password is to be asked for
    std::optional<std::string> oauth2_bearer;
    std::vector<std::string> cookies;  ///< `name=value` each

    // Output
    std::optional<std::string> output;  ///< a template; `-` is stdout
    std::optional<std::string> output_directory;
    bool flat = false;
    ExistingPolicy existing = ExistingPolicy::number;
    bool create_directories = true;
    bool remote_time = false;
    bool fail_with_body = false;
    StatusSet ok_status = *StatusSet::parse("200-399");
    std::optional<std::string> write_out;
    std::optional<std::string> report;
    ReportHeaders report_headers = ReportHeaders::none;
    std::vector<std::string> reported_headers;  ///< lower case, if `listed`
    bool report_skipped = false;
    bool dry_run = false;

    // Politeness and limits
    unsigned concurrency = 64;
    unsigned per_host = 6;
    std::vector<std::pair<std::string, unsigned>> per_host_for;  ///< host pattern and limit, last match wins
    std::optional<Rate> rate;
    std::optional<Rate> rate_host;
    unsigned burst = 1;
    std::optional<Duration> connect_timeout = std::chrono::seconds(30);
    std::optional<Duration> response_timeout = std::chrono::seconds(60);
    std::optional<Duration> stall_timeout = std::chrono::seconds(60);
    std::optional<Duration> max_time;
    std::optional<Duration> max_time_total;
    std::optional<std::uint64_t> max_total_size_bytes;
    std::optional<std::uint64_t> max_errors;
    bool fail_fast = false;
    std::optional<std::uint64_t> max_file_size_bytes;
    std::optional<std::uint64_t> max_decoded_bytes = std::uint64_t{8} << 30;
    std::optional<std::uint64_t> max_ratio = 1000;

    // Retry
    unsigned retries = 4;
    Duration retry_delay = std::chrono::milliseconds(500);
    Duration retry_max_delay = std::chrono::seconds(60);
    std::optional<Duration> retry_max_time;
    RetryOn retry_on;
    bool retry_all_errors = false;
    bool retry_unsafe = false;
    Duration retry_after_max = std::chrono::minutes(10);
    Duration grace = std::chrono::milliseconds(500);

    // Network and TLS
    AddressFamily family = AddressFamily::any;
    std::vector<ResolveOverride> resolve;
    std::vector<ConnectTo> connect_to;
    bool insecure = false;
    std::optional<std::string> ca_file;
    std::optional<std::string> ca_directory;

    // View
    ProgressMode progress = ProgressMode::automatic;
    std::optional<Duration> progress_interval;  ///< absent: 10 s by line, 1 s as JSON
    bool silent = false;
    bool show_error = false;
    bool quiet = false;
    unsigned verbosity = 0;
    ColorMode color = ColorMode::automatic;
    bool summary = true;

    // General
    std::optional<std::string> help;  ///< the topic; empty for the one screen
    bool version = false;

    bool operator==(const FetchOptions&) const = default;
};

/// What came of reading a command line. With problems nothing may be fetched: print all, exit 2.
struct ParsedOptions {
    FetchOptions options;
    std::vector<std::string> problems;  ///< one line each, safe to print
    std::vector<std::string> given;  ///< what was set, as `--name=value`, secrets as `***`; for `--dry-run`
};

/// Reads what stands after `tandem fetch`. Finds everything that is wrong, not only the first thing
/// (C6): unknown options with the nearest known one, values that do not parse, combinations that
/// contradict each other. `@FILE` values are read here, `-` as stdin.
[[nodiscard]] ParsedOptions parse_options(const std::vector<std::string>& arguments);

/// The screen of `-h` for an empty topic, otherwise a topic of `help_topics()`. Nothing for an unknown one.
[[nodiscard]] std::optional<std::string> help_text(std::string_view topic);

/// `all`, `input`, `request`, ...
[[nodiscard]] std::vector<std::string_view> help_topics();

/// F8.1: one URL without globs, no list and no option that names a file: the body is for stdout.
[[nodiscard]] bool body_goes_to_stdout(const FetchOptions& options);

/// `-X`, `-I` and data together: the method of entries that bring none of their own.
[[nodiscard]] std::string method_of(const FetchOptions& options);

}  // namespace tandem::cli
