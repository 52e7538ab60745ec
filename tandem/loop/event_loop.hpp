#pragma once

#include <tandem/backend/backend.hpp>
#include <tandem/base/adaptive_spin.hpp>
#include <tandem/base/intrusive_list.hpp>
#include <tandem/base/source_location.hpp>
#include <tandem/base/time.hpp>
#include <tandem/loop/attachments.hpp>
#include <tandem/loop/callback.hpp>
#include <tandem/loop/clock.hpp>
#include <tandem/loop/error_context.hpp>
#include <tandem/loop/handle.hpp>
#include <tandem/loop/instrument.hpp>
#include <tandem/loop/life.hpp>
#include <tandem/loop/mailbox.hpp>
#include <tandem/loop/operation_slot.hpp>
#include <tandem/loop/options.hpp>
#include <tandem/loop/pulse.hpp>
#include <tandem/loop/runnable.hpp>
#include <tandem/loop/timer_heap.hpp>
#include <tandem/loop/waker.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace tandem::inline v1 {

class EventLoop;
class OrderShuffle;
enum class LoopClosedReason : std::uint8_t;
class WorkerPool;
template <class T>
class Task;
template <class T>
class TaskHandle;
template <class T>
class Future;
struct TaskOptions;

/// What runs next on one thread: ready queue, timers, descriptors, and posts from other threads.
///
/// One turn: poll the backend (not waiting if anything is ready), then append to the ready queue what other
/// threads posted, what completed, which timers are due, in this order; then run exactly what the queue holds
/// at that moment (sem:L2). `run()` and the background loop make their own; make one by hand to control when
/// it runs.
///
///     EventLoop loop;
///     loop.call_later(1s, [&] { loop.stop(); });
///     loop.run_forever();
///
/// Errors      of callbacks go to the exception handler, the loop goes on. After `close()`: `LoopClosed`.
/// Cancelling  `stop()` ends `run_forever()` after the current batch; `close()` cancels and joins every task.
/// Threads     the one that runs it, except `call_soon_threadsafe`, `stop_threadsafe` and wakers. In debug
/// mode
///             the others throw `WrongThread` where they should not be.
/// Lifetime    outlives its tasks, which it owns; destroying it closes it.
class EventLoop {
public:
    explicit EventLoop(const EventLoopOptions& options = {},
                       SourceLocation where = SourceLocation::current());
    /// On a backend of your own: a scheduler that hosts tasks needs no more than the two polls of a
    /// descriptor, `wait` and `wake` (sem:L49). What else is asked of it may fail with -ENOSYS.
    explicit EventLoop(std::unique_ptr<Backend> backend, const EventLoopOptions& options = {},
                       SourceLocation where = SourceLocation::current());
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// Runs `fn(args...)`, both kept by value, in a later turn; in the order of the calls.
    template <class F>
    Handle call_soon(F&& fn, SourceLocation where = SourceLocation::current()) {
        return schedule(LoopCallback(where, std::forward<F>(fn)));
    }
    template <class F, class Arg, class... Args>
        requires BoundArgument<Arg>
    Handle call_soon(F&& fn, Arg&& arg, Args&&... args) {
        return schedule(
            LoopCallback({}, std::forward<F>(fn), std::forward<Arg>(arg), std::forward<Args>(args)...));
    }
    /// Runs it when `delay` has passed, never early. A delay <= 0 means the next turn; an infinite one never.
    template <class Rep, class Period, class F>
    TimerHandle call_later(std::chrono::duration<Rep, Period> delay, F&& fn,
                           SourceLocation where = SourceLocation::current()) {
        return schedule_at(saturating_add(time(), to_duration(delay)),
                           LoopCallback(where, std::forward<F>(fn)));
    }
    template <class Rep, class Period, class F, class Arg, class... Args>
        requires BoundArgument<Arg>
    TimerHandle call_later(std::chrono::duration<Rep, Period> delay, F&& fn, Arg&& arg, Args&&... args) {
        return schedule_at(
            saturating_add(time(), to_duration(delay)),
            LoopCallback({}, std::forward<F>(fn), std::forward<Arg>(arg), std::forward<Args>(args)...));
    }
    template <class F>
    TimerHandle call_at(TimePoint when, F&& fn, SourceLocation where = SourceLocation::current()) {
        return schedule_at(when, LoopCallback(where, std::forward<F>(fn)));
    }
    template <class F, class Arg, class... Args>
        requires BoundArgument<Arg>
    TimerHandle call_at(TimePoint when, F&& fn, Arg&& arg, Args&&... args) {
        return schedule_at(
            when, LoopCallback({}, std::forward<F>(fn), std::forward<Arg>(arg), std::forward<Args>(args)...));
    }
    /// The same as `call_soon` from any thread; never blocks and wakes a sleeping loop. May also be called
    /// before the loop runs.
    ///
    /// Errors      `LoopClosed` on a closed loop; `fn` is destroyed in the calling thread.
    template <class F>
    void call_soon_threadsafe(F&& fn, SourceLocation where = SourceLocation::current()) {
        post_threadsafe(LoopCallback(where, std::forward<F>(fn)));
    }
    template <class F, class Arg, class... Args>
        requires BoundArgument<Arg>
    void call_soon_threadsafe(F&& fn, Arg&& arg, Args&&... args) {
        post_threadsafe(
            LoopCallback({}, std::forward<F>(fn), std::forward<Arg>(arg), std::forward<Args>(args)...));
    }
    /// What wakes this loop to run `fn`, from any thread and from signal handlers.
    template <class F>
    [[nodiscard]] Waker make_waker(F&& fn, SourceLocation where = SourceLocation::current()) {
        return add_waker(LoopCallback(where, std::forward<F>(fn)));
    }

    /// The live time of the loop's clock.
    TimePoint time() const { return time_->now(); }
    LoopTime& clock() noexcept { return *time_; }
    std::uint64_t random_seed();  ///< out of the loop's own seed if it has one, else out of the system's

    /// Runs until `stop()`. Errors: `WouldDeadlock` if this thread runs a loop already, `InvalidStateError`
    /// if another thread runs this one, `LoopClosed` after `close()`; `Interrupted` and `SystemExit` of a
    /// callback.
    void run_forever();
    /// Runs until `task` is done and gives its result. Errors: as `run_forever()` and `task`;
    /// `InvalidStateError` "event loop stopped before the task completed". Defined in
    /// task/run_until_complete.hpp.
    template <class T>
    T run_until_complete(Task<T> task, SourceLocation where = SourceLocation::current());
    template <class T>
    T run_until_complete(TaskHandle<T> task, SourceLocation where = SourceLocation::current());
    /// Defined in task/future.hpp.
    template <class T>
    T run_until_complete(Future<T> future, SourceLocation where = SourceLocation::current());
    /// One turn with a poll of at most `limit`; lets a foreign loop drive this one (sem:L46).
    void poll_once(Deadline limit = Duration::zero());
    /// Ends `run_forever()` once the current batch is through. Called before it: one poll, one batch, return.
    void stop() noexcept { stopping_ = true; }
    void stop_threadsafe();
    /// Cancels and joins every task (each is reported once as "still pending"), drops callbacks and timers,
    /// gives everything back. Idempotent. Errors: `InvalidStateError` while running.
    void close();
    /// What `close()` found, counted.
    const CloseRecord& close_record() const noexcept { return close_record_; }

    LoopState state() const noexcept;
    bool is_running() const noexcept { return runner_.load(std::memory_order_relaxed) != nullptr; }
    bool is_closed() const noexcept { return closed_; }

    /// Starts `task` as a child of the loop; its first step is posted. Defined in task/task_handle.hpp.
    template <class T>
    TaskHandle<T> create_task(Task<T> task, const TaskOptions& options,
                              SourceLocation where = SourceLocation::current());
    template <class T>
    TaskHandle<T> create_task(Task<T> task, SourceLocation where = SourceLocation::current());

    /// Gets every error that nobody else does; null brings back the default, which prints to stderr.
    void set_exception_handler(std::function<void(EventLoop&, const ErrorContext&)> handler);
    void call_exception_handler(const ErrorContext& context) noexcept;

    /// Hears of a loop whose tasks wait for each other, or for nobody, for ever: see `Quiescence`. Null
    /// brings back the default, which tells the exception handler.
    void set_quiescence_handler(std::function<void(EventLoop&, const std::string& report)> handler) {
        quiescence_handler_ = std::move(handler);
    }
    /// `after` so long of it, in real time.
    void set_quiescence(Quiescence policy, Duration after = std::chrono::seconds(1)) noexcept {
        quiescence_ = policy;
        quiescent_after_ = after;
        quiescence_told_ = false;
    }
    Quiescence quiescence() const noexcept { return quiescence_; }
    [[nodiscard]] KeepAlive keep_alive() { return KeepAlive(life_); }

    /// Calls `fn` in every turn in which `fd` is readable, until removed; adding again replaces it. The
    /// descriptor must not belong to a stream. Remove it before closing it.
    void add_reader(int fd, std::function<void()> fn);
    void add_writer(int fd, std::function<void()> fn);
    /// Whether one was there.
    bool remove_reader(int fd);
    bool remove_writer(int fd);

    /// Calls `fn(args...)` whenever `signal` arrives, as an entry of this loop; one registration per signal
    /// and process, a second one replaces the first. Errors: see loop/signals.hpp.
    template <class F, class... Args>
    void add_signal_handler(int signal, F&& fn, Args&&... args) {
        set_signal_handler(signal, repeatable(std::forward<F>(fn), std::forward<Args>(args)...));
    }
    /// Whether this loop had one.
    bool remove_signal_handler(int signal);

    /// Checks threads, reports what blocks the loop, remembers more. Also set by `TANDEM_DEBUG=1`.
    void set_debug(bool on) noexcept {
        debug_ = on;
        watched_ = debug_ || instrument_;
    }
    /// Where `to_thread` jobs of this loop run from now on; by default a pool of the loop's own. Defined in
    /// bridge/to_thread.cpp, like the next one.
    void set_worker_pool(WorkerPool pool);
    /// Refuses further `to_thread` jobs (`LoopClosed`) and waits for those there are; past `limit` it warns
    /// and leaves them behind. Python's `shutdown_default_executor`.
    Task<void> shutdown_workers(Deadline limit = {});

    bool debug() const noexcept { return debug_; }
    /// In debug mode a step or callback that takes longer is reported by name. 100 ms unless set.
    void set_slow_callback_duration(Duration limit) noexcept { slow_callback_duration_ = limit; }
    Duration slow_callback_duration() const noexcept { return slow_callback_duration_; }
    /// Hears what the loop does from now on; null: nobody does.
    void set_instrument(Instrument* instrument) noexcept {
        instrument_ = instrument;
        watched_ = debug_ || instrument_;
    }
    Instrument* instrument() const noexcept { return instrument_; }
    std::string_view backend_name() const noexcept { return backend_ ? backend_->name() : "closed"; }
    /// Why io_uring is not used although it was wanted; empty otherwise.
    const std::string& fallback_reason() const noexcept { return fallback_reason_; }
    /// Readable when `poll_once()` has work.
    int pollable_fd();
    /// When `poll_once()` is due at the latest; `TimePoint::max()` if nothing is planned.
    TimePoint next_deadline() noexcept;

    // What the rooms above build on.

    const std::shared_ptr<LoopLife>& life() const noexcept { return life_; }
    /// Makes `item` ready: it runs in the next turn, or in this one's batch if it came out of the poll.
    void post(Runnable& item) noexcept { sink_->push(item); }
    /// From any thread. False if the loop is closed; then `item` was not taken.
    bool try_post_threadsafe(Runnable& item) noexcept;
    TimerHeap& timers() noexcept { return timers_; }
    Backend& backend() noexcept { return *backend_; }
    OperationSlab& operations() noexcept { return operations_; }
    /// The clock as read first in this turn; a turn that nobody asks reads none.
    TimePoint turn_time() noexcept { return turn_time_read_ ? turn_time_ : read_turn_time(); }
    std::uint64_t turns() const noexcept { return pulse_.turns(); }
    /// One of its entries runs, and not the turn around them.
    bool in_step() const noexcept { return pulse_.in_step(); }
    /// Ends `run_forever()` with `error` after the current entry: `Interrupted`, `SystemExit`.
    void leave_with(std::exception_ptr error) noexcept { leaving_ = std::move(error); }
    LoopTenant* tenant() const noexcept { return tenant_.get(); }
    void set_tenant(std::unique_ptr<LoopTenant> tenant) { tenant_ = std::move(tenant); }
    LoopWorkers* workers() const noexcept { return workers_.get(); }
    void set_workers(std::unique_ptr<LoopWorkers> workers) { workers_ = std::move(workers); }
    LoopFibers* fibers() const noexcept { return fibers_.get(); }
    void set_fibers(std::unique_ptr<LoopFibers> fibers) { fibers_ = std::move(fibers); }
    /// Called by a signal handler: async-signal-safe.
    void signal_arrived() noexcept {
        signals_arrived_.store(true, std::memory_order_release);
        backend_->wake();
    }
    /// Where its steps may wait; null unless it was made with `Blocking::portal`.
    LoopPortal* portal() const noexcept { return portal_.get(); }
    /// The two halves of a turn: what is ready becomes the batch; the batch runs. For the portal.
    void begin_turn(TimePoint limit);
    void finish_turn();
    /// Awaits that may still finish without suspending in the current step (sem:L8).
    std::uint32_t ready_budget = 0;
    static constexpr std::uint32_t ready_awaits_per_step = 128;
    /// 0 where every checkpoint is to suspend: `testing::StrictCheckpoints`.
    std::uint32_t ready_awaits = ready_awaits_per_step;
    /// An entry begins to run, and is over, while it can still say what it is: for slow steps and
    /// instruments.
    void entry_begins(const Runnable& entry) noexcept {
        if (watched_) [[unlikely]]
            note_begin(entry);
    }
    void entry_over(const Runnable& entry) noexcept {
        if (watched_) [[unlikely]]
            note_end(entry);
    }
    void task_spawned(const Runnable& task) noexcept {
        if (instrument_) [[unlikely]]
            tell(&Instrument::task_spawned, task);
    }
    void task_scheduled(const Runnable& task) noexcept {
        if (instrument_) [[unlikely]]
            tell(&Instrument::task_scheduled, task);
    }
    void task_exited(const Runnable& task) noexcept {
        if (instrument_) [[unlikely]]
            tell(&Instrument::task_exited, task);
    }
    /// In debug mode: throws `WrongThread` if another thread runs this loop.
    void check_thread(const char* call) const {
        if (debug_) [[unlikely]]
            require_own_thread(call);
    }
    /// A handler of `run()`'s own, which is nothing that tasks wait for.
    void disregard_signal(int signal) noexcept { disregarded_signal_ = signal; }
    /// A task begins to wait for others.
    void join_began() noexcept {
        if (OutsideWaits::count.load(std::memory_order_relaxed) != 0) [[unlikely]]
            joins_began_ = true;
    }
    /// Why the loop takes nothing any more: closed, forked away, or what `closes_for()` said.
    LoopClosedReason closed_reason() const noexcept;
    /// Whoever hears that the loop has closed is told this reason. Before `close()`.
    void closes_for(LoopClosedReason reason) noexcept { close_reason_ = reason; }
    /// In a forked child, of a parent's loop: closes its descriptors and touches nothing else (sem:B47).
    void close_inherited() noexcept {
        if (lost() && backend_) backend_->leave_to_parent();
    }
    /// How long `close()` waits for tasks that were cancelled.
    void set_close_grace(Duration grace) noexcept { close_grace_ = grace; }
    /// Tells `caller` when the loop is not driven any more. On the loop's thread.
    void add_outside_caller(OutsideCaller& caller) noexcept { outside_callers_.push_back(caller); }
    void remove_outside_caller(OutsideCaller& caller) noexcept { outside_callers_.remove(caller); }
    /// Nobody drives it, and who waited for it was told. Any thread; after a post it is no earlier than that.
    bool left() const noexcept { return left_.load(std::memory_order_seq_cst); }
    /// From now on the end of a drive tells nobody, as `EventLoopOptions::keep_pending`. Gives what was.
    bool keep_pending(bool on) noexcept { return std::exchange(keep_pending_, on); }
    /// Somebody is about to drive it: it takes work again.
    void expect_drive() noexcept { left_.store(failed_, std::memory_order_relaxed); }
    /// The kernel ceased to serve its backend: it takes no more work from outside, and ends what it has.
    bool failed() const noexcept { return failed_; }
    /// Whoever waits from outside is told that nobody drives this loop any more. At the end of a drive.
    void leave_waiters(LoopClosedReason reason) noexcept;
    /// Turns until `done` says so. For `run_until_complete` and the draining of tasks.
    void drive(bool (*done)(void*), void* argument);
    /// The same on behalf of plain code of the loop's owner that waits for something of it: another thread
    /// that comes to run the loop is let in. Whether it is done; false once another thread runs it.
    bool drive_for_owner(bool (*done)(void*), void* argument);
    /// Run by this thread last, and by nobody now.
    bool idle_here() const noexcept;
    /// By any thread, now or once.
    bool ever_run() const noexcept { return owner_.load(std::memory_order_relaxed) != nullptr; }

private:
    template <class F, class... Args>
    static std::function<void()> repeatable(F&& fn, Args&&... args) {
        if constexpr (!std::is_function_v<std::remove_reference_t<F>> && requires { fn == nullptr; }) {
            if (fn == nullptr) throw_null_callable();
        }
        return [fn = std::decay_t<F>(std::forward<F>(fn)),
                bound = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)]() mutable {
            std::apply(fn, bound);
        };
    }

    EventLoop(ChosenBackend chosen, const EventLoopOptions& options, SourceLocation where);

    friend class ScheduledCall;
    friend class WakerCore;
    class Running;
    struct Watch;
    Handle schedule(LoopCallback callback);
    TimerHandle schedule_at(TimePoint when, LoopCallback callback);
    void post_threadsafe(LoopCallback callback);
    Waker add_waker(LoopCallback callback);
    void set_signal_handler(int signal, std::function<void()> fn);
    void turn(TimePoint limit);
    void poll(TimePoint limit);
    bool look_for_mail(TimePoint deadline) noexcept;
    void collect();
    TimePoint read_turn_time() noexcept;
    void collect_shuffled();
    void collect_signals();
    void run_batch();
    void run_entry(Runnable& entry);
    bool run_batch_on_portal();
    bool go_on_after_entry();
    bool lives() const noexcept;
    void leave_if_asked();
    void tell_failure();
    bool may_be_stuck() const noexcept;
    void wait_while_stuck() noexcept;
    void look_whether_stuck();
    void run_due_timers();
    void require_open(const char* what) const;
    void require_own_thread(const char* call) const;
    bool lost() const noexcept;
    void be_pollable();
    void tell(void (Instrument::*event)(const EntryInfo&), const Runnable& entry) noexcept;
    void tell_instrument(void (*event)(Instrument&, EventLoop&)) noexcept;
    void note_begin(const Runnable& entry) noexcept;
    void note_end(const Runnable& entry) noexcept;
    void note_wait_begin(TimePoint limit) noexcept;
    void note_wait_end() noexcept;
    void watch(int fd, OpCode code, std::function<void()> fn);
    bool unwatch(int fd, OpCode code);
    void drop_watches() noexcept;
    void drain();
    void let_go() noexcept;
    void leave_to_parent() noexcept;

    std::shared_ptr<LoopLife> life_ = std::make_shared<LoopLife>();
    ReadyQueue ready_;     // what runs in the next turn
    ReadyQueue arrivals_;  // completions of the poll under way: they run behind foreign posts
    ReadyQueue due_;       // timers of this turn: they run behind completions
    ReadyQueue batch_;     // what runs in this turn
    ReadyQueue* sink_ = &ready_;
    TimerHeap timers_;
    LoopTime* time_;
    VirtualTime simulated_time_;  // for a backend that turns time, which this loop may outlive
    bool backend_turns_time_ = false;
    TimePoint turn_time_{};  // of this turn if it was read, else of an earlier one
    bool turn_time_read_ = false;
    std::uint32_t busy_turns_ = 0;  // turns since the kernel was last asked
    bool stopping_ = false;
    bool closed_ = false;
    bool debug_ = false;
    bool watched_ = false;  // in debug mode or with an instrument: somebody wants to know
    bool keep_pending_ = false;
    bool closing_ = false;
    std::atomic<bool> left_ = false;
    bool backend_fails_ = false;  // and nobody was told yet
    bool failed_ = false;         // for good
    bool host_driven_ = false;    // a foreign loop waits for the pollable descriptor
    bool ran_ = false;
    bool looked_whether_stuck_ = false;  // since something ran
    bool quiescence_told_ = false;
    Quiescence quiescence_ = Quiescence::ignore;
    Duration quiescent_after_ = std::chrono::seconds(1);
    int disregarded_signal_ = 0;
    bool joins_began_ = false;  // in this turn, while others wait for tasks of loops
    std::uint32_t generation_;  // of the process that made it: its forks make others
    std::exception_ptr leaving_;
    std::atomic<const void*> runner_ = nullptr;  // names the thread that runs this loop
    std::atomic<const void*> owner_ = nullptr;   // the one that ran it last
    std::atomic<bool> lets_in_ = false;          // its runner leaves to whoever wants to run it,
    std::atomic<bool> wanted_ = false;           // and somebody does
    std::atomic<bool> signals_arrived_ = false;
    Mailbox mailbox_;
    AdaptiveSpin spin_;  // for mail
    std::string fallback_reason_;
    std::unique_ptr<Backend> backend_;
    OperationSlab operations_;
    Duration close_grace_;
    std::atomic<LoopClosedReason> close_reason_;
    Duration slow_callback_duration_ = std::chrono::milliseconds(100);
    Instrument* instrument_ = nullptr;
    TimePoint
        entry_began_{};  // by the real clock: a thread that is blocked is, whatever the loop's clock says
    LoopWait wait_{};
    TimePoint wait_began_{};
    std::unique_ptr<OrderShuffle> shuffle_;
    IntrusiveList<RegisteredWaker, &RegisteredWaker::waker_link> wakers_;
    IntrusiveList<OutsideCaller, &OutsideCaller::outside_link> outside_callers_;
    CloseRecord close_record_;
    SourceLocation made_at_;
    LoopPulse pulse_;
    std::function<void(EventLoop&, const ErrorContext&)> exception_handler_;
    std::function<void(EventLoop&, const std::string&)> quiescence_handler_;
    Watch* watches_ = nullptr;
    IntrusiveList<PlannedCall, &PlannedCall::planned_link> planned_calls_;
    std::unique_ptr<LoopTenant> tenant_;
    std::unique_ptr<LoopWorkers> workers_;
    std::unique_ptr<LoopFibers> fibers_;
    std::unique_ptr<LoopPortal> portal_;
};

/// Defined in bridge/portal.cpp.
std::unique_ptr<LoopPortal> make_portal(EventLoop& loop);

/// The loop that runs on this thread. Never makes one. Errors: `std::runtime_error` if there is none.
EventLoop& this_loop();
EventLoop* this_loop_or_null() noexcept;
/// The loop that this thread ran last, if nobody runs it; null if there is none or it is closed. One that
/// nobody has run yet may be meant for any thread.
EventLoop* idle_loop_of_this_thread() noexcept;

}  // namespace tandem::inline v1
