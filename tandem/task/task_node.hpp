#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/base/source_location.hpp>
#include <tandem/base/time.hpp>
#include <tandem/base/unique_function.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/runnable.hpp>
#include <tandem/task/overdue.hpp>
#include <tandem/task/promise.hpp>
#include <tandem/task/scope_node.hpp>
#include <tandem/task/task_glance.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

class DoneCall;
class TaskDomain;
class Wait;

/// Told once when a task has ended, on its loop, in order of registration.
class CompletionHook {
public:
    ListLink<CompletionHook> hook_link;
    virtual void task_done(TaskNode& task) noexcept = 0;
    /// Its loop has closed without the task having ended: it never will. The hook is off its list.
    virtual void task_abandoned() noexcept {}
    /// The task that waits by this hook; null if it is no task.
    virtual const TaskNode* waiter() const noexcept { return nullptr; }
    /// The task's frame is gone too, and all that it owned. For whom `tell_when_gone()` named.
    virtual void task_gone() noexcept {}

protected:
    ~CompletionHook() = default;
};

/// A frame that an error went through.
struct ThrownThrough {
    SourceLocation function;
    SourceLocation at;
};

/// How a task is started. Views and flags: fit for `co_await` expressions (sem:Z21).
struct TaskOptions {
    std::string_view name = {};  ///< default `Task-<n>`
    /// What it gets a copy of; its creator's if null.
    const Context* context = nullptr;
    /// Its first step runs at once, on the creator's stack: a task that never suspends costs no scheduling.
    bool eager_start = false;
    /// A library's own, like a connection pool's keeper: it ends with its loop and is not reported as left
    /// behind.
    bool housekeeping = false;
};

/// A running task: a chain of frames with one identity, one scope, one loop. 96 bytes, from the loop's pool.
class TaskNode final : public Runnable, public ScopeNode {
public:
    enum class Status : std::uint8_t { ready, running, waiting, finishing, finished };

    /// Makes a running task of a frame that was never started. Its first step is posted. The caller gets one
    /// reference, the loop has another until the task has ended. `root` is null as soon as the frame is the
    /// task's, whatever is thrown after that.
    static TaskNode& spawn(TaskDomain& domain, ScopeNode& parent, PromiseBase*& root,
                           const TaskOptions& options, SourceLocation where);

    std::uint64_t id() const { return std::uint64_t{id_high_} << 32 | id_low_; }
    std::string name() const;
    void set_name(std::string_view name);
    Status status() const { return status_; }
    bool done() const { return status_ == Status::finished; }
    EventLoop& loop() const;
    TaskDomain& domain() const;
    const SourceLocation& spawned_at() const { return spawned_at_; }
    std::uint32_t resumes() const { return resumes_; }
    /// The innermost scope of the code it runs.
    ScopeNode& scope() const { return *scope_; }
    void set_scope(ScopeNode& scope) { scope_ = &scope; }
    /// The frame that stands deepest: what it awaits is `frame()->at()`. Inside a step, the one that runs.
    PromiseBase* frame() const { return frame_; }
    /// What it waits for; null unless it is suspended.
    Wait* waiting() const { return status_ == Status::waiting ? frame_->wait() : nullptr; }

    // For awaiters.
    void go_on_with(PromiseBase& frame) { frame_ = &frame; }
    void finish_with(PromiseBase& root) {
        frame_ = &root;
        status_ = Status::finishing;
    }
    void suspend(Wait& wait) {
        frame_->set_wait(wait);
        status_ = Status::waiting;
    }
    /// Takes `suspend()` back, in the step that called it.
    void unsuspend() {
        status_ = Status::running;
        cancel_asked_ = false;
    }
    /// Posts the next step of a suspended task.
    void wake() noexcept;
    /// Becomes a child of another group; no join of the one it leaves waits for it any more.
    void move_to(GroupScope& group);
    /// Calls `request_cancel` of what it waits for, once per wait.
    void ask_to_end() noexcept;
    bool cancel_asked() const { return cancel_asked_; }
    /// Throws `Cancelled` for the innermost scope.
    [[noreturn]] void throw_cancelled();
    bool threw_in_this_step() const { return threw_in_step_; }

    // For handles, groups, and whoever reads the result.
    void add_reference() { ++references_; }
    std::uint32_t references() const { return references_; }
    void release();
    void add_hook(CompletionHook& hook);
    /// Whether a task waits for this one's end.
    bool joined_by_task() const;
    /// In `task_done()` of `hook`: it wants to be told when the frame is gone. False if another one is.
    bool tell_when_gone(CompletionHook& hook) {
        if (extra_->last_hook) return false;
        extra_->last_hook = &hook;
        return true;
    }
    /// After it `add_hook()` does not throw. Errors: `std::bad_alloc`.
    void prepare_hooks() { extra(); }
    void remove_hook(CompletionHook& hook) {
        if (extra_) extra_->hooks.remove(hook);
    }
    /// Cancels the task's own scope. False if it has ended; asking then is a look at how it ended (sem:K30).
    bool cancel(SharedReason reason);
    const SharedReason& own_reason() const { return extra_ ? extra_->request.reason : no_reason; }
    CancelRequest& own_request() { return extra().request; }
    /// A library's own: see `TaskOptions`.
    bool housekeeping() const { return extra_ && extra_->housekeeping; }
    /// How often `Cancelled` was thrown in it.
    std::uint32_t times_cancelled() const {
        return (extra_ ? extra_->times_cancelled : 0) + (threw_in_step_ ? 1 : 0);
    }
    /// True once: whoever tells that it does not end tells it alone.
    bool tell_overdue() { return !std::exchange(extra().told_overdue, true); }
    /// An exception has gone past the join of a group that has failed: the `Cancelled` for `why` becomes
    /// `error` where it leaves its frame (sem:G43).
    void leave_error(SharedReason why, std::exception_ptr error);
    /// The same from any thread, as long as the caller's handle lives: elsewhere than on its loop a post, and
    /// true unless the loop has closed.
    bool cancel_from_anywhere(SharedReason reason);
    /// Posts `fn(task)` when the task ends, or at once if it has. Gives the number to take it back by.
    std::uint64_t add_callback(UniqueFunction<void(TaskNode&)> fn);
    /// Whether it was still waiting.
    bool remove_callback(std::uint64_t id) noexcept;
    /// An error has left the body of `frame`: notes the way it came, once.
    void note_throw(const PromiseBase& frame) noexcept;
    /// Where the task's error was thrown, and through which awaits it left: the deepest first.
    std::vector<ThrownThrough> thrown_at() const {
        return extra_ ? extra_->thrown_at : std::vector<ThrownThrough>();
    }
    /// Precondition: done. What holds the result: the root frame's promise, or what is left of it.
    PromiseBase& root() const { return *frame_; }
    PromiseBase::Result result() const { return root().result(); }
    /// Somebody looked at the failure: it is no longer "never retrieved" (sem:K30).
    void observe() { observed_ = true; }
    /// The value was moved out of the frame.
    bool taken() const { return taken_; }
    void mark_taken() { taken_ = true; }
    /// What its code runs in next, or ended in.
    Context context() const;

private:
    struct Extra {
        IntrusiveList<CompletionHook, &CompletionHook::hook_link> hooks;
        CompletionHook* last_hook = nullptr;  // while the task ends
        CancelRequest request;
        std::string name;
        SharedReason left_for;              // the Cancelled that stands for left_error
        std::exception_ptr left_error;      // of a group that nobody will join
        std::uint32_t times_cancelled = 0;  // in earlier steps
        bool told_overdue = false;
        Context context;  // while no step runs
        bool housekeeping = false;
        std::vector<DoneCall*> calls;
        std::vector<ThrownThrough> thrown_at;
        const void* thrown = nullptr;              // the error they are of
        const PromiseBase* thrown_into = nullptr;  // the frame that it comes to next
    };

    friend class TaskDomain;
    friend class DoneCall;
    friend class ForeignCancel;
    friend void glance_at_task(const void*, CarefulRead, TaskGlance&) noexcept;
    struct Glance;
    TaskNode(std::uint64_t id, PromiseBase& root, SourceLocation where);
    ~TaskNode() = default;
    void run() override;
    void step();
    void run_eagerly();
    void end_with_thread() noexcept;
    void discard() noexcept override {}
    EntryKind kind() const noexcept override { return EntryKind::task; }
    EntryInfo entry_info() const override;
    /// First steps keep the order of creation.
    const void* chain() const noexcept override { return resumes_ == 0 ? &domain() : nullptr; }
    void finish() noexcept;
    void report_unretrieved() noexcept;
    void destroy() noexcept;
    void abandon() noexcept;
    Extra& extra();
    friend class ScopeNode;
    friend class PromiseBase;
    void child_detached() noexcept;
    void report_left_error() noexcept;
    void count_swallowed() noexcept;
    static const SharedReason no_reason;

    // In ScopeNode's tail padding: order matters, see the size check.
    Status status_ : 3 = Status::ready;
    bool cancel_asked_ : 1 = false;
    bool threw_in_step_ : 1 = false;
    bool observed_ : 1 = false;
    bool counted_ : 1 = false;
    bool taken_ : 1 = false;
    std::uint16_t id_high_ = 0;
    std::uint32_t id_low_ = 0;
    std::uint32_t references_ = 2;
    std::uint32_t resumes_ = 0;
    PromiseBase* frame_;  // the deepest; once it has ended, the root
    ScopeNode* scope_ = this;
    SourceLocation spawned_at_;
    std::unique_ptr<Extra> extra_;
};

extern constinit thread_local TaskNode* running_task_node;

/// The task that runs on this thread, also inside frames it awaits; null in plain callbacks and plain
/// threads.
inline TaskNode* current_task_node() noexcept { return running_task_node; }

/// What a loop's async generators leave behind.
class LeftGenerators {
public:
    virtual ~LeftGenerators() = default;
    /// Starts a task that closes one or more of those left suspended. False if there is none any more.
    virtual bool close_all() = 0;
};

/// A loop's tasks: the root of its scope tree and the pool they come from. Lives until the last handle is
/// gone.
class TaskDomain final {
public:
    /// The domain of a loop, made at its first task.
    static TaskDomain& of(EventLoop& loop);

    EventLoop& loop() const { return *loop_; }
    EventLoop* loop_or_null() const { return loop_; }
    /// Names the loop, also when it is gone; for any thread.
    const void* loop_identity() const { return identity_; }
    LoopLife& life() const { return *life_; }
    ScopeNode& root() { return root_; }
    OverdueRequests& overdue() { return overdue_; }
    Duration cleanup_grace() const { return cleanup_grace_; }
    void set_cleanup_grace(Duration grace) { cleanup_grace_ = grace; }
    /// Tasks that have not ended, as seen from any thread.
    std::size_t live() const noexcept { return live_.load(std::memory_order_relaxed); }
    std::uint64_t spawned() const { return spawned_; }
    LeftGenerators* generators() const { return generators_.get(); }
    void set_generators(std::unique_ptr<LeftGenerators> generators) { generators_ = std::move(generators); }
    /// Called when no task lives any more and the loop is to end: whether closing generators made new ones.
    bool close_generators() { return generators_ && generators_->close_all(); }
    /// Of these, the ones whose first step was posted: not started eagerly.
    std::uint64_t scheduled() const { return scheduled_; }
    /// Every task from now on starts eagerly: asyncio's `eager_task_factory`.
    void set_eager(bool on) { eager_ = on; }

private:
    friend class TaskNode;
    friend class ForeignCancel;
    class Tenant;
    struct Root : ScopeNode {
        Root() : ScopeNode(Kind::root) {}
    };
    struct Block {
        Block* next;
    };
    // Stands at the start of each slab, so that a node finds its domain without keeping it.
    struct Slab {
        TaskDomain* domain;
        Slab* next_chunk;  // of a chunk's first slab
    };
    // Eager starts nest on the native stack; deeper ones are posted.
    static constexpr std::uint32_t most_eager_depth = 64;
    static constexpr std::size_t slab_bytes = std::size_t{64} * 1024;
    explicit TaskDomain(EventLoop& loop)
        : loop_(&loop), identity_(&loop), life_(loop.life()), overdue_(loop) {}
    void pin(TaskNode& task);
    void unpin(TaskNode& task) noexcept;
    bool pinned(const TaskNode& task) noexcept;
    ~TaskDomain();
    void* take_block();
    void open_slab();
    void give_block(void* block) noexcept;
    // Written on the loop's thread alone.
    void count_live(int change) noexcept {
        live_.store(live() + static_cast<std::size_t>(change), std::memory_order_relaxed);
    }
    std::uint64_t next_id();
    void loop_gone() noexcept;

    EventLoop* loop_;  // null once the loop is closed
    const void* const identity_;
    const std::shared_ptr<LoopLife> life_;
    std::atomic<std::size_t> pins_ = 0;
    std::mutex pins_mutex_;
    std::vector<TaskNode*> pinned_;  // cancelled from other threads, whose posts have not come in
    Root root_;
    OverdueRequests overdue_;
    Duration cleanup_grace_ = std::chrono::seconds(5);
    std::atomic<std::size_t> live_ = 0;
    std::size_t blocks_ = 0;  // nodes that exist: live ones, and ended ones that handles hold
    std::uint64_t spawned_ = 0;
    std::uint64_t scheduled_ = 0;
    std::uint32_t eager_depth_ = 0;
    bool eager_ = false;
    std::uint64_t id_ = 0;
    std::uint64_t id_end_ = 0;
    Block* free_ = nullptr;
    Slab* chunks_ = nullptr;
    char* fresh_ = nullptr;  // what no node has used yet: of this slab, and the slabs behind it
    char* fresh_end_ = nullptr;
    char* chunk_end_ = nullptr;
    std::size_t slabs_ = 0;
    std::unique_ptr<LeftGenerators> generators_;
};

inline TaskDomain& TaskNode::domain() const {
    const auto address = reinterpret_cast<std::uintptr_t>(this) & ~(TaskDomain::slab_bytes - 1);
    return *reinterpret_cast<TaskDomain::Slab*>(address)->domain;
}
inline EventLoop& TaskNode::loop() const { return domain().loop(); }

inline void PromiseBase::finish() noexcept {
    if (is_root_)
        above_.task->finish_with(*this);
    else
        current_task_node()->go_on_with(*above_.awaiter);
}

}  // namespace tandem::inline v1
