#include <tandem/loop/event_loop.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/signals_internal.hpp>

#include <cxxabi.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tandem::inline v1 {
namespace {

constinit thread_local EventLoop* running_loop = nullptr;

class RealTime final : public LoopTime {
    TimePoint now() noexcept override {
        return TimePoint(std::chrono::steady_clock::now().time_since_epoch());
    }
};

// A busy loop asks the kernel at least every this many turns: an echo is answered within 5 (sem:L3).
constexpr std::uint32_t turns_between_polls = 4;
constexpr auto longest_poll = std::chrono::hours(24);

bool debug_wanted() {
    const char* value = std::getenv("TANDEM_DEBUG");
    return value && std::strcmp(value, "0") != 0 && *value != '\0';
}

}  // namespace

LoopTime& real_time() noexcept {
    static RealTime time;
    return time;
}

EventLoop& this_loop() {
    if (running_loop) return *running_loop;
    throw std::runtime_error(
        "no event loop runs on this thread: call this from a coroutine or callback, use run(f()) or "
        "f().get() in plain "
        "code, or name a loop with on(loop)");
}

EventLoop* this_loop_or_null() noexcept { return running_loop; }

/// Marks the loop as the one that runs on this thread, for the time of its life.
class EventLoop::Running {
public:
    explicit Running(EventLoop& loop) : loop_(loop) {
        loop.require_open("run it");
        if (running_loop == &loop)
            throw WouldDeadlock(
                "this event loop is running already, in this very thread: use co_await inside it");
        if (running_loop)
            throw WouldDeadlock(
                "another event loop is running in this thread: a second one would stop it. Use co_await, or "
                "run the "
                "second loop in a thread of its own");
        const void* none = nullptr;
        if (!loop.runner_.compare_exchange_strong(none, &running_loop, std::memory_order_acq_rel))
            throw InvalidStateError(
                "this event loop is running in another thread: use call_soon_threadsafe() or "
                "f().start(on(loop))");
        running_loop = &loop;
    }
    ~Running() {
        running_loop = nullptr;
        loop_.runner_.store(nullptr, std::memory_order_release);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

private:
    EventLoop& loop_;
};

EventLoop::EventLoop(const EventLoopOptions& options)
    : time_(options.time ? options.time : &real_time()),
      debug_(options.debug || debug_wanted()),
      close_grace_(options.close_grace) {
    auto chosen = choose_backend(options.backend);
    backend_ = std::move(chosen.backend);
    fallback_reason_ = std::move(chosen.fallback_reason);
    LoopTime& simulated = time_->jump_to(time_->now()) ? *time_ : simulated_time_;
    backend_turns_time_ = backend_->take_time(simulated);
    if (backend_turns_time_) time_ = &simulated;
    turn_time_ = time_->now();
    life_->loop = this;
}

EventLoop::~EventLoop() {
    if (is_running()) {
        std::fputs("tandem: an EventLoop was destroyed while it was running\n", stderr);
        std::abort();
    }
    try {
        close();
    } catch (...) {
        call_exception_handler(
            {"closing an event loop failed", std::current_exception(), {}, {}, Severity::error});
    }
    if (closed_) return;
    if (tenant_ && tenant_->live() > 0) tenant_->abandon();
    let_go();
}

void EventLoop::require_open(const char* what) const {
    if (closed_)
        throw LoopClosed(LoopClosedReason::closed,
                         std::string("event loop is closed: cannot ") + what + "; make a new one");
}

void EventLoop::throw_null_callable() {
    throw std::invalid_argument("a null callable was given to an event loop");
}

void EventLoop::run_forever() {
    drive([](void* self) { return static_cast<EventLoop*>(self)->stopping_; }, this);
    stopping_ = false;
}

void EventLoop::drive(bool (*done)(void*), void* argument) {
    const Running running(*this);
    // At least one turn: stop() before run_forever() means one poll, one batch (sem:L20).
    for (;;) {
        turn(TimePoint::max());
        if (leaving_) [[unlikely]] {
            stopping_ = false;
            std::rethrow_exception(std::exchange(leaving_, nullptr));
        }
        if (done(argument)) return;
        stopping_ = false;  // a stop() that was not what we wait for must not keep us from sleeping
    }
}

void EventLoop::poll_once(Deadline limit) {
    const Running running(*this);
    turn(limit.resolve(time()));
    if (leaving_) std::rethrow_exception(std::exchange(leaving_, nullptr));
}

void EventLoop::turn(TimePoint limit) {
    ++turns_;
    sink_ = &arrivals_;
    if (ready_.empty() && !stopping_ && !mailbox_.has_mail()) {
        busy_turns_ = 0;
        TimePoint deadline = std::min(limit, timers_.next());
        bool waits = deadline > turn_time_;
        if (waits && deadline != TimePoint::max()) {
            const auto now = time_->now();
            waits = deadline > now;
            deadline = std::min(deadline, saturating_add(now, longest_poll));
            // Virtual time: look whether the world has something, give it a moment if it may, then jump.
            if (waits && !backend_turns_time_ && time_->jump_to(now)) {
                backend_->wait(TimePoint::min());
                if (backend_->in_flight() > 0 && arrivals_.empty()) {
                    using namespace std::chrono_literals;
                    backend_->wait(saturating_add(real_time().now(), 20ms));
                }
                if (arrivals_.empty() && !mailbox_.has_mail() && deadline != TimePoint::max())
                    time_->jump_to(deadline);
                waits = false;
            }
        }
        if (!waits) {
            backend_->wait(TimePoint::min());
        } else if (mailbox_.about_to_sleep()) {
            backend_->wait(deadline);
            mailbox_.awake();
            turn_time_ = time_->now();
        } else {
            backend_->wait(TimePoint::min());
        }
    } else if (++busy_turns_ >= turns_between_polls) {
        busy_turns_ = 0;
        backend_->wait(TimePoint::min());
    }

    mailbox_.collect(ready_);
    if (signals_arrived_.load(std::memory_order_relaxed)) [[unlikely]] {
        signals_arrived_.store(false);
        sink_ = &ready_;
        deliver_signals(*this);
    }
    if (!timers_.empty() || debug_) {
        turn_time_ = time_->now();
        sink_ = &due_;
        timers_.run_due(turn_time_);
    }
    sink_ = &ready_;
    ready_.append(arrivals_);
    ready_.append(due_);
    run_batch();
}

void EventLoop::run_batch() {
    batch_.append(ready_);
    while (!batch_.empty()) {
        batch_.pop().run();
        if (leaving_) [[unlikely]] {
            // The rest of the batch stays queued, ahead of what it added (sem:L34).
            batch_.append(ready_);
            ready_.append(batch_);
            return;
        }
    }
}

TimePoint EventLoop::next_deadline() noexcept {
    return ready_.empty() && !mailbox_.has_mail() ? timers_.next() : TimePoint::min();
}

bool EventLoop::try_post_threadsafe(Runnable& item) noexcept {
    switch (mailbox_.post(item)) {
        case Mailbox::Posted::closed:
            return false;
        case Mailbox::Posted::asleep:
            backend_->wake();
            mailbox_.woken();
            break;
        case Mailbox::Posted::awake:
            break;
    }
    return true;
}

void EventLoop::stop_threadsafe() {
    call_soon_threadsafe([this] { stop(); });
}

void EventLoop::close() {
    if (is_running())
        throw InvalidStateError(
            "cannot close a running event loop: stop() it first, or close it after run_forever()");
    if (closed_) return;
    if (running_loop && tenant_ && tenant_->live() > 0)
        throw WouldDeadlock(
            "an event loop with live tasks was closed under another one that is running: closing drives its "
            "tasks to "
            "their end, which would stop the other; close it in plain code");

    if (tenant_ && tenant_->live() > 0) drain();
    let_go();
}

void EventLoop::drain() {
    tenant_->cancel_all();
    struct Drain {
        EventLoop& loop;
        TimePoint limit;
    } drain{*this, saturating_add(time(), close_grace_)};
    // Whatever ends this turn's drive early, an exit_with() in a cleanup say, must not stop the rest.
    while (tenant_->live() > 0 && time() < drain.limit) {
        try {
            const auto guard = call_at(drain.limit, [] {});
            drive(
                [](void* argument) {
                    auto& d = *static_cast<Drain*>(argument);
                    return d.loop.tenant_->live() == 0 || d.loop.time() >= d.limit;
                },
                &drain);
            Handle(guard).cancel();
        } catch (const abi::__forced_unwind&) {
            throw;
        } catch (...) {
            call_exception_handler({"an exception left the loop while it closed",
                                    std::current_exception(),
                                    {},
                                    {},
                                    Severity::error});
        }
    }
    if (tenant_->live() > 0) tenant_->abandon();
}

void EventLoop::let_go() noexcept {
    forget_signals(*this);
    closed_ = true;
    ReadyQueue left;
    left.append(ready_);
    mailbox_.close(left);
    drop_watches();
    while (!left.empty()) left.pop().discard();
    while (!ready_.empty()) ready_.pop().discard();  // what the discarded ones posted
    while (auto* call = planned_calls_.front()) call->drop();
    mailbox_.wait_for_wakers();
    {
        const std::lock_guard lock(life_->mutex);
        life_->loop = nullptr;
    }
    backend_.reset();  // cancels and reaps what is in flight, of leaked tasks too
    while (!ready_.empty()) ready_.pop().discard();
    tenant_.reset();
}

void EventLoop::set_exception_handler(std::function<void(EventLoop&, const ErrorContext&)> handler) {
    exception_handler_ = std::move(handler);
}

}  // namespace tandem::inline v1
