#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/task/wait.hpp>

namespace tandem::inline v1::io {

/// Tasks that wait until something inside a stream changes. It remembers nothing: waiters look at the
/// condition themselves, before and after.
///
///     while (buffer.empty()) co_await changed.wait("data");
///
/// Cancelling  leaves the line.
/// Threads     the loop's.
/// Lifetime    outlives its waiters.
class WaitList {
public:
    class Waiter;

    WaitList() = default;
    WaitList(const WaitList&) = delete;
    WaitList& operator=(const WaitList&) = delete;

    /// `what` is a noun for the await tree.
    [[nodiscard("co_await it")]] Waiter wait(const char* what);
    /// Wakes the one that has waited longest. False if there is none.
    inline bool notify_one() noexcept;
    inline void notify_all() noexcept;
    inline bool empty() const noexcept;

    class Waiter final : public Checkpoint<Waiter> {
    public:
        Waiter(WaitList& list, const char* what) : list_(&list), what_(what) {}
        bool try_now() const { return false; }
        void start() noexcept { list_->waiters_.push_back(*this); }
        void result() {
            if (cancelled_) task().throw_cancelled();
        }
        bool request_cancel() noexcept override {
            cancelled_ = true;
            list_->waiters_.remove(*this);
            return true;
        }
        const char* waiting_for() const noexcept override { return what_; }

    private:
        friend class WaitList;
        void wake() noexcept { task().wake(); }

        WaitList* list_;
        const char* what_;
        bool cancelled_ = false;
        ListLink<Waiter> link_;

    public:
        using List = IntrusiveList<Waiter, &Waiter::link_>;
    };

private:
    Waiter::List waiters_;
};

// Implementation

inline WaitList::Waiter WaitList::wait(const char* what) { return Waiter(*this, what); }

inline bool WaitList::notify_one() noexcept {
    Waiter* const waiter = waiters_.pop_front();
    if (waiter) waiter->wake();
    return waiter != nullptr;
}

inline void WaitList::notify_all() noexcept {
    while (notify_one()) {
    }
}

inline bool WaitList::empty() const noexcept { return waiters_.empty(); }

}  // namespace tandem::inline v1::io
