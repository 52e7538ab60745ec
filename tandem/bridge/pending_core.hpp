#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/base/outcome.hpp>
#include <tandem/base/thread_gate.hpp>
#include <tandem/base/unique_function.hpp>
#include <tandem/bridge/submitted_task.hpp>
#include <tandem/bridge/wait_graph.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/wait.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

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

/// What every Pending's state has, whatever its type. For the library only.
class PendingCore : public SubmittedTask, public std::enable_shared_from_this<PendingCore> {
public:
    /// Is told of the end once, in the thread that brings it, and may not take long.
    class EndNotice {
    public:
        ListLink<EndNotice> notice_link;
        virtual void ended(bool on_loop) noexcept = 0;

    protected:
        ~EndNotice() = default;
    };

    PendingCore(const StartOn& where, SourceLocation born, SourceLocation spawned_at)
        : SubmittedTask(where.loop(), born, spawned_at),
          kept_loop_(where.kept_),
          life_(where.loop().life()) {}
    PendingCore(const PendingCore&) = delete;
    PendingCore& operator=(const PendingCore&) = delete;
    virtual ~PendingCore() = default;

    void submit() { SubmittedTask::submit(shared_from_this()); }
    void watch(TaskNode& task) { SubmittedTask::watch(task, shared_from_this()); }
    /// Whether it is done within `limit`; only the fiber waits (sem:T2).
    bool wait_on_this_stack(Deadline limit, const SourceLocation& where);
    /// This thread ran its loop last, and nobody runs it now.
    bool loop_idle_here();
    /// Of its loop; null if it is done, for then the loop may be gone.
    std::shared_ptr<LoopLife> life_while_pending() const { return done() ? nullptr : life_; }
    /// Asks the task to end, from any thread. False if it has ended.
    bool cancel(std::string reason, SourceLocation where);
    /// False if it has ended: then it is not told.
    bool add_notice(EndNotice& notice);
    /// False if it is being told.
    bool remove_notice(EndNotice& notice);
    /// Calls `fn` when done, in the thread that ends it, or here and now if it is done already.
    void when_done(UniqueFunction<void()> fn);
    /// The same for users: posted to the loop, or to `where_to`; in the context of this call. Its errors go
    /// to the exception handler.
    void on_done(UniqueFunction<void(PendingCore&)> fn, const StartOn* where_to);
    /// Tells the loop's exception handler, from any thread; stderr if the loop is gone.
    void report(const char* message, std::exception_ptr error) const noexcept;
    /// Somebody looked at the failure (sem:K30).
    void observe() noexcept { observed_.store(true, std::memory_order_relaxed); }
    const std::shared_ptr<LoopLife>& life() const noexcept { return life_; }

protected:
    /// The failure that nobody looked at, and nobody will: this is the last that holds it.
    void report_unless_observed(const std::exception_ptr& error) const noexcept;
    [[noreturn]] void throw_lost() const;
    [[noreturn]] void throw_taken() const;
    std::exception_ptr lost_error() const;

private:
    class Callback;
    void completed(bool on_loop) noexcept final;

    std::shared_ptr<EventLoop> kept_loop_;
    std::shared_ptr<LoopLife> life_;
    std::atomic<bool> observed_ = false;
    std::mutex mutex_;
    bool told_ = false;  // those on the list
    IntrusiveList<EndNotice, &EndNotice::notice_link> notices_;
};

/// Starts what was submitted, in the submitter's context; one reference to its node goes to the caller.
template <class T>
TaskNode& start_submitted(EventLoop& loop, std::optional<Task<T>>& work, Context& context,
                          TaskOptions options, const SourceLocation& spawned_at) {
    options.context = &context;
    Task<T> task = std::move(*work);
    work.reset();
    auto handle = loop.create_task(std::move(task), options, spawned_at);
    handle.node().add_reference();
    return handle.node();
}

template <class T>
class PendingState final : public PendingCore {
public:
    /// Of a task to be submitted.
    PendingState(const StartOn& where, Task<T> task, SourceLocation spawned_at)
        : PendingCore(where, task.born(), spawned_at), task_(std::move(task)), context_(Context::current()) {}
    /// Of one that runs.
    PendingState(const StartOn& where, SourceLocation born, SourceLocation spawned_at)
        : PendingCore(where, born, spawned_at) {}
    ~PendingState() {
        if (outcome_ && outcome_->has_error() && failure())
            report_unless_observed(outcome_->error().exception());
    }

    /// Precondition: done. A failure is then looked at, and its stacks known to `describe_with_stacks()`.
    Outcome<T>& look(const SourceLocation& where) {
        require_there();
        if (!outcome_->has_value()) {
            observe();
            note_waited_for(outcome_->exception(), failure(), where);
        }
        return *outcome_;
    }
    /// The same for whoever takes the failure as a value.
    Outcome<T>& look_quietly() {
        require_there();
        observe();
        return *outcome_;
    }
    /// The value, moved out: whoever asks for it later gets `InvalidStateError`.
    T take(const SourceLocation& where) {
        Outcome<T>& outcome = look(where);
        if constexpr (std::is_object_v<T>) {
            if (outcome.has_value() && taken_.exchange(true)) throw_taken();
        }
        return std::move(outcome).value();
    }
    /// A lost one has `LoopClosed`.
    Outcome<T> copy_outcome() {
        if (lost()) return Outcome<T>(Error(lost_error()));
        return look_quietly();
    }
    bool cancelled() const { return !lost() && outcome_->cancelled(); }
    std::exception_ptr exception() {
        if (lost()) return lost_error();
        observe();
        return outcome_->exception();
    }
    /// Before `submit()`: `context()` is what the task ended in, for `ContextFlow::back`.
    void keep_context() { keeps_context_ = true; }
    Context& context() { return context_; }

private:
    void require_there() const {
        if (lost()) throw_lost();
        if (taken_.load(std::memory_order_relaxed)) throw_taken();
    }
    TaskNode& start_task(const TaskOptions& options) override {
        return start_submitted(loop(), task_, context_, options, spawned_at());
    }
    void drop_work() noexcept override { task_.reset(); }
    void take_from(TaskNode& task, bool shared) override {
        if (keeps_context_) context_ = task.context();
        task.add_reference();
        TaskHandle<T> handle(task);
        outcome_.emplace(shared ? handle.share_outcome() : handle.take_outcome());
        if (shared) observe();  // whoever holds a handle may look too
    }
    void set_failure(std::exception_ptr error) noexcept override {
        outcome_.emplace(Error(std::move(error)));
    }

    std::optional<Task<T>> task_;
    Context context_;  // the submitter's, a copy
    bool keeps_context_ = false;
    std::atomic<bool> taken_ = false;
    std::optional<Outcome<T>> outcome_;
};

/// Calls `fn`, which throws nothing, at the end of a Pending, for as long as it lives; in the thread that
/// brings the end.
template <class F>
class EndWatch final : public PendingCore::EndNotice {
public:
    EndWatch(PendingCore& core, F fn) : core_(core), fn_(std::move(fn)), added_(core.add_notice(*this)) {}
    ~EndWatch() {
        if (added_ && !core_.remove_notice(*this)) told_.wait();
    }
    EndWatch(const EndWatch&) = delete;
    EndWatch& operator=(const EndWatch&) = delete;

    /// False if it had ended before.
    bool added() const noexcept { return added_; }

private:
    void ended(bool) noexcept override {
        fn_();
        told_.open();
    }

    PendingCore& core_;
    F fn_;
    ThreadGate told_;
    const bool added_;
};

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

protected:
    SourceLocation awaited_at() const { return task().frame()->at(); }

private:
    class Relay;
    void leave_graph() noexcept {
        if (const auto noted = std::exchange(noted_, nullptr)) noted->over();
    }
    std::shared_ptr<PendingCore> core_;
    std::shared_ptr<Relay> relay_;
    std::shared_ptr<TaskWait> noted_;
    std::exception_ptr refused_;
    bool cancelled_ = false;
};

}  // namespace tandem::inline v1
