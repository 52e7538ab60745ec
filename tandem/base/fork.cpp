#include <tandem/base/fork.hpp>

#include <pthread.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace tandem::inline v1 {

constinit std::atomic<std::uint32_t> forks_seen = 0;

namespace {

constexpr std::size_t ranks = 3;
constexpr std::size_t most_of_a_rank = 8;

// Slots are filled and never emptied; a fork takes what is there.
constinit std::array<std::array<std::atomic<std::mutex*>, most_of_a_rank>, ranks> locks{};
// Between a fork's two handlers no lock is added: it would be released without having been taken.
constinit std::mutex filling;

void before_fork() {
    filling.lock();
    for (auto& rank : locks) {
        for (auto& slot : rank) {
            if (std::mutex* const mutex = slot.load(std::memory_order_acquire)) mutex->lock();
        }
    }
}

void after_fork() {
    for (auto rank = locks.rbegin(); rank != locks.rend(); ++rank) {
        for (auto slot = rank->rbegin(); slot != rank->rend(); ++slot) {
            if (std::mutex* const mutex = slot->load(std::memory_order_relaxed)) mutex->unlock();
        }
    }
    filling.unlock();
}

void in_child() {
    forks_seen.fetch_add(1, std::memory_order_relaxed);
    after_fork();
}

}  // namespace

void watch_forks() {
    [[maybe_unused]] static const int registered = ::pthread_atfork(before_fork, after_fork, in_child);
}

void free_in_children(std::mutex& mutex, LockRank rank) {
    watch_forks();
    const std::lock_guard lock(filling);
    for (auto& slot : locks[static_cast<std::size_t>(rank)]) {
        if (slot.load(std::memory_order_relaxed)) continue;
        slot.store(&mutex, std::memory_order_release);
        return;
    }
    std::fputs("tandem: no room to keep one more lock free across fork()\n", stderr);
    std::abort();
}

}  // namespace tandem::inline v1
