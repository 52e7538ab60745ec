#include <tandem/loop/pulse.hpp>

#include <tandem/base/fork.hpp>

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>
#include <mutex>

namespace tandem::inline v1 {
namespace {

struct ThreadNumber {
    int number = 0;
    std::uint32_t generation = 0;
};
constinit thread_local ThreadNumber own_number;

int thread_number() noexcept {
    if (own_number.number == 0 || own_number.generation != fork_generation())
        own_number = {static_cast<int>(::gettid()), fork_generation()};
    return own_number.number;
}

// Whether from now on every thread that has looked at nothing since sees what we have stored, and we what it
// had. The loops pay for no fence so.
bool fence_all_threads() noexcept {
    static const bool registered =
        ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    return registered && ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

}  // namespace

// Never destroyed: loops of static storage come and go late.
struct LoopPulse::Registry {
    Registry() { free_in_children(mutex, LockRank::inner); }
    static Registry& here() {
        static Registry& instance = *new Registry;
        return instance;
    }
    std::mutex mutex;
    IntrusiveList<LoopPulse, &LoopPulse::link_> loops;
    std::uint64_t made = 0;
};

// Before anybody holds a lock under which a loop is made: a fork takes the registry's after others.
[[maybe_unused]] const bool LoopPulse::registered = (Registry::here(), true);

LoopPulse::LoopPulse(SourceLocation made_at)
    : number_([] {
          const std::lock_guard lock(Registry::here().mutex);
          return Registry::here().made++;
      }()),
      made_at_(made_at),
      generation_(fork_generation()) {
    const std::lock_guard lock(Registry::here().mutex);
    Registry::here().loops.push_back(*this);
}

LoopPulse::~LoopPulse() {
    const std::lock_guard lock(Registry::here().mutex);
    Registry::here().loops.remove(*this);
}

void LoopPulse::driven_here() noexcept {
    thread_.store(thread_number(), std::memory_order_relaxed);
    const auto place = task_place_here.load(std::memory_order_relaxed);
    task_place_.store(place ? place() : nullptr, std::memory_order_relaxed);
}

std::vector<LoopPulse::Beat> LoopPulse::of_all() {
    std::vector<Beat> beats;
    const auto& loops = Registry::here().loops;
    const std::lock_guard lock(Registry::here().mutex);
    for (const LoopPulse* pulse = loops.front(); pulse; pulse = loops.next_of(*pulse)) {
        if (pulse->generation_ != fork_generation()) continue;
        beats.push_back({pulse->number_, pulse->made_at_, pulse->turns(),
                         pulse->entry_.load(std::memory_order_relaxed),
                         pulse->thread_.load(std::memory_order_relaxed),
                         pulse->task_place_.load(std::memory_order_relaxed)});
    }
    return beats;
}

void LoopPulse::sleep_until_a_batch(bool (*idle)(void*), void* argument) {
    watchers_asleep.store(1);
    const bool all_know = fence_all_threads();
    if (!idle(argument)) return;
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    ::syscall(SYS_futex, &watchers_asleep, FUTEX_WAIT_PRIVATE, 1, all_know ? nullptr : &second, nullptr, 0);
}

void LoopPulse::wake_watchers() noexcept {
    watchers_asleep.store(0);
    ::syscall(SYS_futex, &watchers_asleep, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace tandem::inline v1
