#include <cli/option_table.hpp>

#include <array>

namespace tandem::cli {
namespace {

using enum Topic;
using O = FetchOptions;

// clang-format off
const std::vector<OptionRow>& rows() {
    static const std::vector<OptionRow> table = {
    // Input
    {"input", 'i', "FILE", "", input, "read URLs from FILE, one per line; - is stdin; repeatable", Custom{read_input_file}},
    {"input-format", 0, "auto|lines|report", "auto", input, "what the files of -i hold", Custom{read_input_format}},
    {"base", 0, "URL", "", input, "resolve relative URLs against this one", Text{&O::base}},
    {"globoff", 'g', "", "", input, "take {} and [] in URLs literally", Flag{&O::glob_off}},
    {"dedupe", 0, "", "on", input, "fetch what was asked for twice only once", Flag{&O::dedupe}},
    {"skip", 0, "N", "0", input, "leave out the first N entries of the input", Custom{read_skip}},
    {"limit", 0, "N", "none", input, "take at most N entries", Amount{&O::limit}},
    {"retry-failed", 0, "REPORT", "", input, "fetch what failed or was cancelled in an earlier run", Custom{read_retry_failed}},

    // Request
    {"request", 'X', "METHOD", "GET", request, "request method; POST if there is a body", Custom{read_method}},
    {"head", 'I', "", "", request, "ask for the head only (HEAD) and print it", Flag{&O::head}},
    {"header", 'H', "'N: V'", "", request, "add a header; 'N:' removes it, 'N;' sends it empty, @FILE reads lines", Custom{read_header}},
    {"header-for", 0, "HOSTGLOB 'N: V'", "", request, "add a header for hosts that match, secret ones too", Custom{read_header_for}},
    {"secret-header", 0, "NAME", "", request, "treat this header as secret: one origin, no report", Custom{read_secret_header}},
    {"user-agent", 'A', "S", "", request, "instead of tandem/<version>", Custom{read_header_value}},
    {"referer", 'e', "URL", "", request, "send this Referer", Custom{read_header_value}},
    {"data", 'd', "D", "", request, "body, joined by &; @FILE reads it without line ends", Custom{read_data}},
    {"data-raw", 0, "D", "", request, "body as it stands, @ included", Custom{read_data_raw}},
    {"data-binary", 0, "D", "", request, "body; @FILE reads it byte by byte", Custom{read_data_binary}},
    {"json", 0, "D", "", request, "JSON body, with Content-Type and Accept; @FILE reads it", Custom{read_json}},
    {"get", 'G', "", "", request, "put -d into the query", Flag{&O::data_in_query}},
    {"range", 'r', "R", "", request, "this range only, as in 0-499", Custom{read_range}},
    {"compressed", 0, "", "on", request, "ask for compressed bodies and decode them", Flag{&O::compressed}},
    {"max-redirs", 0, "N", "10", request, "follow at most N redirects", Count{&O::max_redirects, 0, 50}},
    {"location-trusted", 0, "", "", request, "keep headers across origins, never from https to http", Flag{&O::location_trusted}},
    {"allow-downgrade", 0, "", "", request, "follow redirects from https to http", Flag{&O::allow_downgrade}},
    {"user", 'u', "USER[:PASS]", "", request, "user and password for the first origin", Text{&O::user}, {}, true},
    {"oauth2-bearer", 0, "TOKEN", "", request, "bearer token for the first origin; @FILE reads it", Custom{read_bearer}, {}, true},
    {"cookie", 'b', "'N=V'", "", request, "send this cookie to the first origin", Custom{read_cookie}, {}, true},

    // Output
    {"output", 'o', "TEMPLATE", "", output, "name of the file; {host} {path} {name} {.ext} {n} ...; - is stdout", Text{&O::output}},
    {"output-dir", 'P', "DIR", "", output, "save below DIR instead of .", Text{&O::output_directory}},
    {"flat", 0, "", "", output, "no directories: {name}{-q}{-n}{.ext}", Flag{&O::flat}},
    {"existing", 0, "number|skip|overwrite|error", "number", output, "when the file is there already", Custom{read_existing}},
    {"no-clobber", 0, "", "", output, "same as --existing number", Switch{[](O& o) { o.existing = ExistingPolicy::number; }}, "existing"},
    {"skip-existing", 0, "", "", output, "same as --existing skip", Switch{[](O& o) { o.existing = ExistingPolicy::skip; }}, "existing"},
    {"clobber", 0, "", "", output, "same as --existing overwrite", Switch{[](O& o) { o.existing = ExistingPolicy::overwrite; }}, "existing"},
    {"create-dirs", 0, "", "on", output, "make directories as needed", Flag{&O::create_directories}},
    {"remote-time", 'R', "", "", output, "set the file's time from Last-Modified", Flag{&O::remote_time}},
    {"fail-with-body", 0, "", "", output, "keep bodies of failed statuses, as NAME.status-404", Flag{&O::fail_with_body}},
    {"ok-status", 0, "LIST", "200-399", output, "statuses that are no failure, as in 200-399,404", Custom{read_ok_status}},
    {"write-out", 'w', "FORMAT", "", output, "print this after each entry: %{url} %{http_code} ...; @FILE reads it", Custom{read_write_out}},
    {"report", 0, "FILE", "", output, "append one JSON record per entry; - is stdout, fd:N a descriptor", Custom{read_report}},
    {"report-headers", 0, "none|all|LIST", "none", output, "response headers in the records", Custom{read_report_headers}},
    {"report-skipped", 0, "", "", output, "records also for what --skip, --limit and depth leave out", Flag{&O::report_skipped}},
    {"dry-run", 0, "", "", output, "no network: print URL and file of each entry", Flag{&O::dry_run}},

    // Politeness and limits
    {"concurrency", 'j', "N", "64", limits, "transfers at once, in all", Count{&O::concurrency, 1, 100000}},
    {"parallel-max", 0, "N", "", limits, "same as --concurrency", Count{&O::concurrency, 1, 100000}, "concurrency"},
    {"per-host", 0, "N", "6", limits, "transfers at once per origin; also HOST=N", Custom{read_per_host}},
    {"parallel-max-host", 0, "N", "", limits, "same as --per-host", Custom{read_per_host}, "per-host"},
    {"rate", 0, "N/U", "", limits, "requests per time over all, as in 5/s 300/m 10000/h", Speed{&O::rate}},
    {"rate-host", 0, "N/U", "", limits, "requests per time and origin", Speed{&O::rate_host}},
    {"burst", 0, "N", "1", limits, "starts that a rate allows at once", Count{&O::burst, 1, 1000000}},
    {"connect-timeout", 0, "T", "30s", limits, "to connect, TLS included", Limit{&O::connect_timeout}},
    {"response-timeout", 0, "T", "60s", limits, "from the request to the response's head", Limit{&O::response_timeout}},
    {"stall-timeout", 0, "T", "60s", limits, "without a byte of the body", Limit{&O::stall_timeout}},
    {"max-time", 'm', "T", "none", limits, "per entry, over all its tries", Limit{&O::max_time}},
    {"timeout", 0, "T", "", limits, "same as --max-time", Limit{&O::max_time}, "max-time"},
    {"max-time-total", 0, "T", "none", limits, "for the whole run", Limit{&O::max_time_total}},
    {"max-total-size", 0, "SIZE", "none", limits, "stop after so many bytes in all", Size{&O::max_total_size_bytes}},
    {"max-errors", 0, "N", "none", limits, "stop after N failures", Amount{&O::max_errors}},
    {"fail-fast", 0, "", "", limits, "stop at the first failure", Flag{&O::fail_fast}},
    {"fail-early", 0, "", "", limits, "same as --fail-fast", Flag{&O::fail_fast}, "fail-fast"},
    {"max-filesize", 0, "SIZE", "none", limits, "refuse bodies larger than this", Size{&O::max_file_size_bytes}},
    {"max-decoded", 0, "SIZE", "8G", limits, "refuse bodies larger than this after decoding", Size{&O::max_decoded_bytes}},
    {"max-ratio", 0, "N", "1000", limits, "refuse bodies that expand more than this, after 1M", Amount{&O::max_ratio}},

    // Retry
    {"retry", 0, "N", "4", retry, "tries after the first one", Count{&O::retries, 0, 1000000}},
    {"tries", 0, "N", "", retry, "tries in all: --retry N-1", Custom{read_tries}, "retry"},
    {"retry-delay", 0, "T", "500ms", retry, "longest first wait; doubles with each try", Wait{&O::retry_delay}},
    {"retry-max-delay", 0, "T", "60s", retry, "longest wait between two tries", Wait{&O::retry_max_delay}},
    {"retry-max-time", 0, "T", "none", retry, "no more tries after this, per entry", Limit{&O::retry_max_time}},
    {"retry-on", 0, "LIST", "", retry, "statuses and error codes; +404,-reset change the default", Custom{read_retry_on}},
    {"retry-all-errors", 0, "", "", retry, "try again after every failure but local ones", Flag{&O::retry_all_errors}},
    {"retry-unsafe", 0, "", "", retry, "also repeat POST and other methods that may act twice", Flag{&O::retry_unsafe}},
    {"retry-after-max", 0, "T", "10m", retry, "give up where Retry-After asks for more", Wait{&O::retry_after_max}},
    {"give-up-host", 0, "T", "", retry, ""},
    {"breaker", 0, "", "", retry, ""},

    // Network and TLS
    {"ipv4", '4', "", "", net, "connect by IPv4 only", Switch{[](O& o) { o.family = AddressFamily::ipv4; }}},
    {"ipv6", '6', "", "", net, "connect by IPv6 only", Switch{[](O& o) { o.family = AddressFamily::ipv6; }}},
    {"resolve", 0, "HOST:PORT:ADDR", "", net, "use these addresses for a host; repeatable", Custom{read_resolve}},
    {"connect-to", 0, "H1:P1:H2:P2", "", net, "connect to H2:P2 for requests to H1:P1; repeatable", Custom{read_connect_to}},
    {"insecure", 'k', "", "", tls, "do not verify certificates", Flag{&O::insecure}},
    {"cacert", 0, "FILE", "", tls, "trust the certificates in FILE instead of the system's", Text{&O::ca_file}},
    {"capath", 0, "DIR", "", tls, "trust the certificates in DIR", Text{&O::ca_directory}},

    // View
    {"progress", 0, "auto|bar|line|json|none", "auto", view, "live display on stderr", Custom{read_progress}},
    {"progress-interval", 0, "T", "", view, "10s by line, 1s as JSON", Limit{&O::progress_interval}},
    {"progress-bar", '#', "", "", view, "same as --progress bar", Switch{[](O& o) { o.progress = ProgressMode::bar; }}},
    {"silent", 's', "", "", view, "no display, no messages, no summary", Flag{&O::silent}},
    {"show-error", 'S', "", "", view, "errors even with -s", Flag{&O::show_error}},
    {"quiet", 'q', "", "", view, "only errors and the summary", Flag{&O::quiet}},
    {"verbose", 'v', "", "", view, "heads and decisions; -vv frames", Switch{[](O& o) { ++o.verbosity; }}},
    {"color", 0, "auto|always|never", "auto", view, "colours on stderr", Custom{read_color}},
    {"summary", 0, "", "on", view, "counts and grouped failures at the end", Flag{&O::summary}},

    // General
    {"help", 'h', "[TOPIC]", "", general, "this screen, or the options of a topic"},
    {"version", 0, "", "", general, "version, features, backend, libraries", Flag{&O::version}},
    {"grace", 0, "T", "500ms", general, "time that Ctrl-C leaves to what is in flight", Wait{&O::grace}},
    {"parallel", 'Z', "", "", general, "nothing: transfers are parallel anyway", NoEffect{}},
    {"parallel-immediate", 0, "", "", general, "nothing: no transfer waits for another", NoEffect{}},
    {"fail", 'f', "", "", general, "nothing: statuses from 400 are failures anyway", NoEffect{}},
    {"location", 'L', "", "", general, "nothing: redirects are followed anyway", NoEffect{}},

    // Fingers of other tools
    {"", 'c', "", "", general, "", Refused{"curl's cookie jar and wget's continue; see --cookie and --existing"}},
    {"continue-at", 'C', "", "", general, "", Refused{"a partial file is never continued by its size alone, that corrupts; run the same command again"}},
    {"remote-name", 'O', "", "", general, "", Refused{"names come from the URL already; see -o, -J"}},
    {"", 'n', "", "", general, "", Refused{"curl's netrc and wget's --no; see --netrc"}},
    {"", 't', "", "", general, "", Refused{"wget's tries and curl's telnet option; see --retry"}},
    {"continue", 0, "", "", general, "", Refused{"a partial file is never continued by its size alone, that corrupts; run the same command again"}},
    {"remote-name-all", 0, "", "", general, "", Refused{"names come from the URL already; see -o, -J"}},

    // Promised, not built yet
    {"glob-input", 0, "", "", input, ""}, {"allow-list-files", 0, "", "", input, ""},
    {"url-query", 0, "DATA", "", input, ""},
    {"data-urlencode", 0, "D", "", request, ""}, {"form", 'F', "N=V", "", request, ""},
    {"form-string", 0, "N=V", "", request, ""}, {"upload-file", 'T', "FILE", "", request, ""},
    {"decompress", 0, "", "", request, ""}, {"expect100-timeout", 0, "T", "", request, ""},
    {"proto", 0, "LIST", "", request, ""}, {"proto-redir", 0, "LIST", "", request, ""},
    {"basic", 0, "", "", request, ""}, {"digest", 0, "", "", request, ""}, {"anyauth", 0, "", "", request, ""},
    {"netrc", 0, "", "", request, ""}, {"netrc-optional", 0, "", "", request, ""},
    {"netrc-file", 0, "FILE", "", request, ""}, {"cookie-jar", 0, "FILE", "", request, ""},
    {"cookies", 0, "", "", request, ""},
    {"remote-header-name", 'J', "", "", output, ""}, {"sync", 0, "", "", output, ""},
    {"order", 0, "done|input", "", output, ""}, {"xattr", 0, "", "", output, ""},
    {"dump-header", 'D', "FILE", "", output, ""}, {"checksum", 0, "A=HEX", "", output, ""},
    {"checksums", 0, "FILE", "", output, ""}, {"spill-max", 0, "SIZE", "", output, ""},
    {"temp-dir", 0, "DIR", "", output, ""},
    {"per-ip", 0, "N", "", limits, ""}, {"wait", 0, "T", "", limits, ""}, {"random-wait", 0, "", "", limits, ""},
    {"limit-rate", 0, "B", "", limits, ""}, {"limit-rate-each", 0, "B", "", limits, ""},
    {"learn", 0, "", "", limits, ""}, {"robots", 0, "", "", limits, ""}, {"loops", 0, "N", "", limits, ""},
    {"speed-limit", 0, "B", "", limits, ""}, {"speed-time", 0, "T", "", limits, ""},
    {"job", 0, "NAME", "", job, ""}, {"again", 0, "", "", job, ""}, {"job-accept-changes", 0, "", "", job, ""},
    {"durability", 0, "power|process|none", "", job, ""}, {"resume", 0, "", "", job, ""},
    {"segments", 0, "N", "", job, ""}, {"segment-min", 0, "SIZE", "", job, ""},
    {"expand", 0, "PATH", "", json, ""}, {"depth", 0, "N", "", json, ""}, {"max-discovered", 0, "N", "", json, ""},
    {"next", 0, "PATH", "", json, ""}, {"next-link", 0, "", "", json, ""}, {"max-pages", 0, "N", "", json, ""},
    {"expand-to", 0, "HOSTGLOB", "", json, ""}, {"report-body", 0, "FILE", "", json, ""},
    {"tree", 0, "flat|nested", "", json, ""}, {"tree-key", 0, "K", "", json, ""}, {"max-json", 0, "SIZE", "", json, ""},
    {"tree-memory", 0, "SIZE", "", json, ""},
    {"http1.1", 0, "", "", net, ""}, {"http2", 0, "", "", net, ""}, {"http2-prior-knowledge", 0, "", "", net, ""},
    {"dns-servers", 0, "LIST", "", net, ""}, {"interface", 0, "ADDR", "", net, ""}, {"local-port", 0, "R", "", net, ""},
    {"unix-socket", 0, "PATH", "", net, ""}, {"proxy", 'x', "URL", "", net, ""}, {"proxy-user", 'U', "USER", "", net, ""},
    {"proxy-header", 0, "'N: V'", "", net, ""}, {"noproxy", 0, "LIST", "", net, ""}, {"env-proxy", 0, "", "", net, ""},
    {"crlfile", 0, "FILE", "", tls, ""}, {"cert", 'E', "FILE", "", tls, ""}, {"key", 0, "FILE", "", tls, ""},
    {"key-pass-file", 0, "FILE", "", tls, ""}, {"pinnedpubkey", 0, "HASH", "", tls, ""},
    {"tlsv1.2", 0, "", "", tls, ""}, {"tlsv1.3", 0, "", "", tls, ""}, {"ciphers", 0, "LIST", "", tls, ""},
    {"progress-fd", 0, "N", "", view, ""}, {"timing", 0, "", "", view, ""}, {"trace", 0, "FILE", "", view, ""},
    {"log", 0, "FILE", "", view, ""}, {"log-format", 0, "F", "", view, ""},
    {"har", 0, "FILE", "", archive, ""}, {"har-bodies", 0, "SIZE", "", archive, ""}, {"warc", 0, "FILE", "", archive, ""},
    {"warc-max-size", 0, "SIZE", "", archive, ""}, {"archive-secrets", 0, "", "", archive, ""},
    {"replay", 0, "FILE", "", archive, ""},
    {"safe", 0, "", "", safe, ""}, {"allow", 0, "CIDR", "", safe, ""}, {"deny", 0, "CIDR", "", safe, ""},
    {"allow-port", 0, "P", "", safe, ""},
    {"queue", 0, "URL", "", queue, ""}, {"worker", 0, "NAME", "", queue, ""}, {"queue-shards", 0, "N", "", queue, ""},
    {"queue-lease", 0, "T", "", queue, ""}, {"queue-max", 0, "N", "", queue, ""}, {"queue-timeout", 0, "T", "", queue, ""},
    {"queue-split", 0, "HOST=N", "", queue, ""}, {"queue-unsafe", 0, "", "", queue, ""},
    {"config", 'K', "FILE", "", general, ""},
    };
    return table;
}
// clang-format on

}  // namespace

std::string_view name_of(Topic topic) noexcept {
    static constexpr std::array<std::string_view, 14> names = {
        "input", "request", "output", "limits",  "retry", "job",   "json",
        "net",   "tls",     "view",   "archive", "safe",  "queue", "general"};
    return names[static_cast<std::size_t>(topic)];
}

std::span<const OptionRow> option_table() { return rows(); }

const OptionRow* option_named(std::string_view name) {
    if (name.empty()) return nullptr;
    for (const auto& row : rows()) {
        if (row.name == name) return &row;
    }
    return nullptr;
}

const OptionRow* option_named(char short_name) {
    for (const auto& row : rows()) {
        if (row.short_name == short_name && short_name != 0) return &row;
    }
    return nullptr;
}

}  // namespace tandem::cli
