#include <tandem/bridge/exit_wait.hpp>

#include <tandem/base/fork.hpp>
#include <tandem/bridge/submitted_task.hpp>

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <utility>

namespace tandem::inline v1 {
namespace {

struct Waits {
    Waits() {
        free_in_children(mutex, LockRank::inner);
        // The waits of other threads are the parent's, and those of this one know it.
        ::pthread_atfork(nullptr, nullptr, [] { all().list = {}; });
    }
    static Waits& all() {
        static auto& instance = *new Waits;  // never destroyed: used while static destructors run
        return instance;
    }
    bool concern(const SubmittedTask& work) const {
        return std::find(stuck.begin(), stuck.end(), &work.loop()) != stuck.end();
    }

    std::mutex mutex;
    IntrusiveList<ExitWait, &ExitWait::exit_link> list;
    std::vector<const EventLoop*> stuck;  // once the process exits
};

}  // namespace

ExitWait::ExitWait(SubmittedTask& work) noexcept : work_(work), made_in_(fork_generation()) {
    Waits& waits = Waits::all();
    {
        const std::lock_guard lock(waits.mutex);
        if (waits.stuck.empty() || !waits.concern(work)) {
            waits.list.push_back(*this);
            return;
        }
    }
    work.left_at_exit();
}

ExitWait::~ExitWait() {
    if (made_in_ != fork_generation()) return;
    Waits& waits = Waits::all();
    {
        const std::lock_guard lock(waits.mutex);
        waits.list.remove(*this);
        if (!being_told_) return;
    }
    told_.wait();
}

void end_waits_at_exit(std::vector<const EventLoop*> stuck) noexcept {
    Waits& waits = Waits::all();
    std::unique_lock lock(waits.mutex);
    waits.stuck = std::move(stuck);
    for (ExitWait* wait = waits.list.front(); wait;) {
        if (!waits.concern(wait->work_)) {
            wait = waits.list.next_of(*wait);
            continue;
        }
        waits.list.remove(*wait);
        wait->being_told_ = true;
        // Done callbacks run here, and may wait themselves.
        lock.unlock();
        wait->work_.left_at_exit();
        wait->told_.open();
        lock.lock();
        wait = waits.list.front();
    }
}

}  // namespace tandem::inline v1
