#include <cli/fetch_command.hpp>

#include <cli/fetch_run.hpp>
#include <cli/interrupts.hpp>
#include <cli/text.hpp>
#include <cli/version.hpp>

#include <tandem/backend/backend.hpp>
#include <tandem/bridge/run.hpp>

#include <fmt/format.h>

#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <map>
#include <string_view>

namespace tandem::cli {
namespace {

constexpr int usage_error = 2;  // E2

void print(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const auto count = ::write(descriptor, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

int refuse(const std::vector<std::string>& problems) {
    std::string text;
    for (const auto& problem : problems) text += fmt::format("tandem fetch: {}\n", problem);
    print(STDERR_FILENO, text);
    return usage_error;
}

/// F8.8: what would be fetched, and where it would go.
class DryRun final : private EntryTaker {
public:
    explicit DryRun(const FetchOptions& options)
        : options_(options),
          requests_(options),
          saving_(options, Saving::Disk::look_only),
          intake_(options),
          base_(options.base ? http::Url::try_parse(*options.base) : std::nullopt) {}

    int run(const std::vector<std::string>& given) {
        feed_blocking(options_, *this);
        std::string text;
        for (const auto& [lane, count] : lanes_)
            text += fmt::format("# {} {}\n", count, escaped_for_terminal(lane));
        for (const auto& option : given) text += fmt::format("# {}\n", escaped_for_terminal(option));
        print(STDOUT_FILENO, text);
        return exit_code_.value();
    }

private:
    void take(Entry entry) override {
        const auto seq = intake_.count_one();
        auto parsed = entry.problem ? EntryUrl{std::nullopt, entry.problem}
                                    : parse_entry_url(entry.url, base_ ? &*base_ : nullptr);
        if (!parsed.url) {
            if (intake_.judge(seq, std::nullopt) != Intake::Verdict::take) return;
            exit_code_.add(class_of(parsed.problem->code));
            print(STDERR_FILENO, fmt::format("fetch: {}\n", parsed.problem->message));
            return;
        }
        const auto method = requests_.method_for(entry);
        Job job(std::move(entry), requests_.url_for(*parsed.url));
        job.method = method;
        job.seq = seq;
        job.id = job.name_id = requests_.id_for(job.entry, job.url, method);
        if (intake_.judge(seq, job.id) != Intake::Verdict::take) return;
        ++lanes_[lane_of(job.url)];
        const bool printed = !job.entry.output && (body_goes_to_stdout(options_) || options_.head);
        const auto shown = escaped_for_terminal(job.url.without_credentials().href());
        try {
            print(STDOUT_FILENO,
                  fmt::format("{}\t{}\n", shown, printed ? "-" : escaped_for_terminal(saving_.preview(job))));
        } catch (const FetchError& error) {
            exit_code_.add(class_of(error.code()));
            print(STDERR_FILENO, fmt::format("fetch: {}: {}\n", shown, error.what()));
        }
    }
    [[nodiscard]] bool is_full() const override { return false; }
    [[nodiscard]] Task<void> room() override { co_return; }
    [[nodiscard]] bool wants_no_more() const override { return intake_.is_full(); }
    [[nodiscard]] bool is_stopped() const override { return false; }
    void input_failed(const std::string& message) override {
        print(STDERR_FILENO, "fetch: " + message + "\n");
    }

    const FetchOptions& options_;
    Requests requests_;
    Saving saving_;
    Intake intake_;
    std::optional<http::Url> base_;
    std::map<std::string, std::uint64_t> lanes_;
    ExitCode exit_code_;
};

Task<void> announce_and_run(FetchRun& fetching, View& view) {
    EventLoop& loop = this_loop();
    const auto& reason = loop.fallback_reason();
    view.detail(
        fmt::format("* backend {}{}", loop.backend_name(), reason.empty() ? "" : ": no io_uring, " + reason));
    co_await fetching.run();
}

int fetch(const FetchOptions& options) {
    View view(options);
    FetchRun fetching(options, view);
    RunOptions how;
    how.handle_sigint = false;
    tandem::run(announce_and_run(fetching, view), how);

    Summary::Context context;
    context.elapsed = fetching.elapsed();
    context.color = view.color();
    if (options.report && *options.report != "-" && !options.report->starts_with("fd:"))
        context.report = options.report;
    // One body on stdout that came as it should needs no words.
    const bool silent_success = body_goes_to_stdout(options) && fetching.exit_code() == 0 &&
                                options.progress == ProgressMode::automatic && options.inputs.size() == 1 &&
                                options.inputs[0].kind == InputSource::Kind::url;
    if (!silent_success) view.summary(fetching.summary().text(context));
    if (fetching.ended_by() != 0) die_by(fetching.ended_by());
    return fetching.exit_code();
}

}  // namespace

std::string backend_text() {
    try {
        const auto chosen = choose_backend();
        const auto& reason = chosen.fallback_reason;
        return fmt::format("{}{}", chosen.backend->name(),
                           reason.empty() ? "" : " (no io_uring: " + reason + ")");
    } catch (const std::exception& error) {
        return fmt::format("none: {}", error.what());
    }
}

int fetch_command(const std::vector<std::string>& arguments) {
    auto parsed = parse_options(arguments);
    auto& options = parsed.options;
    if (options.help) {
        const auto text = help_text(*options.help);
        if (!text)
            return refuse({fmt::format("no help about \"{}\"; see -h", escaped_for_terminal(*options.help))});
        print(STDOUT_FILENO, *text);
        return 0;
    }
    if (options.version) {
        print(STDOUT_FILENO, version_text(backend_text()));
        return 0;
    }
    for (auto& problem : unreadable_inputs(options)) parsed.problems.push_back(std::move(problem));
    if (!parsed.problems.empty()) return refuse(parsed.problems);
    try {
        if (options.dry_run) return DryRun(options).run(parsed.given);
        if (!complete_password(options))
            return refuse(
                {"-u NAME asks for the password, and there is no terminal to ask on; give -u NAME:PASSWORD"});
        return fetch(options);
    } catch (const FetchError& error) {
        print(STDERR_FILENO, fmt::format("tandem fetch: {}\n", error.what()));
        return class_of(error.code()) == ErrorClass::local ? usage_error
                                                           : exit_code_of(class_of(error.code()));
    }
}

}  // namespace tandem::cli
