#include <tandem/loop/event_loop.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/base/fork.hpp>
#include <tandem/loop/own_loop.hpp>
#include <tandem/loop/random_seed.hpp>
#include <tandem/loop/shuffle_internal.hpp>
#include <tandem/loop/signals_internal.hpp>

#include <cxxabi.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <utility>

namespace tandem::inline v1 {
namespace {

std::uint64_t system_random_seed() {
    thread_local std::mt19937_64 seeds{std::random_device()()};
    return seeds();
}

std::string place(const SourceLocation& at) {
    return std::string(at.file_name()) + ":" + std::to_string(at.line());
}

constinit thread_local EventLoop* running_loop = nullptr;

// The loop that this thread ran last.
struct OwnLoop {
    OwnLoop() = default;
    OwnLoop(const OwnLoop&) = delete;
    OwnLoop& operator=(const OwnLoop&) = delete;
    ~OwnLoop();
    std::shared_ptr<LoopLife> life;
};
constinit thread_local bool thread_ends = false;
constinit thread_local bool has_own_loop = false;
constinit thread_local bool had_own_loop = false;
thread_local OwnLoop own_loop;

OwnLoop::~OwnLoop() {
    thread_ends = true;
    has_own_loop = false;
}

void remember_own_loop(const std::shared_ptr<LoopLife>& life) {
    if (thread_ends || own_loop.life == life) return;
    own_loop.life = life;
    has_own_loop = had_own_loop = true;
}

// What runs in a forked child runs under no loop: that was the parent's.
[[maybe_unused]] const int watches_children =
    ::pthread_atfork(nullptr, nullptr, [] { running_loop = nullptr; });

std::uint32_t watched_generation() {
    watch_forks();
    return fork_generation();
}

class RealTime final : public LoopTime {
    TimePoint now() noexcept override {
        return TimePoint(std::chrono::steady_clock::now().time_since_epoch());
    }
};

// A busy loop asks the kernel at least every this many turns: an echo is answered within 5 (sem:L3).
constexpr std::uint32_t turns_between_polls = 4;
constexpr auto longest_poll = std::chrono::hours(24);
// Timers that crowd share a wake-up, which comes this much late at most: a fifth of what sem:L13 allows.
constexpr Duration timer_slack = std::chrono::microseconds(200);

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

bool ever_owned_a_loop() noexcept { return had_own_loop; }

EventLoop* idle_loop_of_this_thread() noexcept {
    if (!has_own_loop) return nullptr;
    EventLoop* loop = nullptr;
    {
        const std::lock_guard lock(own_loop.life->mutex);
        loop = own_loop.life->loop;
    }
    if (!loop) {
        own_loop.life.reset();
        has_own_loop = false;
    }
    return loop && loop->idle_here() ? loop : nullptr;
}

/// Marks the loop as the one that runs on this thread, for the time of its life.
class EventLoop::Running {
public:
    explicit Running(EventLoop& loop) : loop_(loop) {
        loop.require_open("run it");
        if (running_loop == &loop)
            throw WouldDeadlock("the event loop made at " + place(loop.made_at_) +
                                " is running already, in this very thread: use co_await inside it");
        if (running_loop)
            throw WouldDeadlock(
                "another event loop is running in this thread, the one made at " +
                place(running_loop->made_at_) +
                ": a second one would stop it. Use co_await, or run the second loop, made at " +
                place(loop.made_at_) + ", in a thread of its own");
        for (const void* none = nullptr;
             !loop.runner_.compare_exchange_strong(none, &running_loop, std::memory_order_acq_rel);
             none = nullptr) {
            if (!loop.lets_in_.load(std::memory_order_acquire))
                throw InvalidStateError(
                    "the event loop made at " + place(loop.made_at_) +
                    " is running in another thread: use call_soon_threadsafe() or f().start(on(loop))");
            loop.wanted_.store(true);
            loop.call_soon_threadsafe([] {});  // it may sleep
            std::this_thread::sleep_for(std::chrono::microseconds(50));
        }
        loop.wanted_.store(false);
        loop.owner_.store(&running_loop, std::memory_order_relaxed);
        remember_own_loop(loop.life_);
        running_loop = &loop;
        loop.ran_ = true;
        loop.left_.store(loop.failed_, std::memory_order_relaxed);
        loop.pulse_.driven_here();
        if (loop.host_driven_) loop.mailbox_.awake();
    }
    ~Running() {
        running_loop = nullptr;
        loop_.pulse_.batch_over();
        if (loop_.host_driven_ && !loop_.lost()) loop_.be_pollable();
        loop_.runner_.store(nullptr, std::memory_order_release);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

private:
    EventLoop& loop_;
};

EventLoop::EventLoop(const EventLoopOptions& options, SourceLocation where)
    : EventLoop(choose_backend(options.backend, options.sim_host), options, where) {}

EventLoop::EventLoop(std::unique_ptr<Backend> backend, const EventLoopOptions& options, SourceLocation where)
    : EventLoop(ChosenBackend{.backend = std::move(backend), .fallback_reason = {}}, options, where) {}

EventLoop::EventLoop(ChosenBackend chosen, const EventLoopOptions& options, SourceLocation where)
    : time_(options.time ? options.time : &real_time()),
      generation_(watched_generation()),
      close_grace_(options.close_grace),
      close_reason_(LoopClosedReason::closed),
      made_at_(where),
      pulse_(where) {
    keep_pending_ = options.keep_pending;
    set_debug(options.debug || debug_wanted());
    set_instrument(options.instrument);
    if (options.shuffle_seed) shuffle_ = std::make_unique<OrderShuffle>(*options.shuffle_seed);
    backend_ = std::move(chosen.backend);
    fallback_reason_ = std::move(chosen.fallback_reason);
    LoopTime& simulated = time_->jump_to(time_->now()) ? *time_ : simulated_time_;
    backend_turns_time_ = backend_->take_time(simulated);
    if (backend_turns_time_) time_ = &simulated;
    turn_time_ = time_->now();
    quiescence_ = options.quiescence.value_or(
        backend_turns_time_ || time_->jump_to(turn_time_) ? Quiescence::raise : Quiescence::report);
    life_->loop = this;
    if (options.blocking == Blocking::portal) portal_ = make_portal(*this);
}

EventLoop::~EventLoop() {
    if (lost()) {
        leave_to_parent();
        return;
    }
    if (is_running()) {
        std::fputs("tandem: an EventLoop was destroyed while it was running\n", stderr);
        std::abort();
    }
    if (debug_ && !closed_)
        call_exception_handler({"an event loop was destroyed that nobody had closed; it closes itself",
                                nullptr,
                                {},
                                made_at_,
                                Severity::warning});
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

bool EventLoop::lost() const noexcept { return generation_ != fork_generation(); }

LoopState EventLoop::state() const noexcept {
    if (lost()) return LoopState::lost;
    if (closed_) return LoopState::closed;
    if (is_running()) return LoopState::running;
    return ran_ ? LoopState::stopped : LoopState::created;
}

LoopClosedReason EventLoop::closed_reason() const noexcept {
    return lost() ? LoopClosedReason::forked : close_reason_.load(std::memory_order_relaxed);
}

void EventLoop::require_open(const char* what) const {
    if (lost())
        throw LoopClosed(LoopClosedReason::forked,
                         std::string("this event loop belongs to the process that this one was forked from: "
                                     "cannot ") +
                             what + "; make a new one");
    if (closed_)
        throw LoopClosed(closed_reason(), std::string("event loop is closed: cannot ") + what +
                                              "; it was made at " + place(made_at_) + ", make a new one");
}

void EventLoop::require_own_thread(const char* call) const {
    const void* const runner = runner_.load(std::memory_order_relaxed);
    if (runner && runner != &running_loop)
        throw WrongThread(std::string(call) +
                          "() was called in another thread than the one that runs the event loop made at " +
                          place(made_at_) + ": use call_soon_threadsafe() there");
}

void EventLoop::run_forever() {
    drive([](void* self) { return static_cast<EventLoop*>(self)->stopping_; }, this);
    stopping_ = false;
}

void EventLoop::drive(bool (*done)(void*), void* argument) {
    const Running running(*this);
    if (instrument_) [[unlikely]]
        tell_instrument([](Instrument& instrument, EventLoop& loop) { instrument.run_started(loop); });
    struct Finished {
        EventLoop& loop;
        LoopClosedReason why = LoopClosedReason::stopped;
        ~Finished() {
            if (!loop.keep_pending_ && !loop.closing_ && !loop.lost()) loop.leave_waiters(why);
            if (loop.instrument_) [[unlikely]]
                loop.tell_instrument(
                    [](Instrument& instrument, EventLoop& l) { instrument.run_finished(l); });
        }
    } finished{*this};
    // At least one turn: stop() before run_forever() means one poll, one batch (sem:L20).
    for (;;) {
        try {
            turn(TimePoint::max());
        } catch (const abi::__forced_unwind&) {
            finished.why = LoopClosedReason::failed;  // the thread ends
            batch_.append(ready_);
            ready_.append(batch_);
            throw;
        }
        leave_if_asked();
        if (done(argument)) return;
        if (lost()) [[unlikely]]
            require_open("go on with a turn that forked");
        stopping_ = false;  // a stop() that was not what we wait for must not keep us from sleeping
    }
}

void EventLoop::leave_if_asked() {
    if (!leaving_) [[likely]]
        return;
    stopping_ = false;
    std::rethrow_exception(std::exchange(leaving_, nullptr));
}

bool EventLoop::idle_here() const noexcept {
    return !is_running() && owner_.load(std::memory_order_relaxed) == &running_loop && !lost();
}

bool EventLoop::drive_for_owner(bool (*done)(void*), void* argument) {
    struct LetIn {
        EventLoop& loop;
        explicit LetIn(EventLoop& l) : loop(l) { loop.lets_in_.store(true, std::memory_order_release); }
        ~LetIn() { loop.lets_in_.store(false, std::memory_order_release); }
        LetIn(const LetIn&) = delete;
        LetIn& operator=(const LetIn&) = delete;
    } const let_in{*this};
    const Running running(*this);
    while (!done(argument)) {
        if (wanted_.load()) return false;
        turn(TimePoint::max());
        leave_if_asked();
        stopping_ = false;
    }
    return true;
}

void EventLoop::poll_once(Deadline limit) {
    const Running running(*this);
    turn(limit.resolve(time()));
    if (leaving_) std::rethrow_exception(std::exchange(leaving_, nullptr));
}

int EventLoop::pollable_fd() {
    require_open("be driven by another");
    if (!std::exchange(host_driven_, true) && !is_running()) be_pollable();
    return backend_->pollable_fd();
}

// Whoever waits for our descriptor is woken by posts from now on, and at once if there is something to run.
void EventLoop::be_pollable() {
    if (ready_.empty() && !mailbox_.has_mail()) mailbox_.about_to_sleep();
    if (!ready_.empty() || mailbox_.has_mail()) backend_->wake();
}

void EventLoop::turn(TimePoint limit) {
    if (portal_) [[unlikely]] {
        portal_->turn(limit);
        return;
    }
    begin_turn(limit);
    finish_turn();
}

void EventLoop::begin_turn(TimePoint limit) {
    if (watched_) [[unlikely]]
        note_wait_begin(limit);
    poll(limit);
    if (shuffle_) [[unlikely]]
        collect_shuffled();
    else
        collect();
    if (watched_) [[unlikely]]
        note_wait_end();
    if (backend_fails_) [[unlikely]]
        tell_failure();
    batch_.append(ready_);
    if (looked_whether_stuck_) [[unlikely]]
        looked_whether_stuck_ = batch_.empty();
    pulse_.batch_begins();
}

void EventLoop::finish_turn() {
    if (!portal_) [[likely]]
        run_batch();
    else if (!run_batch_on_portal())
        return;
    pulse_.batch_over();
    if (joins_began_) [[unlikely]] {
        joins_began_ = false;
        OutsideWaits::joins_began.load(std::memory_order_acquire)(*this);
    }
}

void EventLoop::poll(TimePoint limit) {
    sink_ = &arrivals_;
    if (ready_.empty() && !stopping_ && !mailbox_.has_mail()) {
        busy_turns_ = 0;
        TimePoint deadline = std::min(limit, timers_.next());
        bool waits = deadline > turn_time_;  // which may be an earlier turn's
        if (waits && deadline != TimePoint::max()) {
            const auto now = time_->now();
            waits = deadline > now;
            deadline = std::min(deadline, saturating_add(now, longest_poll));
            // Virtual time: look whether the world has something, give it a moment if it may, then jump.
            if (waits && !backend_turns_time_ && time_->jump_to(now)) {
                backend_->wait(TimePoint::min());
                const bool others_work = backend_->in_flight() > 0 || (workers_ && workers_->busy());
                if (others_work && arrivals_.empty() && mailbox_.about_to_sleep()) {
                    using namespace std::chrono_literals;
                    backend_->wait(saturating_add(real_time().now(), 20ms));
                    mailbox_.awake();
                }
                if (arrivals_.empty() && !mailbox_.has_mail() && deadline != TimePoint::max())
                    time_->jump_to(deadline);
                waits = false;
            }
            if (waits && !backend_turns_time_)
                deadline =
                    std::min({limit, timers_.next_with(timer_slack), saturating_add(now, longest_poll)});
        }
        if (waits && deadline == TimePoint::max() && may_be_stuck()) [[unlikely]] {
            wait_while_stuck();
        } else if (!waits) {
            backend_->wait(TimePoint::min());
        } else if (look_for_mail(deadline)) {
            mailbox_.fetch();
        } else if (mailbox_.about_to_sleep()) {
            const auto fell_asleep = spin_.falls_asleep();
            backend_->wait(deadline);
            mailbox_.awake();
            if (mailbox_.has_mail()) spin_.woke_up(fell_asleep);
        } else {
            backend_->wait(TimePoint::min());
        }
    } else if (++busy_turns_ >= turns_between_polls) {
        busy_turns_ = 0;
        backend_->wait(TimePoint::min());
    } else {
        return;
    }
    if (backend_->failure() != 0 && !failed_) [[unlikely]]
        backend_fails_ = true;
}

void EventLoop::collect() {
    mailbox_.collect(ready_);
    if (signals_arrived_.load(std::memory_order_relaxed)) [[unlikely]]
        collect_signals();
    turn_time_read_ = false;
    if (!timers_.empty()) run_due_timers();
    sink_ = &ready_;
    ready_.append(arrivals_);
    ready_.append(due_);
}

void EventLoop::collect_signals() {
    signals_arrived_.store(false);
    sink_ = &ready_;
    deliver_signals(*this);
}

TimePoint EventLoop::read_turn_time() noexcept {
    turn_time_read_ = true;
    return turn_time_ = time_->now();
}

std::uint64_t EventLoop::random_seed() { return shuffle_ ? shuffle_->next() : system_random_seed(); }

std::uint64_t random_seed() {
    EventLoop* const loop = this_loop_or_null();
    return loop ? loop->random_seed() : system_random_seed();
}

void EventLoop::run_due_timers() {
    sink_ = &due_;
    timers_.run_due(read_turn_time());
}

// The same, each kind in an order drawn among those that no rule forbids.
void EventLoop::collect_shuffled() {
    shuffle_->shuffle_steps(ready_);
    ReadyQueue posts;
    mailbox_.collect(posts);
    shuffle_->shuffle_posts(posts);
    ready_.append(posts);
    shuffle_->shuffle_completions(arrivals_);
    collect();
}

inline void EventLoop::run_entry(Runnable& entry) {
    pulse_.step_begins(&entry);
    entry.run();
}

void EventLoop::run_batch() {
    while (!batch_.empty()) {
        run_entry(batch_.pop());
        if (!go_on_after_entry()) return;
    }
}

// Whether this stack took all of them, and not one on which another entry waits meanwhile.
bool EventLoop::run_batch_on_portal() {
    const void* const here = portal_->dispatcher;
    while (!batch_.empty()) {
        portal_->in_entry = true;
        run_entry(batch_.pop());
        if (portal_->dispatcher != here) return false;
        portal_->in_entry = false;
        if (!go_on_after_entry()) break;
    }
    return true;
}

inline bool EventLoop::go_on_after_entry() {
    if (shuffle_) [[unlikely]]
        shuffle_->end_of_step(ready_);
    if (!leaving_) [[likely]]
        return true;
    // The rest of the batch stays queued, ahead of what it added (sem:L34).
    batch_.append(ready_);
    ready_.append(batch_);
    if (shuffle_) shuffle_->forget_steps();
    return false;
}

TimePoint EventLoop::next_deadline() noexcept {
    return ready_.empty() && !mailbox_.has_mail() ? timers_.next() : TimePoint::min();
}

bool EventLoop::try_post_threadsafe(Runnable& item) noexcept {
    if (lost()) return false;
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

void EventLoop::set_exception_handler(std::function<void(EventLoop&, const ErrorContext&)> handler) {
    exception_handler_ = std::move(handler);
}

}  // namespace tandem::inline v1
