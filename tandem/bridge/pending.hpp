#pragma once

#include <tandem/base/outcome.hpp>
#include <tandem/base/thread_gate.hpp>
#include <tandem/base/unique_function.hpp>
#include <tandem/bridge/background_loop.hpp>
#include <tandem/bridge/blocking_wait.hpp>
#include <tandem/bridge/wait_graph.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/task/task_handle.hpp>

#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

/// Names the loop on which to start: `f().start(on(loop))`.
class StartOn {
public:
    explicit StartOn(EventLoop& loop) : loop_(&loop) {}
    /// A loop that others may give up meanwhile: the background one.
    explicit StartOn(std::shared_ptr<EventLoop> loop) : loop_(loop.get()), kept_(std::move(loop)) {}
    EventLoop& loop() const { return *loop_; }

private:
    friend class PendingCore;
    EventLoop* loop_;
    std::shared_ptr<EventLoop> kept_;
};
inline StartOn on(EventLoop& loop) { return StartOn(loop); }
/// Where plain code's own `get()` runs its work: on the idle loop of this thread, else on the background one.
StartOn on_loop_of_caller();
inline StartOn on_background() { return StartOn(share_background_loop()); }
inline StartOn on_background(std::string_view name) { return StartOn(share_background_loop(name)); }

/// What every Pending's state has, whatever its type.
class PendingCore : public CompletionHook, public std::enable_shared_from_this<PendingCore> {
public:
    PendingCore(const StartOn& where, SourceLocation born)
        : loop_(&where.loop()), kept_loop_(where.kept_), born_(born) {}
    PendingCore(const PendingCore&) = delete;
    PendingCore& operator=(const PendingCore&) = delete;
    virtual ~PendingCore() = default;

    bool done() const noexcept { return gate_.is_open(); }
    bool wait_for(std::chrono::nanoseconds limit) noexcept { return gate_.wait_for(limit); }
    void wait() noexcept { gate_.wait(); }
    /// Whether it is done within `limit`; only the fiber waits (sem:T2).
    bool wait_on_fiber(Deadline limit, const SourceLocation& where);
    const SourceLocation& born() const { return born_; }
    EventLoop& loop() const { return *loop_; }
    /// On the loop: the task that it stands for, from its start to its end.
    TaskNode* task() const noexcept { return task_; }
    /// This thread ran its loop last, and nobody runs it now.
    bool loop_idle_here();
    /// Of its loop; null if it is done, for then the loop may be gone.
    std::shared_ptr<LoopLife> life_while_pending();

    /// Asks the task to end, from any thread. False if it has ended.
    bool cancel(std::string reason, SourceLocation where);
    /// Calls `fn` when done: on the loop's thread, or here and now if it is done already.
    void when_done(UniqueFunction<void()> fn);

    /// On the loop: the task to watch.
    void watch(TaskNode& task);

protected:
    /// Opens the gate and runs the callbacks. Afterwards `this` may be gone.
    void finish();

private:
    void task_done(TaskNode& task) noexcept final;
    void task_abandoned() noexcept final;
    /// `shared`: handles may still ask for the result.
    virtual void take_from(TaskNode& task, bool shared) = 0;
    virtual void fail(std::exception_ptr error) = 0;
    void call(UniqueFunction<void()>& fn) noexcept;

    EventLoop* loop_;
    std::shared_ptr<EventLoop> kept_loop_;
    SourceLocation born_;
    std::shared_ptr<PendingCore> self_;  // while a task is watched
    TaskNode* task_ = nullptr;           // the loop's thread alone
    SharedReason early_cancel_;          // asked for before the task was there
    std::mutex mutex_;
    std::vector<UniqueFunction<void()>> callbacks_;
    ThreadGate gate_;
};

template <class T>
class PendingState final : public PendingCore {
public:
    using PendingCore::PendingCore;

    /// From plain code or a loop's thread, before the task could run.
    void fail(std::exception_ptr error) override {
        outcome.emplace(Error(std::move(error)));
        finish();
    }
    std::optional<Outcome<T>> outcome;

private:
    void take_from(TaskNode& task, bool shared) override {
        task.add_reference();
        TaskHandle<T> handle(task);
        outcome.emplace(shared ? handle.share_outcome() : handle.take_outcome());
    }
};

/// Work under way on another thread's loop, seen from anywhere: Python's concurrent future.
///
///     auto later = page(url).start();
///     ...
///     std::string text = later.get(2s);
///
/// Errors      `get` throws what the task threw, the same object; `TaskCancelled` if somebody cancelled it;
///             `LoopClosed` if its loop cannot finish it; `TimeoutError` past its limit, which cancels
///             nothing.
/// Cancelling  `cancel()` is a request: the Pending completes when the task has ended, with what really
/// happened. Threads     any, at once. `get` on a loop's thread throws `WouldDeadlock` unless it is done.
/// Lifetime    dropping the last one neither cancels nor waits.
template <class T>
class Pending {
public:
    using value_type = T;
    explicit Pending(std::shared_ptr<PendingState<T>> state) : state_(std::move(state)) {}

    /// The result: `const T&` of a named Pending, moved out of a temporary one.
    decltype(auto) get(SourceLocation where = SourceLocation::current()) const& {
        wait_until_done(where);
        return std::as_const(*state_->outcome).value();
    }
    T get(SourceLocation where = SourceLocation::current()) && {
        wait_until_done(where);
        return std::move(*state_->outcome).value();
    }
    /// At most this long; the work goes on past it.
    decltype(auto) get(Deadline limit, SourceLocation where = SourceLocation::current()) const& {
        wait_until(limit, where);
        return std::as_const(*state_->outcome).value();
    }
    /// At most this long; then it is cancelled and waited for, and `TimeoutError` thrown, unless a value came
    /// after all.
    T get_or_cancel(Deadline limit, SourceLocation where = SourceLocation::current()) {
        if (!wait(limit, where)) {
            state_->cancel("get_or_cancel() ran out of time", where);
            wait_until_done(where);
            if (state_->outcome->cancelled()) throw_timed_out(where);
        }
        return std::move(*state_->outcome).value();
    }
    /// Whether it is done within `limit`.
    bool wait(Deadline limit = {}, SourceLocation where = SourceLocation::current()) const {
        return done() || wait_for_end(*state_, limit, {"Pending::wait()", where, state_->born()});
    }

    bool done() const { return state_->done(); }
    bool running() const { return !done(); }
    bool cancelled() const { return done() && state_->outcome->cancelled(); }
    /// Precondition: `done()`.
    const Outcome<T>& outcome() const { return *state_->outcome; }
    /// The error or null, waiting like `get`.
    std::exception_ptr exception(SourceLocation where = SourceLocation::current()) const {
        wait_until_done(where);
        return state_->outcome->exception();
    }
    /// False if it has ended.
    bool cancel(std::string reason = "cancelled by its Pending",
                SourceLocation where = SourceLocation::current()) const {
        return state_->cancel(std::move(reason), where);
    }
    /// Cancels, waits, and gives what really happened.
    const Outcome<T>& cancel_and_wait(Deadline limit = {},
                                      SourceLocation where = SourceLocation::current()) const {
        state_->cancel("cancel_and_wait()", where);
        wait_until(limit, where);
        return *state_->outcome;
    }
    /// Calls `fn(pending)` once: on the loop's thread when it ends, or here and now if it has.
    template <class F>
    const Pending& on_done(F fn) const {
        state_->when_done([pending = *this, fn = std::move(fn)]() mutable { std::invoke(fn, pending); });
        return *this;
    }
    template <class F>
    const Pending& add_done_callback(F fn) const {
        return on_done(std::move(fn));
    }
    EventLoop& loop() const { return state_->loop(); }
    /// For the library.
    const std::shared_ptr<PendingState<T>>& state() const { return state_; }

    class Awaiter;
    /// `co_await pending` on any loop: a cancelled awaiter leaves the work alone.
    Awaiter awaiter() const { return Awaiter(state_); }

private:
    void wait_until_done(const SourceLocation& where) const {
        if (!done()) wait_for_end(*state_, {"Pending::get()", where, state_->born()});
    }
    void wait_until(Deadline limit, const SourceLocation& where) const {
        if (!wait(limit, where)) throw_timed_out(where);
    }
    [[noreturn]] void throw_timed_out(const SourceLocation& where) const;

    std::shared_ptr<PendingState<T>> state_;
};

[[noreturn]] void throw_pending_timeout(const SourceLocation& born, const SourceLocation& where);

/// Waits on one loop for work on another.
class PendingWait : public Checkpoint<PendingWait> {
public:
    explicit PendingWait(std::shared_ptr<PendingCore> core) : core_(std::move(core)) {}
    PendingWait(const PendingWait&) = default;  // before it is awaited
    PendingWait(PendingWait&&) = default;
    ~PendingWait() { leave_graph(); }
    bool try_now() const { return core_->done(); }
    void start() noexcept;
    void result() {
        if (refused_) std::rethrow_exception(refused_);
        if (cancelled_) task().throw_cancelled();
    }
    bool request_cancel() noexcept override;
    bool refuse(std::exception_ptr error) noexcept override;
    const OutsideEdge* outside() const noexcept override { return noted_.get(); }
    bool may_end_from_outside() const noexcept override { return true; }
    const char* waiting_for() const noexcept override { return "work on another loop"; }

private:
    struct Relay {
        Relay(PendingWait& w, EventLoop& l) : wait(&w), loop(&l) {}
        PendingWait* wait;  // null once the wait is over; the waiting loop's thread alone
        std::mutex mutex;
        EventLoop* loop;  // where to wake it; null once it was cancelled, for the loop may then go
    };
    void leave_graph() noexcept {
        if (const auto noted = std::exchange(noted_, nullptr)) noted->over();
    }
    std::shared_ptr<PendingCore> core_;
    std::shared_ptr<Relay> relay_;
    std::shared_ptr<TaskWait> noted_;
    std::exception_ptr refused_;
    bool cancelled_ = false;
};

template <class T>
class Pending<T>::Awaiter final : public PendingWait {
public:
    explicit Awaiter(std::shared_ptr<PendingState<T>> state) : PendingWait(state), state_(std::move(state)) {}
    decltype(auto) await_resume() {
        PendingWait::await_resume();
        return std::as_const(*state_->outcome).value();
    }

private:
    std::shared_ptr<PendingState<T>> state_;
};

/// `f()` as a `std::future`, started on the background loop or `on(loop)`.
template <class T>
std::future<T> to_future(Task<T> task) {
    return to_future(std::move(task), on_background());
}
template <class T>
std::future<T> to_future(Task<T> task, StartOn where_to) {
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    std::move(task).start(where_to).on_done([promise](const Pending<T>& pending) {
        if (auto error = pending.exception()) {
            promise->set_exception(std::move(error));
        } else if constexpr (std::is_void_v<T>) {
            promise->set_value();
        } else {
            promise->set_value(Pending<T>(pending).get());  // moved out: nobody else has this Pending
        }
    });
    return future;
}

// Implementation

template <class T>
void Pending<T>::throw_timed_out(const SourceLocation& where) const {
    throw_pending_timeout(state_->born(), where);
}

template <class T>
Pending<T> Task<T>::start(StartOn where_to, SourceLocation where) && {
    require();
    struct Submission final : Runnable {
        Submission(Task<T> t, std::shared_ptr<PendingState<T>> s, SourceLocation w)
            : task(std::move(t)), state(std::move(s)), spawned_at(w) {}
        void run() override {
            const std::unique_ptr<Submission> self(this);
            try {
                TaskOptions options;
                options.context = &context;
                auto handle = state->loop().create_task(std::move(task), options, spawned_at);
                state->watch(handle.node());
            } catch (...) {
                state->fail(std::current_exception());
            }
        }
        void discard() noexcept override {
            const std::unique_ptr<Submission> self(this);
            state->fail(std::make_exception_ptr(
                LoopClosed(state->loop().closed_reason(),
                           "event loop is closed: the submitted task was never started")));
        }
        Task<T> task;
        std::shared_ptr<PendingState<T>> state;
        SourceLocation spawned_at;
        Context context = Context::current();  // the submitter's
    };
    auto state = std::make_shared<PendingState<T>>(where_to, born());
    auto submission = std::make_unique<Submission>(std::move(*this), state, where);
    if (!where_to.loop().try_post_threadsafe(*submission))
        throw LoopClosed(where_to.loop().closed_reason(),
                         "event loop is closed: start(on(loop)) came too late");
    submission.release();
    return Pending<T>(std::move(state));
}

template <class T>
Pending<T> Task<T>::start(SourceLocation where) && {
    return std::move(*this).start(on_background(), where);
}

template <class T>
Pending<T> TaskHandle<T>::pending() const {
    auto state = std::make_shared<PendingState<T>>(on(loop()), node().spawned_at());
    state->watch(node());
    return Pending<T>(std::move(state));
}

}  // namespace tandem::inline v1
