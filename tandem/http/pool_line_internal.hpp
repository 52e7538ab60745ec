#pragma once

#include <tandem/http/pool_internal.hpp>

namespace tandem::inline v1::http {

/// The await of a connection: a place in the line of its origin.
class SlotWaiter final : public Checkpoint<SlotWaiter> {
public:
    SlotWaiter(Pool& pool, Origin& origin, Pool::Freshness freshness, CallTimer& timer)
        : pool_(pool), origin_(origin), timer_(timer), fresh_only_(freshness == Pool::Freshness::fresh) {}
    SlotWaiter(const SlotWaiter&) = delete;
    SlotWaiter& operator=(const SlotWaiter&) = delete;

    bool try_now() const { return false; }
    void start() noexcept { pool_.enqueue(*this); }
    Connection* result() {
        if (cancelled_) task().throw_cancelled();
        if (error_) std::rethrow_exception(error_);
        return connection_;
    }
    bool request_cancel() noexcept override {
        cancelled_ = true;
        pool_.leave_line(*this);
        return true;
    }
    const char* waiting_for() const noexcept override { return "a connection of the pool"; }

    /// After a cancel: the connecting that was given up, to be joined.
    [[nodiscard]] const TaskHandle<void>& given_up() const { return given_up_; }

private:
    friend class Pool;
    friend struct Origin;

    Pool& pool_;
    Origin& origin_;
    CallTimer& timer_;
    const bool fresh_only_;
    bool cancelled_ = false;
    std::uint64_t sequence_ = 0;
    Connecting* own_ = nullptr;  // what is being opened on its behalf
    Connection* connection_ = nullptr;
    std::exception_ptr error_;
    TaskHandle<void> given_up_;
    ListLink<SlotWaiter> in_origin_;
    ListLink<SlotWaiter> in_blocked_;

public:
    using OriginLine = IntrusiveList<SlotWaiter, &SlotWaiter::in_origin_>;
    using BlockedLine = IntrusiveList<SlotWaiter, &SlotWaiter::in_blocked_>;
};

struct Origin::Waiters {
    SlotWaiter::OriginLine line;
};

/// A connection that a task of the pool is opening.
struct Connecting {
    Origin* origin = nullptr;
    SlotWaiter* beneficiary = nullptr;  // who is told if it fails
    TaskHandle<void> task;
    ListLink<Connecting> link;
};

struct Pool::Lines {
    SlotWaiter::BlockedLine blocked;  // waiters for whom no connection is being opened, oldest first
    IntrusiveList<Connecting, &Connecting::link> connecting;
};

/// What an idle connection's reading task and the connection know of each other.
struct IdleWatch {
    Connection* connection = nullptr;  // null once it is gone
    TaskHandle<void> task;
    bool broken = false;  // something came, or the end
};

}  // namespace tandem::inline v1::http
