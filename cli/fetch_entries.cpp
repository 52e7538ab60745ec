// How entries come into a run, and how they leave it: the record.
#include <cli/fetch_run.hpp>

#include <cli/text.hpp>

#include <fmt/format.h>

#include <unistd.h>
#include <csignal>
#include <utility>

namespace tandem::cli {
namespace {

constexpr std::uint64_t most_errors_shown = 100;  // the summary has the rest

EntryId id_of_no_url(std::string_view method, std::string_view text, std::uint64_t seq) {
    return entry_id(method, text, nullptr, fmt::format("entry {}", seq));
}

void write_to_stderr(std::string_view text) {
    while (!text.empty()) {
        const auto count = ::write(STDERR_FILENO, text.data(), text.size());
        if (count <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

}  // namespace

Task<void> FetchRun::read_input() {
    try {
        co_await feed(options_, *this);
    } catch (const Cancelled&) {
        // Stopped: what was not read has no record.
    }
    input_ended_ = true;
    pump();
}

Task<void> FetchRun::room() {
    while (is_full()) co_await room_.wait("room in the queue");
}

bool FetchRun::wants_no_more() const {
    return intake_.is_full() || (stopping_ && loop_->time() - stopped_at_ > drain_limit);
}

void FetchRun::input_failed(const std::string& message) {
    input_failed_ = true;
    view_.error(message);
}

Record FetchRun::record_of(const Entry& entry, std::uint64_t seq, const EntryId& id,
                           std::string_view method) const {
    Record record;
    record.id = id.text();
    record.seq = seq;
    record.url = entry.url;
    record.method = method;
    record.tags_json = entry.tags_json;
    record.request.headers = entry.headers;
    record.request.body = entry.body;
    record.request.body_file = entry.body_file;
    record.request.output = entry.output;
    record.request.checksum = entry.checksum;
    record.request.existing = entry.existing;
    requests_.note_body(entry, record.request);
    return record;
}

void FetchRun::take(Entry entry) {
    auto job = admit(std::move(entry));
    if (!job) return;
    if (stopping_) {
        cancel_waiting(std::move(job));
        return;
    }
    lanes_.add(std::move(job), loop_->time());
    if (in_flight_.size() < most_in_flight_) pump();
}

std::unique_ptr<Job> FetchRun::admit(Entry entry) {
    const auto seq = intake_.count_one();
    const auto method = requests_.method_for(entry);
    auto parsed = entry.problem ? EntryUrl{std::nullopt, entry.problem}
                                : parse_entry_url(entry.url, base_ ? &*base_ : nullptr);
    std::optional<http::Url> url;
    std::optional<EntryId> id;
    if (parsed.url) {
        url = requests_.url_for(*parsed.url);
        id = requests_.id_for(entry, *url, method);
    }
    const auto record_id = id.value_or(id_of_no_url(method, entry.url, seq));

    switch (intake_.judge(seq, id)) {
        case Intake::Verdict::before_skip:
        case Intake::Verdict::over_limit:
            if (!options_.report_skipped) return nullptr;
            ++taken_;
            skip(record_of(entry, seq, record_id, method), SkipReason::limit);
            return nullptr;
        case Intake::Verdict::duplicate: {
            ++taken_;
            auto record = record_of(entry, seq, record_id, method);
            record.skip_of = record.id;
            skip(std::move(record), SkipReason::duplicate);
            return nullptr;
        }
        case Intake::Verdict::take:
            break;
    }
    ++taken_;
    if (!url) {
        fail_early(entry, seq, record_id, method, parsed.problem->code, parsed.problem->message);
        return nullptr;
    }
    requests_.bind_secrets(*url);

    auto job = std::make_unique<Job>(std::move(entry), *std::move(url));
    job->id = record_id;
    job->name_id =
        options_.dedupe ? record_id : entry_id("name", record_id.text(), nullptr, std::to_string(seq));
    job->seq = seq;
    job->method = method;
    job->accepted = loop_->time();
    const bool saves = job->entry.output || (!body_goes_to_stdout(options_) && !options_.head);
    if (!saves) return job;
    try {
        job->name = saving_.name_now(*job);
    } catch (const FetchError& error) {
        fail_early(job->entry, seq, job->id, method, error.code(), error.what());
        return nullptr;
    }
    if (job->name && job->name->kind == NameChoice::Kind::skip) {
        auto record = record_of(job->entry, seq, job->id, method);
        record.file = saving_.path_of(job->name->name);
        skip(std::move(record), SkipReason::exists);
        return nullptr;
    }
    if (job->name && job->name->kind == NameChoice::Kind::refuse) {
        fail_early(job->entry, seq, job->id, method, ErrorCode::file_exists,
                   fmt::format("save to {}: it is there already (--existing error)",
                               escaped_for_terminal(saving_.path_of(job->name->name))));
        return nullptr;
    }
    return job;
}

void FetchRun::fail_early(const Entry& entry, std::uint64_t seq, const EntryId& id, std::string_view method,
                          ErrorCode code, std::string_view message) {
    auto record = record_of(entry, seq, id, method);
    record.outcome = Outcome::failed;
    record.error.emplace();
    record.error->code = code;
    record.error->message = message;
    if (class_of(code) == ErrorClass::local) record.error->phase = Phase::save;
    record.end = std::chrono::system_clock::now();
    conclude(std::move(record));
}

void FetchRun::skip(Record record, SkipReason reason) {
    record.outcome = Outcome::skipped;
    record.skip = reason;
    record.end = std::chrono::system_clock::now();
    conclude(std::move(record));
}

void FetchRun::conclude(Record record, const http::Headers* headers) {
    ++finished_;
    std::string lane;
    if (record.outcome == Outcome::failed) {
        const auto url = http::Url::try_parse(record.url);
        lane = url ? lane_of(*url) : std::string("no URL");
    }
    summary_.add(record, lane);
    if (report_) {
        try {
            report_->write(to_json_line(record, options_.secret_headers));
        } catch (const FetchError& error) {
            report_.reset();
            report_failed_ = true;
            view_.error(fmt::format("{}: stopping, since outcomes would be lost", error.what()));
            stop("the report cannot be written");
        }
    }
    if (record.outcome == Outcome::failed && ++errors_shown_ <= most_errors_shown) {
        view_.error(fmt::format("{}: {} ({})", escaped_for_terminal(without_userinfo(record.url)),
                                escaped_for_terminal(record.error->message), name_of(record.error->code)));
        if (errors_shown_ == most_errors_shown) view_.error("further failures stand in the summary only");
    }
    show_warnings();
    if (write_out_) print_write_out(record, headers);
    if (record.outcome == Outcome::failed) check_budgets();
}

void FetchRun::check_budgets() {
    const auto failed = summary_.count(Outcome::failed);
    if (options_.fail_fast) stop("--fail-fast: the first failure");
    if (options_.max_errors && failed >= *options_.max_errors)
        stop(fmt::format("--max-errors: {} failures", failed));
}

void FetchRun::print_write_out(const Record& record, const http::Headers* headers) {
    WriteOutFacts facts;
    if (headers) {
        for (const auto& [name, value] : *headers) {
            facts.headers.emplace_back(std::string(name), std::string(value));
            facts.header_bytes += name.size() + value.size() + 4;
        }
    }
    const auto text = write_out_->render(record, facts);
    write_to_stderr(text.for_stderr);
    if (text.for_stdout.empty()) return;
    try {
        write_to_stdout(text.for_stdout);
    } catch (const OutputClosed&) {
        write_out_.reset();
        stop("nobody reads stdout any more", SIGPIPE);
    } catch (const FetchError& error) {
        view_.error(error.what());
    }
}

}  // namespace tandem::cli
