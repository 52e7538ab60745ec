#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/bridge/worker_job.hpp>
#include <tandem/bridge/worker_pool.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/sync/slot_line.hpp>
#include <tandem/task/wait.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

namespace tandem::inline v1 {

/// What a loop has to do with threads: its pool, its limit, its jobs.
class Workers final : public LoopWorkers {
public:
    /// As many jobs at once as Trio allows.
    static constexpr std::size_t default_slots = 40;

    static Workers& of(EventLoop& loop);
    explicit Workers(EventLoop& loop) : loop_(loop) {}
    ~Workers() override;

    bool busy() const noexcept override { return active_ > 0; }
    void finish(EventLoop& loop, Duration limit) noexcept override;

    /// Errors: `LoopClosed` after `shutdown_workers()`.
    void require_open() const;
    void close() noexcept { closed_ = true; }
    bool idle() const { return calls_ == 0 && jobs_.empty(); }
    const std::shared_ptr<SlotLine>& slots() const { return slots_; }
    WorkerPool& pool();
    void set_pool(WorkerPool pool);
    /// Joins the loop's own threads; those with a job are left to themselves.
    void end_pool();
    /// The jobs under way that have a place of that line.
    std::vector<std::shared_ptr<WorkerJob>> holders_of(const SlotLine& slots) const;
    void warn_of_running(EventLoop& loop, const char* who) const;

    void add(WorkerJob& job) {
        jobs_.push_back(job);
        job_goes_on();
    }
    void remove(WorkerJob& job) noexcept {
        jobs_.remove(job);
        job_waits();
        wake_waiters();
    }
    /// A job's thread waits for the loop, or no longer does.
    void job_waits() noexcept {
        --active_;
        loop_.backend().expect_wakes(-1);
    }
    void job_goes_on() noexcept {
        ++active_;
        loop_.backend().expect_wakes(1);
    }

    /// Counts an await, from its call to its end.
    class Call {
    public:
        explicit Call(Workers& workers) : workers_(workers) { ++workers_.calls_; }
        ~Call() {
            --workers_.calls_;
            workers_.wake_waiters();
        }
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;

    private:
        Workers& workers_;
    };

    /// The await of the end of all jobs.
    class IdleWait final : public Checkpoint<IdleWait> {
    public:
        explicit IdleWait(Workers& workers) : workers_(workers) {}
        bool try_now() const { return workers_.idle(); }
        void start() noexcept { workers_.waiters_.push_back(*this); }
        void result() {
            if (cancelled_) task().throw_cancelled();
        }
        bool request_cancel() noexcept override {
            cancelled_ = true;
            workers_.waiters_.remove(*this);
            return true;
        }
        const char* waiting_for() const noexcept override { return "the end of all thread jobs"; }

    private:
        friend class Workers;
        ListLink<IdleWait> link_;
        Workers& workers_;
        bool cancelled_ = false;
    };

private:
    void wake_waiters() noexcept;

    EventLoop& loop_;
    std::shared_ptr<SlotLine> slots_ = std::make_shared<SlotLine>(default_slots);
    std::optional<WorkerPool> pool_;
    bool own_pool_ = false;
    bool closed_ = false;
    std::size_t calls_ = 0;   // awaits under way, those that wait for a slot too
    std::size_t active_ = 0;  // jobs whose thread does not wait for the loop
    IntrusiveList<WorkerJob, &WorkerJob::job_link> jobs_;
    IntrusiveList<IdleWait, &IdleWait::link_> waiters_;
};

}  // namespace tandem::inline v1
