#include <cli/fetch_run.hpp>

#include <cli/interrupts.hpp>
#include <cli/response_facts.hpp>
#include <cli/retry.hpp>
#include <cli/text.hpp>

#include <tandem/http/retry_after.hpp>
#include <tandem/task/task_handle.hpp>

#include <fmt/format.h>

#include <sys/resource.h>
#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

namespace tandem::cli {

FetchRun::FetchRun(const FetchOptions& options, View& view)
    : options_(options),
      view_(view),
      requests_(options),
      saving_(options),
      intake_(options),
      lanes_(options),
      transfers_(options, requests_, saving_,
                 [this](std::uint64_t bytes) {
                     received_bytes_ += bytes;
                     if (options_.max_total_size_bytes && received_bytes_ > *options_.max_total_size_bytes)
                         stop("--max-total-size was reached");
                 }),
      random_(std::random_device{}()),
      most_in_flight_(options.concurrency) {
    if (options.report) report_.emplace(*options.report);
    if (options.write_out) write_out_.emplace(*options.write_out);
    if (options.base) base_ = http::Url::try_parse(*options.base);
}

FetchRun::~FetchRun() = default;

std::chrono::milliseconds FetchRun::elapsed() const noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(ended_ - began_);
}

int FetchRun::exit_code() const noexcept {
    const int code = summary_.exit_code();
    if (!report_failed_ && !input_failed_) return code;
    return code == 0 || code == 1 ? exit_code_of(ErrorClass::local)
                                  : std::min(code, exit_code_of(ErrorClass::local));
}

Task<void> FetchRun::run() {
    EventLoop& loop = this_loop();
    loop_ = &loop;
    began_ = loop.time();
    adapt_to_descriptors();
    TaskGroup group;
    group_ = &group;
    http::Client client(requests_.client_options());
    client_ = &client;
    Interrupts::Handlers handlers;
    handlers.end = [this](int signal) { stop(fmt::format("SIG{}", ::sigabbrev_np(signal)), signal); };
    handlers.pause = [this] { view_.suspend(); };
    handlers.resume = [this] { view_.resume(); };
    handlers.state = [this] { show_state(); };
    handlers.reopen = [this] { reopen_report(); };
    Interrupts interrupts(loop, std::move(handlers));

    if (options_.insecure) view_.message("warning: -k: certificates are not verified");
    reader_ = group.create_task(read_input());
    if (options_.max_time_total)
        total_limit_ =
            loop.call_later(*options_.max_time_total, [this] { stop("--max-time-total has passed"); });
    if (view_.is_live()) next_tick_ = loop.call_later(view_.interval(), [this] { tick(); });
    while (!is_over()) co_await over_.wait("the last entry");
    co_await group.join();
    group_ = nullptr;
    client_ = nullptr;

    for (TimerHandle* timer : {&wake_up_, &next_tick_, &total_limit_, &grace_}) timer->cancel();
    ended_ = loop.time();
    show_warnings();
    view_.finish(progress());
    co_await client.close();
}

bool FetchRun::is_over() const { return input_ended_ && in_flight_.empty() && lanes_.empty(); }

/// F5.8: as many descriptors as there may be, and no more transfers than they allow.
void FetchRun::adapt_to_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        ::getrlimit(RLIMIT_NOFILE, &limit);
    }
    constexpr rlim_t others = 32;       // of the loop, names, lists, report
    constexpr rlim_t per_transfer = 3;  // connection, part, its directory
    if (limit.rlim_cur == RLIM_INFINITY) return;
    const auto room = limit.rlim_cur > others ? (limit.rlim_cur - others) / per_transfer : 0;
    const auto most = static_cast<std::size_t>(std::max<rlim_t>(1, room));
    if (most_in_flight_ <= most) return;
    view_.message(fmt::format("-j {} is more than {} descriptors allow: {} at once", most_in_flight_,
                              limit.rlim_cur, most));
    most_in_flight_ = most;
}

void FetchRun::pump() {
    if (!stopping_) {
        const auto now = loop_->time();
        while (in_flight_.size() < most_in_flight_ && !stopping_) {
            auto job = lanes_.next(now);
            if (!job) break;
            start(std::move(job));
        }
        const auto at = in_flight_.size() < most_in_flight_ ? lanes_.next_time(now) : TimePoint::max();
        if (at != wake_up_at_) {
            wake_up_.cancel();
            wake_up_at_ = at;
            if (at != TimePoint::max()) {
                wake_up_ = loop_->call_at(at, [this] {
                    wake_up_at_ = TimePoint::max();
                    pump();
                });
            }
        }
    }
    if (!is_full()) room_.notify_all();
    if (is_over()) over_.notify_all();
}

void FetchRun::start(std::unique_ptr<Job> job) {
    const auto now = loop_->time();
    if (!job->record) {
        job->record = std::make_unique<Record>(record_of(job->entry, job->seq, job->id, job->method));
        job->record->start = std::chrono::system_clock::now();
        job->record->timings.emplace();
        job->record->timings->queued = elapsed_of(now - job->accepted);
        job->first_start = now;
    }
    job->started = now;
    job->done_bytes = 0;
    job->size_bytes.reset();
    ++job->tries;
    job->place = in_flight_.size();
    in_flight_.push_back(job.get());
    view_.detail(fmt::format("> {} {}{}", job->method,
                             escaped_for_terminal(without_userinfo(job->url.href())),
                             job->tries > 1 ? fmt::format("  (try {})", job->tries) : ""));
    group_->create_task(try_once(std::move(job)));
}

void FetchRun::leave_flight(Job& job) {
    in_flight_.back()->place = job.place;
    std::swap(in_flight_[job.place], in_flight_.back());
    in_flight_.pop_back();
}

Task<void> FetchRun::try_once(std::unique_ptr<Job> job) {
    Try attempt;
    attempt.start = std::chrono::system_clock::now();
    attempt.began = loop_->time();
    try {
        co_await transfers_.run(*client_, *job, attempt);
    } catch (const Cancelled&) {
        attempt.cancelled = true;
    } catch (const OutputClosed&) {
        attempt.failure = failure_of(std::current_exception(), attempt.stage);
        stop("nobody reads stdout any more", SIGPIPE);
    } catch (...) {
        attempt.failure = failure_of(std::current_exception(), attempt.stage);
    }
    finish_try(std::move(job), attempt);
}

std::optional<std::chrono::milliseconds> FetchRun::retry_after_of(const Try& attempt) const {
    if (!attempt.response) return std::nullopt;
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto asked = http::retry_after(attempt.response->headers(), now);
    if (!asked) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(
        std::min(*asked, std::chrono::seconds(100'000'000)));
}

void FetchRun::finish_try(std::unique_ptr<Job> job, Try& attempt) {
    const auto now = loop_->time();
    leave_flight(*job);
    Record& record = *job->record;
    if (attempt.response) {
        note_response(record, *attempt.response, options_);
        view_.detail(verbose_head(*attempt.response, options_.secret_headers));
    }
    record.bytes.emplace(bytes_of(attempt));

    const int status = attempt.response ? attempt.response->status() : 0;
    if (attempt.response && !attempt.failure && !attempt.cancelled && !options_.ok_status.contains(status)) {
        attempt.failure.emplace();
        attempt.failure->error.code = error_code_of_status(status);
        attempt.failure->error.message = status_message(*attempt.response);
    }

    auto event = attempt.cancelled ? LaneEvent::neutral : LaneEvent::success;
    if (attempt.failure && is_overload(attempt.failure->error.code)) event = LaneEvent::overload;
    if (status == 429 || status == 503) event = LaneEvent::overload;
    const auto redirects = attempt.response ? static_cast<unsigned>(attempt.response->history().size()) : 0U;

    auto note =
        note_of(attempt, elapsed_of(now - attempt.began), static_cast<int>(record.attempts.size()) + 1);
    note.wait_ms = waited_before(*job);
    note.wait_reason = std::exchange(job->wait_reason, {});
    record.attempts.push_back(std::move(note));

    Lane& lane = *job->lane;
    if (attempt.failure && !attempt.cancelled) {
        auto error = attempt.failure->error;
        if (goes_on(job, attempt, error)) {
            lanes_.ended(lane, event, redirects, now);
            pump();
            return;
        }
        record.outcome = Outcome::failed;
        record.error = std::move(error);
    } else if (attempt.cancelled) {
        record.outcome = Outcome::cancelled;
        record.error = RecordError{ErrorCode::stopped, "stopped: " + stop_reason_, std::nullopt, true};
    } else if (attempt.exists) {
        record.outcome = Outcome::skipped;
        record.skip = SkipReason::exists;
    }
    lanes_.ended(lane, event, redirects, now);
    job->lane = nullptr;

    if (job->name && (record.outcome == Outcome::ok || attempt.exists || !attempt.suffix.empty())) {
        record.file = saving_.path_of(job->name->name);
        record.renamed = job->name->renamed;
    }
    record.sha256 = attempt.sha256;
    record.timings->total = elapsed_of(now - *job->first_start);
    record.end = std::chrono::system_clock::now();
    const auto headers = attempt.response ? &attempt.response->headers() : nullptr;
    conclude(std::move(record), headers);
    pump();
}

Elapsed FetchRun::waited_before(const Job& job) const {
    return job.wait_reason.empty() ? Elapsed{} : elapsed_of(job.started - job.wait_began);
}

bool FetchRun::goes_on(std::unique_ptr<Job>& job, const Try& attempt, RecordError& error) {
    constexpr unsigned most_descriptor_waits = 40;
    if (error.code == ErrorCode::no_descriptors && !stopping_ &&
        (!in_flight_.empty() || job->descriptor_waits < most_descriptor_waits)) {
        wait_for_descriptors(std::move(job));
        return true;
    }
    const auto now = loop_->time();
    FailedTry failed;
    failed.code = error.code;
    if (attempt.response) failed.status = attempt.response->status();
    failed.method = job->method;
    failed.nothing_sent = attempt.failure->nothing_sent;
    failed.retry_after = retry_after_of(attempt);
    failed.tries_so_far = job->tries;
    failed.since_first_try = std::chrono::duration_cast<std::chrono::milliseconds>(now - *job->first_start);
    error.retryable = is_retryable(options_, failed);
    const auto decision =
        decide_retry(options_, failed, [this] { return static_cast<double>(random_() >> 11) * 0x1p-53; });
    error.code = decision.final_code;
    if (decision.final_code == ErrorCode::retry_after_too_long) {
        job->record->retry_after_seconds = static_cast<double>(failed.retry_after->count()) / 1000;
        error.message +=
            fmt::format("; Retry-After asks for {}, the limit is {} (--retry-after-max)",
                        human_duration(*failed.retry_after), human_duration(options_.retry_after_max));
    }
    if (attempt.printed && decision.again) {
        error.message += "; not tried again, since a part of the body is on stdout already";
        return false;
    }
    if (!decision.again || stopping_) return false;

    auto& waited = job->record->timings->waited;
    job->wait_began = now;
    if (decision.reason == WaitReason::retry_after) {
        job->wait_reason = "retry_after";
        waited.retry_after += decision.wait;
        // The lane waits, and this entry is the first one of it.
        lanes_.hold(*job->lane, now + decision.wait,
                    fmt::format("Retry-After ({})", attempt.response->status()), now);
    } else {
        job->wait_reason = "backoff";
        waited.backoff += decision.wait;
    }
    view_.detail(
        fmt::format("* {}: {}; again in {} ({})", escaped_for_terminal(without_userinfo(job->url.href())),
                    escaped_for_terminal(error.message), human_duration(decision.wait), job->wait_reason));
    lanes_.add_later(std::move(job), now + decision.wait);
    return true;
}

/// F5.8: EMFILE is nobody's failure. Fewer at once, and again in a while.
void FetchRun::wait_for_descriptors(std::unique_ptr<Job> job) {
    most_in_flight_ = std::max<std::size_t>(1, in_flight_.size());
    ++job->descriptor_waits;
    --job->tries;
    job->record->attempts.pop_back();
    lanes_.add_later(std::move(job), loop_->time() + std::chrono::milliseconds(250));
}

void FetchRun::stop(std::string reason, int signal) {
    if (stopping_) return;
    stopping_ = true;
    signal_ = signal;
    stop_reason_ = std::move(reason);
    stopped_at_ = loop_->time();
    wake_up_.cancel();
    view_.message(fmt::format("stopping ({}): {} in flight", stop_reason_, in_flight_.size()));
    for (auto& job : lanes_.take_all()) cancel_waiting(std::move(job));
    // A reader that waits for a pipe would wait for good; one of a list goes on, for the records.
    loop_->call_later(drain_limit, [this] {
        if (group_ && !input_ended_) reader_.cancel("the run was stopped");
    });
    grace_ = loop_->call_later(signal == SIGPIPE ? std::chrono::milliseconds(0) : options_.grace,
                               [this] { cancel_in_flight(); });
    room_.notify_all();
    loop_->call_soon([this] { pump(); });
}

void FetchRun::cancel_in_flight() {
    if (group_) group_->cancel(stop_reason_);
}

void FetchRun::cancel_waiting(std::unique_ptr<Job> job) {
    auto record =
        job->record ? std::move(*job->record) : record_of(job->entry, job->seq, job->id, job->method);
    record.outcome = Outcome::cancelled;
    record.error =
        RecordError{ErrorCode::stopped, "stopped before it was started: " + stop_reason_, std::nullopt, true};
    record.end = std::chrono::system_clock::now();
    conclude(std::move(record));
}

}  // namespace tandem::cli
