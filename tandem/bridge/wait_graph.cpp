#include <tandem/bridge/wait_graph.hpp>

#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/wait_graph_internal.hpp>
#include <tandem/bridge/worker_job.hpp>
#include <tandem/task/wait.hpp>

#include <pthread.h>

#include <atomic>
#include <mutex>
#include <utility>

namespace tandem::inline v1 {
namespace {

// Never destroyed, and free in a forked child whoever held it.
std::mutex& graph_mutex() {
    static std::mutex& instance = []() -> std::mutex& {
        static auto& made = *new std::mutex;
        pthread_atfork([] { made.lock(); }, [] { made.unlock(); }, [] { made.unlock(); });
        return made;
    }();
    return instance;
}

std::uint64_t next_wait_id() {
    static std::atomic<std::uint64_t> last = 0;
    return ++last;
}

// At the end of a turn in which tasks of this loop began to wait for others.
void look_at_loop(EventLoop& loop) {
    std::vector<std::shared_ptr<OutsideWait>> roots;
    try {
        const GraphLock lock;
        const auto& waits = loop.life()->outside;
        for (OutsideLink* link = waits.front(); link; link = waits.next_of(*link))
            roots.push_back(static_cast<OutsideWait*>(link)->shared_from_this());
    } catch (const std::bad_alloc&) {
        return;
    }
    if (!roots.empty()) GraphSearch::start(std::move(roots));
}

}  // namespace

GraphLock::GraphLock() { graph_mutex().lock(); }
GraphLock::~GraphLock() { graph_mutex().unlock(); }

OutsideWait::OutsideWait(const BlockingWait& wait)
    : id(next_wait_id()), call(wait), since(real_time().now()) {}

void OutsideWait::enter(std::shared_ptr<LoopLife> target, EventLoop& loop) {
    OutsideWaits::joins_began.store(look_at_loop, std::memory_order_release);
    const GraphLock lock;
    target_life_ = std::move(target);
    target_loop_ = &loop;
    target_life_->outside.push_back(*this);
    OutsideWaits::count.fetch_add(1, std::memory_order_release);
}

void OutsideWait::leave() noexcept {
    const GraphLock lock;
    if (!link.linked) return;
    target_life_->outside.remove(*this);
    OutsideWaits::count.fetch_sub(1, std::memory_order_relaxed);
}

ThreadWait::ThreadWait(const BlockingWait& wait, std::shared_ptr<PendingCore> core)
    : OutsideWait(wait), core_(std::move(core)), at_exit_(*core_) {
    thread = worker_name();
}

TaskNode* ThreadWait::target() const { return core_->task(); }

bool ThreadWait::refuse(const std::exception_ptr& error) noexcept {
    refusal = error;
    gate.open();
    return true;
}

TaskWait::TaskWait(Wait& wait, EventLoop& own, const BlockingWait& what, std::shared_ptr<PendingCore> core)
    : OutsideWait(what), wait_(&wait), own_life_(own.life()), core_(std::move(core)), at_exit_(*core_) {}

std::shared_ptr<OutsideWait> TaskWait::outside_wait() const {
    return std::const_pointer_cast<OutsideWait>(shared_from_this());
}

void TaskWait::over() noexcept {
    wait_ = nullptr;
    leave();
}

TaskNode* TaskWait::target() const { return core_->task(); }

bool TaskWait::refuse(const std::exception_ptr& error) noexcept {
    struct Refusal final : Runnable {
        Refusal(std::shared_ptr<OutsideWait> k, TaskWait& w, std::exception_ptr e)
            : keep(std::move(k)), wait(w), error(std::move(e)) {}
        void run() override {
            const std::unique_ptr<Refusal> self(this);
            if (Wait* const refused = std::exchange(wait.wait_, nullptr)) refused->refuse(error);
        }
        void discard() noexcept override { delete this; }
        std::shared_ptr<OutsideWait> keep;
        TaskWait& wait;
        std::exception_ptr error;
    };
    try {
        auto refusal = std::make_unique<Refusal>(shared_from_this(), *this, error);
        const std::lock_guard lock(own_life_->mutex);
        if (!own_life_->loop || !own_life_->loop->try_post_threadsafe(*refusal)) return false;
        static_cast<void>(refusal.release());
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

std::shared_ptr<TaskWait> note_task_wait(Wait& wait, TaskNode& task, const char* verb,
                                         const std::shared_ptr<PendingCore>& core) noexcept {
    try {
        auto life = core->life_while_pending();
        if (!life) return nullptr;
        auto noted = std::make_shared<TaskWait>(wait, task.loop(),
                                                BlockingWait{verb, task.frame()->at(), core->born()}, core);
        noted->enter(std::move(life), core->loop());
        task.loop().join_began();
        return noted;
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

WaitOfJob::WaitOfJob(WorkerJob& job, std::shared_ptr<OutsideWait> wait) : job_(job) {
    const GraphLock lock;
    outer_ = std::exchange(job_.wait_of_thread, std::move(wait));
}

WaitOfJob::~WaitOfJob() {
    const GraphLock lock;
    job_.wait_of_thread.swap(outer_);
}

DriveWait::DriveWait(const BlockingWait& wait, TaskNode* main, PendingCore* core)
    : OutsideWait(wait), main_(main), core_(core) {
    thread = worker_name();
}

TaskNode* DriveWait::target() const { return core_ ? core_->task() : main_; }

void DriveWait::over() noexcept {
    leave();
    main_ = nullptr;
    core_ = nullptr;
}

DrivingThread::DrivingThread(EventLoop& loop, TaskNode& main) {
    if (!current_worker_job()) return;
    enter(std::make_shared<DriveWait>(BlockingWait{"run()", main.spawned_at()}, &main, nullptr), loop);
}

DrivingThread::DrivingThread(PendingCore& core) {
    if (!current_worker_job()) return;
    enter(std::make_shared<DriveWait>(BlockingWait{"get()", core.born()}, nullptr, &core), core.loop());
}

void DrivingThread::enter(std::shared_ptr<DriveWait> wait, EventLoop& loop) {
    wait_ = std::move(wait);
    waits_.emplace(*current_worker_job(), wait_);
    wait_->enter(loop.life(), loop);
}

DrivingThread::~DrivingThread() {
    if (wait_) wait_->over();
}

void look_for_cycle(std::shared_ptr<OutsideWait> wait) noexcept {
    try {
        GraphSearch::start({std::move(wait)});
    } catch (const std::bad_alloc&) {  // it goes unnoticed
    }
}

}  // namespace tandem::inline v1
