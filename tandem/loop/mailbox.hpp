#pragma once

#include <tandem/loop/runnable.hpp>

#include <atomic>
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
        auto state = Loop::asleep;
        if (loop_.load(std::memory_order_seq_cst) == Loop::asleep &&
            loop_.compare_exchange_strong(state, Loop::being_woken))
            return Posted::asleep;
        return Posted::awake;
    }
    /// To be called by a poster that was told `asleep`, once it has woken the loop: its last touch.
    void woken() noexcept { loop_.store(Loop::awake, std::memory_order_release); }

    bool has_mail() const noexcept {
        Runnable* head = head_.load(std::memory_order_relaxed);
        return head != nullptr && head != closed_mark();
    }
    /// Says that the loop is about to wait. False if there is mail already: then it must not.
    bool about_to_sleep() noexcept {
        // A poster may still be at waking us from the sleep before.
        auto state = Loop::awake;
        if (!loop_.compare_exchange_strong(state, Loop::asleep)) return false;
        if (head_.load(std::memory_order_seq_cst) == nullptr) return true;
        awake();
        return false;
    }
    bool asleep() const noexcept { return loop_.load(std::memory_order_relaxed) == Loop::asleep; }
    void awake() noexcept {
        auto state = Loop::asleep;
        loop_.compare_exchange_strong(state, Loop::awake, std::memory_order_acquire,
                                      std::memory_order_relaxed);
    }
    /// After `close()`: no poster touches the loop's wake-up any more.
    void wait_for_wakers() const noexcept {
        while (loop_.load(std::memory_order_acquire) == Loop::being_woken) std::this_thread::yield();
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
    // `being_woken`: a poster has seen it asleep and is between that and the end of its wake-up.
    enum class Loop : unsigned char { awake, asleep, being_woken };

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
};

}  // namespace tandem::inline v1
