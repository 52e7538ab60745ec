#pragma once

#include <tandem/base/fork.hpp>
#include <tandem/base/intrusive_list.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace tandem::inline v1 {

class EventLoop;

/// A wait of a thread or of another loop's task for a task of this loop, as the room of the bridge keeps it.
/// For the library only.
struct OutsideLink {
    ListLink<OutsideLink> link;
};

/// Whether a loop is still there, for what may outlive it: a socket in a value that is dropped after `run()`.
struct LoopLife {
    /// In a forked child the loop is gone, and who held the lock may be gone with it: nothing is locked
    /// there.
    class Lock {
    public:
        explicit Lock(LoopLife& life) : life_(life) {}
        void lock() {
            if (made_in_ == fork_generation())
                mutex_.lock();
            else
                life_.loop = nullptr;
        }
        void unlock() {
            if (made_in_ == fork_generation()) mutex_.unlock();
        }

    private:
        LoopLife& life_;
        std::mutex mutex_;
        const std::uint32_t made_in_ = fork_generation();
    };
    Lock mutex{*this};
    EventLoop* loop = nullptr;                               ///< null once the loop has closed
    IntrusiveList<OutsideLink, &OutsideLink::link> outside;  ///< who waits; the bridge's, under its lock
    std::atomic<int> kept_alive = 0;                         ///< living `KeepAlive`s
};

/// Says that somebody, a thread say, will wake the loop in a way that it does not see: as long as one lives
/// the loop is never thought to be stuck (sem:B36).
///
/// Threads     any; may outlive the loop.
class KeepAlive {
public:
    explicit KeepAlive(std::shared_ptr<LoopLife> life) : life_(std::move(life)) { ++life_->kept_alive; }
    KeepAlive(const KeepAlive& other) : KeepAlive(other.life_) {}
    KeepAlive& operator=(const KeepAlive& other) {
        KeepAlive copy(other);
        life_.swap(copy.life_);
        return *this;
    }
    ~KeepAlive() { --life_->kept_alive; }

private:
    std::shared_ptr<LoopLife> life_;
};

/// How many waits there are from threads, or from one loop, for tasks of another, and who is told when a task
/// of a loop begins to wait for others while there are any: only then may waits of tasks close a cycle that
/// leads over threads.
struct OutsideWaits {
    static inline constinit std::atomic<int> count = 0;
    static inline constinit std::atomic<void (*)(EventLoop&)> joins_began = nullptr;
};

}  // namespace tandem::inline v1
