// Combinations of options that contradict each other (C6): all of them, before the first request.
#include <cli/option_table.hpp>

#include <cli/glob.hpp>
#include <cli/name_template.hpp>
#include <cli/text.hpp>

#include <tandem/http/errors.hpp>
#include <tandem/http/url.hpp>

#include <algorithm>

namespace tandem::cli {
namespace {

void check_inputs(const FetchOptions& options, std::vector<std::string>& problems) {
    if (options.inputs.empty()) problems.emplace_back("no URL: name some, or a list with -i FILE; see -h");

    int stdin_readers = 0;
    bool retry_failed = false;
    for (const auto& source : options.inputs) {
        if (source.kind != InputSource::Kind::url && source.text == "-") ++stdin_readers;
        if (source.kind == InputSource::Kind::retry_failed) retry_failed = true;
        if (source.kind != InputSource::Kind::url || options.glob_off) continue;
        try {
            UrlGlob glob(source.text);
        } catch (const GlobError& error) {
            problems.push_back(escaped_for_terminal(error.what()));
        }
    }
    if (stdin_readers > 1) problems.emplace_back("stdin (-) can be read only once");
    if (retry_failed && (options.method || options.head || !options.data.empty()))
        problems.emplace_back(
            "--retry-failed repeats each entry's own method and body; leave out -X, -I and -d");

    if (options.base && !http::Url::try_parse(*options.base))
        problems.push_back("--base: \"" + escaped_for_terminal(without_userinfo(*options.base)) +
                           "\" is no URL");
}

void check_request(const FetchOptions& options, std::vector<std::string>& problems) {
    if (options.head && !options.data.empty() && !options.data_in_query)
        problems.emplace_back(
            "-I asks for the head and -d sends a body; use -G to put the data into the query");
    if (options.head && options.method && *options.method != "HEAD")
        problems.emplace_back("-I means HEAD, which -X contradicts");
    if (options.user && options.oauth2_bearer)
        problems.emplace_back("-u and --oauth2-bearer both set Authorization; choose one");

    const auto is_json = [](const DataPiece& piece) { return piece.kind == DataPiece::Kind::json; };
    const auto json = std::count_if(options.data.begin(), options.data.end(), is_json);
    if (json != 0 && json != static_cast<std::ptrdiff_t>(options.data.size()))
        problems.emplace_back("--json and -d make two different bodies; choose one");
    if (json != 0 && options.data_in_query)
        problems.emplace_back("--json is a body, which -G would put into the query");
}

void check_output(const FetchOptions& options, std::vector<std::string>& problems) {
    const bool to_stdout = options.output == "-";
    if (to_stdout && (options.output_directory || options.flat))
        problems.emplace_back("-o - prints bodies, while -P and --flat save them");
    if (to_stdout && options.remote_time)
        problems.emplace_back("-R sets the time of a file, and -o - makes none");
    if (options.output && !to_stdout && options.flat)
        problems.emplace_back("-o and --flat both name files; choose one");
    if (options.output && !to_stdout) {
        const NameTemplate form(*options.output);
        for (const auto& problem : form.problems()) problems.push_back("-o: " + problem);
    }
    if (options.report == "-" && body_goes_to_stdout(options))
        problems.emplace_back(
            "--report - and the body would both go to stdout; save the body with -o FILE or -P DIR");
}

void check_limits(const FetchOptions& options, std::vector<std::string>& problems) {
    if (options.retry_max_delay < options.retry_delay)
        problems.emplace_back("--retry-max-delay is shorter than --retry-delay");
    if (options.retry_after_max < std::chrono::seconds(1) && options.retry_after_max.count() != 0)
        problems.emplace_back("--retry-after-max: Retry-After counts whole seconds");
    if (options.burst > 1 && !options.rate && !options.rate_host)
        problems.emplace_back("--burst says how a rate may be used; give --rate or --rate-host");
    if (options.silent && options.quiet) problems.emplace_back("-s and -q: choose one");
    if (options.silent && options.verbosity > 0) problems.emplace_back("-s and -v contradict each other");
}

}  // namespace

void check_combinations(const FetchOptions& options, std::vector<std::string>& problems) {
    check_inputs(options, problems);
    check_request(options, problems);
    check_output(options, problems);
    check_limits(options, problems);
}

}  // namespace tandem::cli
