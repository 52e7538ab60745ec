#include <tandem/base/errors.hpp>
#include <tandem/base/type_name.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/scheduled_call_internal.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

namespace tandem::inline v1 {
namespace {

constexpr auto slow_poll = std::chrono::seconds(1);

std::string seconds(Duration time) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f seconds", std::chrono::duration<double>(time).count());
    return text;
}

}  // namespace

EntryInfo describe_callback(EntryKind kind, const char* what, const LoopCallback& callback) {
    EntryInfo info{
        .kind = kind, .name = type_name(*callback.type), .made_at = callback.made_at, .at = {}, .text = {}};
    info.text = std::string("<") + what + " " + info.name;
    if (info.made_at.line() != 0)
        info.text +=
            std::string(", made at ") + info.made_at.file_name() + ":" + std::to_string(info.made_at.line());
    info.text += ">";
    return info;
}

void EventLoop::tell_instrument(void (*event)(Instrument&, EventLoop&)) noexcept {
    if (!instrument_) return;
    try {
        event(*instrument_, *this);
    } catch (...) {
        set_instrument(nullptr);
        call_exception_handler(
            {"an instrument threw and was taken off", std::current_exception(), {}, {}, Severity::error});
    }
}

void EventLoop::tell(void (Instrument::*event)(const EntryInfo&), const Runnable& entry) noexcept {
    if (!instrument_) return;
    try {
        (instrument_->*event)(entry.entry_info());
    } catch (...) {
        set_instrument(nullptr);
        call_exception_handler(
            {"an instrument threw and was taken off", std::current_exception(), {}, {}, Severity::error});
    }
}

void EventLoop::note_begin(const Runnable& entry) noexcept {
    tell(entry.kind() == EntryKind::task ? &Instrument::before_step : &Instrument::before_callback, entry);
    if (debug_) entry_began_ = real_time().now();
}

void EventLoop::note_end(const Runnable& entry) noexcept {
    // None, if debug mode was switched on in this very step.
    const auto began = std::exchange(entry_began_, TimePoint{});
    if (debug_ && began != TimePoint{}) {
        const auto took = real_time().now() - began;
        if (took > slow_callback_duration_) {
            try {
                const EntryInfo info = entry.entry_info();
                const bool task = info.kind == EntryKind::task;
                call_exception_handler({"Executing " + info.text + " took " + seconds(took), nullptr,
                                        task ? info.name : std::string(), info.made_at, Severity::warning,
                                        task ? std::string() : info.text});
            } catch (const std::bad_alloc&) {
                std::fputs("tandem: a step blocked its loop, and there is no memory to say which\n", stderr);
            }
        }
    }
    tell(entry.kind() == EntryKind::task ? &Instrument::after_step : &Instrument::after_callback, entry);
}

void EventLoop::note_wait_begin(TimePoint limit) noexcept {
    wait_began_ = time_->now();
    wait_ = {.timers = timers_.live(), .ready = ready_.count()};
    if (wait_.ready == 0 && !stopping_ && !mailbox_.has_mail()) {
        const TimePoint until = std::min(limit, timers_.next());
        if (until == TimePoint::max())
            wait_.timeout = Duration::max();
        else if (until > wait_began_)
            wait_.timeout = std::min<Duration>(until - wait_began_, std::chrono::hours(24));
    }
    tell_instrument([](Instrument& instrument, EventLoop& loop) { instrument.before_wait(loop.wait_); });
}

void EventLoop::note_wait_end() noexcept {
    wait_.duration = time_->now() - wait_began_;
    wait_.timers = timers_.live();
    wait_.ready = ready_.count();
    if (debug_ && wait_.duration > slow_poll)
        call_exception_handler(
            {"waiting for events took " + seconds(wait_.duration), nullptr, {}, {}, Severity::info});
    tell_instrument([](Instrument& instrument, EventLoop& loop) { instrument.after_wait(loop.wait_); });
}

}  // namespace tandem::inline v1
