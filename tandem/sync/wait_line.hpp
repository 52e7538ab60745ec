#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/blocking_forms.hpp>
#include <tandem/task/wait.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

// The one mechanism of this room: tasks in line for something. What they wait for is given to the first of
// them by whoever brings it, before it runs, and its task is posted; so nobody overtakes. A task that is
// cancelled meanwhile gives it back, and the next one gets it (sem:S2-S4, C24).

namespace tandem::inline v1 {

class LineWait;
class WaitLine;

/// An object that tasks meet at. It belongs to the loop of its first wait, and is free again when that loop
/// closes; until there was one it belongs to nobody. On another loop or thread it throws `WrongLoop`.
class LoopBound {
public:
    LoopBound(const LoopBound&) = delete;
    LoopBound& operator=(const LoopBound&) = delete;

    /// "Mutex", for messages.
    const char* kind() const noexcept { return kind_; }

protected:
    explicit LoopBound(const char* kind) noexcept : kind_(kind) {}
    ~LoopBound() = default;

    /// For a wait: binds it to `loop`.
    void enter(EventLoop& loop, const SourceLocation& where) {
        if (loop.life() != home_) [[unlikely]]
            bind(loop, where);
    }
    /// For a call that does not wait.
    void check_here(const SourceLocation& where) {
        if (!home_) return;
        EventLoop* const here = this_loop_or_null();
        if (!here || here->life() != home_) [[unlikely]]
            check_elsewhere(here, where);
    }
    /// True if the caller may touch it right now; else `give_back(argument)` was posted to its loop, for what
    /// destructors do on threads that are not the loop's.
    bool here_or_post(void (*give_back)(void*) noexcept, void* argument) noexcept;
    /// The loop that it belongs to has not closed; asked while it belongs to one.
    bool home_is_open() const noexcept;

private:
    friend class WaitLine;
    void bind(EventLoop& loop, const SourceLocation& where);
    void check_elsewhere(EventLoop* here, const SourceLocation& where);
    void forget_waiters() noexcept;

    const char* kind_;
    WaitLine* lines_ = nullptr;
    std::shared_ptr<LoopLife> home_;
};

/// Tasks in the order of their arrival: first those that were served and have not run since, then those that
/// wait.
///
/// Lifetime    a member of its owner. Destroyed with tasks in it, those waiting get `InvalidStateError`
///             (under `TANDEM_DEBUG` the process ends), those served keep what they were given.
class WaitLine {
public:
    explicit WaitLine(LoopBound& owner) noexcept
        : owner_(owner), next_line_(std::exchange(owner.lines_, this)) {}
    WaitLine(const WaitLine&) = delete;
    WaitLine& operator=(const WaitLine&) = delete;
    ~WaitLine() {
        if (first_) let_go();
    }

    /// The one who has waited longest; null if nobody does.
    LineWait* front() const noexcept { return waiting_; }
    std::size_t waiting() const noexcept { return waiting_count_; }
    /// The last in line stands behind everybody who came earlier.
    inline void join(LineWait& wait) noexcept;
    /// The first one that waits has got what it waits for: its task is posted.
    inline void serve_front() noexcept;
    /// Takes the first one that waits out of the line, unserved.
    LineWait& take_front() noexcept;
    /// For one that waits.
    void remove(LineWait& wait) noexcept;

private:
    friend class LoopBound;
    friend class LineWait;
    inline void unlink(LineWait& wait) noexcept;
    void let_go() noexcept;

    LoopBound& owner_;
    WaitLine* next_line_;
    LineWait* first_ = nullptr;
    LineWait* last_ = nullptr;
    LineWait* waiting_ = nullptr;  // the first one not served
    std::size_t waiting_count_ = 0;
};

/// A task's wait in a line.
class LineWait : public Wait {
public:
    enum class State : std::uint8_t { idle, waiting, served, left, orphaned };

    TaskNode& waiter() const noexcept { return task(); }
    /// The await.
    const SourceLocation& where() const noexcept { return task().frame()->at(); }
    bool request_cancel() noexcept override {
        line_->remove(*this);
        return true;
    }

protected:
    explicit LineWait(WaitLine& line) noexcept : line_(&line) {}
    LineWait(LineWait&& other) noexcept : line_(other.line_) {}  // before it is awaited
    ~LineWait() = default;

    /// Null once the line is destroyed.
    WaitLine* line() const noexcept { return line_; }
    State state() const noexcept { return state_; }
    void change_line(WaitLine& line) noexcept { line_ = &line; }
    /// The one served right after this one that has not run yet; null if there is none.
    LineWait* next_served() const noexcept {
        return next_ && next_->state_ == State::served ? next_ : nullptr;
    }

    /// In the resumed task, for what stands once it was granted: throws if nothing was.
    void settle() {
        if (state_ == State::served) {
            if (line_) line_->unlink(*this);
        } else if (state_ != State::idle) {
            throw_unserved();
        }
    }
    /// In the resumed task, for what goes to the next one if this task was cancelled meanwhile: `undo` gives
    /// it back, and `Cancelled` is thrown (sem:C24).
    template <class Undo>
    void settle_or(Undo undo) {
        if (task().scope().cancelled()) [[unlikely]]
            give_up(undo);
        settle();
    }
    [[noreturn]] void throw_unserved();
    /// What it waited for, called `what`, is gone.
    [[noreturn]] void throw_destroyed(const char* what);

private:
    template <class Undo>
    [[noreturn, gnu::noinline, gnu::cold]] void give_up(Undo& undo) {
        if (line_ && (state_ == State::served || state_ == State::idle)) undo();
        settle();
        task().throw_cancelled();
    }

    friend class WaitLine;
    friend class LoopBound;
    WaitLine* line_;
    LineWait* next_ = nullptr;
    LineWait* previous_ = nullptr;
    State state_ = State::idle;
};

/// The shape of this room's awaits.
template <class Derived, std::derived_from<LineWait> Base = LineWait>
class LineAwait : public Checkpoint<Derived, Base>, public BlockingForms<Derived> {
public:
    void start() noexcept { this->line()->join(*this); }

protected:
    using Checkpoint<Derived, Base>::Checkpoint;
    LineAwait(LineAwait&& other) noexcept : Checkpoint<Derived, Base>(std::move(other)) {}
    ~LineAwait() = default;
};

// Implementation

inline void WaitLine::join(LineWait& wait) noexcept {
    wait.state_ = LineWait::State::waiting;
    wait.next_ = nullptr;
    wait.previous_ = last_;
    (last_ ? last_->next_ : first_) = &wait;
    last_ = &wait;
    if (!waiting_) waiting_ = &wait;
    ++waiting_count_;
}

inline void WaitLine::serve_front() noexcept {
    LineWait& wait = *waiting_;
    waiting_ = wait.next_;
    --waiting_count_;
    wait.state_ = LineWait::State::served;
    wait.task().wake();
}

inline void WaitLine::unlink(LineWait& wait) noexcept {
    (wait.previous_ ? wait.previous_->next_ : first_) = wait.next_;
    (wait.next_ ? wait.next_->previous_ : last_) = wait.previous_;
}

}  // namespace tandem::inline v1
