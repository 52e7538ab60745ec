#pragma once

#include <tandem/base/prefetch.hpp>
#include <tandem/loop/runnable.hpp>

#include <atomic>
#include <cstdint>
#include <thread>

namespace tandem::inline v1 {

/// What other threads hand to a loop, in the order of their arrival. Lock-free: a poster never waits for
/// another.
///
/// Threads     `post` from any; the rest from the loop's own.
class Mailbox {
public:
    enum class Posted { asleep, awake, closed };

    /// Takes `item` unless the mailbox is closed. `asleep` tells the caller to wake the loop; only one poster
    /// per sleep is told so.
    Posted post(Runnable& item) noexcept {
        Runnable* head = head_.load(std::memory_order_relaxed);
        do {
            if (head == closed_mark()) return Posted::closed;
            item.next_ = head;
        } while (
            !head_.compare_exchange_weak(head, &item, std::memory_order_seq_cst, std::memory_order_relaxed));
        if (loop_.load(std::memory_order_seq_cst) == Loop::asleep) {
            wakers_.fetch_add(1, std::memory_order_seq_cst);
            auto state = Loop::asleep;
            if (loop_.compare_exchange_strong(state, Loop::awake)) return Posted::asleep;
            woken();
        }
        return Posted::awake;
    }
    /// To be called by a poster that was told `asleep`, once it has woken the loop: its last touch.
    void woken() noexcept { wakers_.fetch_sub(1, std::memory_order_release); }

    bool has_mail() const noexcept {
        Runnable* head = head_.load(std::memory_order_relaxed);
        return head != nullptr && head != closed_mark();
    }
    /// What has come was written on another core: has its lines of the cache fetched, all at once.
    void fetch() const noexcept {
        const Runnable* const head = head_.load(std::memory_order_relaxed);
        for (std::uintptr_t line = 0; line < 320; line += 64) prefetch(head, line);
    }
    /// Says that the loop is about to wait. False if there is mail already: then it must not.
    bool about_to_sleep() noexcept {
        loop_.store(Loop::asleep, std::memory_order_seq_cst);
        if (head_.load(std::memory_order_seq_cst) == nullptr) return true;
        awake();
        return false;
    }
    void awake() noexcept { loop_.store(Loop::awake, std::memory_order_relaxed); }
    /// After `close()`: no poster touches the loop's wake-up any more.
    void wait_for_wakers() noexcept {
        loop_.store(Loop::awake, std::memory_order_seq_cst);
        while (wakers_.load(std::memory_order_seq_cst) != 0) std::this_thread::yield();
    }

    void collect(ReadyQueue& into) noexcept {
        if (has_mail()) append_reversed(head_.exchange(nullptr, std::memory_order_acquire), into);
    }
    /// The same, and whoever posts later sees what this thread did before.
    void collect_all(ReadyQueue& into) noexcept {
        Runnable* head = head_.load(std::memory_order_seq_cst);
        while (head != closed_mark() &&
               !head_.compare_exchange_weak(head, nullptr, std::memory_order_seq_cst)) {
        }
        if (head != closed_mark()) append_reversed(head, into);
    }
    /// Refuses mail from now on; what had come is in `into`.
    void close(ReadyQueue& into) noexcept {
        Runnable* items = head_.exchange(closed_mark(), std::memory_order_acq_rel);
        if (items != closed_mark()) append_reversed(items, into);
    }
    bool closed() const noexcept { return head_.load(std::memory_order_acquire) == closed_mark(); }

private:
    enum class Loop : unsigned char { awake, asleep };

    Runnable* closed_mark() const noexcept {
        return reinterpret_cast<Runnable*>(const_cast<std::atomic<Loop>*>(&loop_));
    }
    // Posters push on a stack; arrival order is its reverse.
    static void append_reversed(Runnable* stack, ReadyQueue& into) noexcept {
        Runnable* ordered = nullptr;
        while (stack) {
            Runnable* next = stack->next_;
            stack->next_ = ordered;
            ordered = stack;
            stack = next;
        }
        while (ordered) {
            Runnable* next = ordered->next_;
            into.push(*ordered);
            ordered = next;
        }
    }

    std::atomic<Runnable*> head_ = nullptr;
    std::atomic<Loop> loop_ = Loop::awake;
    // Posters between that and the end of their wake-up. The loop waits for none of them but when it closes:
    // one that has lost its CPU to the very loop that it woke would be waited for as long as a time slice.
    std::atomic<std::uint32_t> wakers_ = 0;
};

}  // namespace tandem::inline v1
