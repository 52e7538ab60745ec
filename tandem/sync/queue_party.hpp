#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/base/source_location.hpp>
#include <tandem/base/thread_gate.hpp>
#include <tandem/base/time.hpp>
#include <tandem/loop/runnable.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_node.hpp>

#include <cstdint>

namespace tandem::inline v1 {

/// Somebody who stands in line at a `UniversalQueue`: a task of some loop, or a thread.
class QueueParty {
public:
    enum class State : std::uint8_t { idle, waiting, served, sent_away, left };
    ListLink<QueueParty> party_link;
    State state = State::idle;  // guarded by the queue's mutex while it waits
    void* slot = nullptr;       // where its item goes, or comes from

    /// Called once, with the queue's mutex held; afterwards the party may be gone.
    virtual void wake() noexcept = 0;

protected:
    QueueParty() = default;
    QueueParty(const QueueParty&) = delete;
    QueueParty& operator=(const QueueParty&) = delete;
    ~QueueParty() = default;
};

/// A thread in line: it sleeps.
class ThreadParty final : public QueueParty {
public:
    void wake() noexcept override { gate_.open(); }
    /// Whether it was woken within `limit`.
    bool wait(TimePoint until);

private:
    ThreadGate gate_;
};

/// A task in line: its loop gets a post, unless it is the one that runs here.
class TaskParty : public QueueParty, private Runnable {
public:
    void stand_for(TaskNode& task) noexcept { task_ = &task; }
    void wake() noexcept final;

protected:
    ~TaskParty() = default;

private:
    void run() override { task_->wake(); }
    void discard() noexcept override {}
    TaskNode* task_ = nullptr;
};

/// How a blocking call of a queue waits where it is a task that can do so: a fiber's, the one that awaits a
/// worker's job, one on the idle loop of this thread, one that Ctrl-C cancels. The room of the bridge says
/// so; until then every thread is a plain one.
struct QueueWaits {
    using Possible = bool (*)() noexcept;
    using Wait = void (*)(Task<void>&& task, Deadline limit, const SourceLocation& where);
    static void tell(Possible possible, Wait wait) noexcept;
    /// Here and now.
    static bool in_task() noexcept;
    static void wait(Task<void> task, Deadline limit, const SourceLocation& where, const char* call);
};

[[noreturn]] void throw_party_timeout(const char* call, const SourceLocation& where);
/// Throws `WouldDeadlock` on a loop's thread.
void refuse_to_block_a_loop(const char* call, const SourceLocation& where);
TimePoint party_time();

}  // namespace tandem::inline v1
