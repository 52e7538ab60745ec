#pragma once

#include <tandem/loop/runnable.hpp>

#include <atomic>

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
        if (sleeping_.load(std::memory_order_seq_cst) && sleeping_.exchange(false)) return Posted::asleep;
        return Posted::awake;
    }

    bool has_mail() const noexcept {
        Runnable* head = head_.load(std::memory_order_relaxed);
        return head != nullptr && head != closed_mark();
    }
    /// Says that the loop is about to wait. False if there is mail already: then it must not.
    bool about_to_sleep() noexcept {
        sleeping_.store(true, std::memory_order_seq_cst);
        if (head_.load(std::memory_order_seq_cst) == nullptr) return true;
        sleeping_.store(false, std::memory_order_relaxed);
        return false;
    }
    void awake() noexcept { sleeping_.store(false, std::memory_order_relaxed); }

    void collect(ReadyQueue& into) noexcept {
        if (has_mail()) append_reversed(head_.exchange(nullptr, std::memory_order_acquire), into);
    }
    /// Refuses mail from now on; what had come is in `into`.
    void close(ReadyQueue& into) noexcept {
        Runnable* items = head_.exchange(closed_mark(), std::memory_order_acq_rel);
        if (items != closed_mark()) append_reversed(items, into);
    }
    bool closed() const noexcept { return head_.load(std::memory_order_acquire) == closed_mark(); }

private:
    Runnable* closed_mark() const noexcept {
        return reinterpret_cast<Runnable*>(const_cast<std::atomic<bool>*>(&sleeping_));
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
    std::atomic<bool> sleeping_ = false;
};

}  // namespace tandem::inline v1
