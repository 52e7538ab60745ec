#pragma once

#include <tandem/sync/wait_line.hpp>

#include <cstddef>

namespace tandem::inline v1 {

/// A flag that tasks wait for: asyncio's Event.
///
///     co_await event.wait();   // everywhere
///     event.set();             // everybody who waits now goes on, and later comers do not wait
///
/// Errors      on another loop: `WrongLoop`.
/// Cancelling  `wait()` is a checkpoint, also when the flag is set.
/// Threads     the loop of its first wait, until that closes.
/// Lifetime    must outlive the tasks that wait for it; those that it let go on need it no more.
class Event : public LoopBound {
public:
    struct Statistics {
        bool set;
        std::size_t tasks_waiting;
    };

    Event() noexcept : LoopBound("Event"), line_(*this) {}

    class Wait;
    [[nodiscard("co_await it")]] Wait wait() noexcept;
    /// Lets everybody go on who waits now, in order of arrival; a `clear()` before they run changes nothing.
    void set(SourceLocation where = SourceLocation::current());
    void clear(SourceLocation where = SourceLocation::current());
    bool is_set() const noexcept { return set_; }
    Statistics statistics() const noexcept { return {set_, line_.waiting()}; }

private:
    bool set_ = false;
    WaitLine line_;
};

// Implementation

class Event::Wait final : public LineAwait<Event::Wait> {
public:
    explicit Wait(Event& event) noexcept : LineAwait(event.line_), event_(event) {}

    bool try_now() {
        event_.enter(loop(), where());
        return event_.set_;
    }
    void result() {
        settle_or([] {});
    }
    const char* waiting_for() const noexcept override { return "event"; }

private:
    Event& event_;
};

inline Event::Wait Event::wait() noexcept { return Wait(*this); }

inline void Event::set(SourceLocation where) {
    check_here(where);
    set_ = true;
    while (line_.front()) line_.serve_front();
}

inline void Event::clear(SourceLocation where) {
    check_here(where);
    set_ = false;
}

}  // namespace tandem::inline v1
