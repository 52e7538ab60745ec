#pragma once

#include <utility>

namespace tandem::inline v1 {

/// Something that waits for its turn on a loop: a task with a step to take, or a callback. Linked into at
/// most one queue at a time, so that making ready never allocates and never fails.
class Runnable {
public:
    /// Lets nothing out but the forced unwinding of a thread that ends (`pthread_exit`).
    virtual void run() = 0;
    /// The loop closed before its turn came: let go of everything, run nothing.
    virtual void discard() noexcept = 0;

protected:
    Runnable() = default;
    Runnable(const Runnable&) = delete;
    Runnable& operator=(const Runnable&) = delete;
    ~Runnable() = default;

private:
    friend class ReadyQueue;
    friend class Mailbox;
    Runnable* next_ = nullptr;
};

/// First in, first out.
class ReadyQueue {
public:
    bool empty() const { return first_ == nullptr; }
    void push(Runnable& item) {
        item.next_ = nullptr;
        (last_ ? last_->next_ : first_) = &item;
        last_ = &item;
    }
    /// Precondition: not empty.
    Runnable& pop() {
        Runnable& item = *first_;
        first_ = item.next_;
        if (!first_) last_ = nullptr;
        return item;
    }
    /// Moves all of `other` behind our own.
    void append(ReadyQueue& other) {
        if (other.empty()) return;
        (last_ ? last_->next_ : first_) = other.first_;
        last_ = std::exchange(other.last_, nullptr);
        other.first_ = nullptr;
    }

private:
    friend class Mailbox;
    Runnable* first_ = nullptr;
    Runnable* last_ = nullptr;
};

}  // namespace tandem::inline v1
