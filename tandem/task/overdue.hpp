#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/loop/timer_heap.hpp>
#include <tandem/task/scope_node.hpp>

namespace tandem::inline v1 {

class EventLoop;
class TaskDomain;

/// The requests to end that have not been answered yet. A task that is still there 5 s after one is told to
/// the loop's exception handler, once: who asked, where it stands, and what keeps it (sem:C32, C52).
///
/// Threads     its loop's.
class OverdueRequests final : private Timer {
public:
    static constexpr Duration patience = std::chrono::seconds(5);

    explicit OverdueRequests(EventLoop& loop) : loop_(&loop) {}
    ~OverdueRequests() = default;
    /// `scope` was asked just now.
    static void note(CancelRequest& request, ScopeNode& scope) noexcept;
    /// It has been left, or told. Does nothing for one that is not counted.
    static void forget(CancelRequest& request) noexcept;
    /// Counts no more: the loop closes.
    void stop() noexcept;

private:
    void due() noexcept override;
    void arm() noexcept;

    EventLoop* loop_;
    bool stopped_ = false;
    IntrusiveList<CancelRequest, &CancelRequest::link> waiting_;  // the oldest first
};

}  // namespace tandem::inline v1
