// What a run shows of itself while it goes on.
#include <cli/fetch_run.hpp>
#include <cli/text.hpp>

#include <fmt/format.h>

#include <chrono>
#include <string_view>
#include <utility>

namespace tandem::cli {

void FetchRun::tick() {
    view_.show(progress());
    next_tick_ = loop_->call_later(view_.interval(), [this] { tick(); });
}

ProgressState FetchRun::progress() const {
    ProgressState state;
    const auto now = loop_->time();
    state.done = finished_;
    state.failed = summary_.count(Outcome::failed);
    state.skipped = summary_.count(Outcome::skipped);
    state.moving = in_flight_.size();
    state.queued = lanes_.queued() + lanes_.waiting();
    if (input_ended_) state.total = taken_;
    state.bytes = received_bytes_;
    state.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - began_);
    for (const Job* job : in_flight_) {
        if (job->size_bytes && *job->size_bytes >= job->done_bytes) {
            ++state.remaining_known;
            state.remaining_bytes += *job->size_bytes - job->done_bytes;
        }
        if (!view_.shows_transfers()) continue;
        TransferView shown;
        shown.name = without_userinfo(job->url.href());
        shown.done_bytes = job->done_bytes;
        shown.size_bytes = job->size_bytes;
        shown.age = std::chrono::duration_cast<std::chrono::milliseconds>(now - job->started);
        shown.attempt = job->tries;
        state.transfers.push_back(std::move(shown));
    }
    lanes_.for_each([&](const Lane& lane) {
        LaneView shown;
        shown.lane = lane.key();
        shown.moving = lane.in_flight();
        shown.queued = lane.queued();
        if (lane.not_before() > now) {
            shown.waiting = std::chrono::duration_cast<std::chrono::milliseconds>(lane.not_before() - now);
            shown.reason = lane.wait_reason();
        }
        state.lanes.push_back(std::move(shown));
    });
    return state;
}

void FetchRun::show_state() {
    const auto state = progress();
    view_.message(render_line(state, ProgressEstimate()).substr(std::string_view("fetch: ").size()));
    for (const Job* job : in_flight_) {
        const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(loop_->time() - job->started);
        view_.message(fmt::format("  {} try {}, {} bytes: {}", human_duration(age), job->tries,
                                  job->done_bytes, escaped_for_terminal(without_userinfo(job->url.href()))));
    }
}

void FetchRun::reopen_report() {
    if (!report_ || !options_.report) return;
    try {
        report_.emplace(*options_.report);
    } catch (const FetchError& error) {
        view_.error(error.what());
    }
}

void FetchRun::show_warnings() {
    for (const auto& warning : requests_.take_warnings())
        view_.message("warning: " + escaped_for_terminal(warning));
}

}  // namespace tandem::cli
