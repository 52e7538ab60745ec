#pragma once

#include <tandem/base/source_location.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace tandem::inline v1 {

enum class LoopClosedReason : std::uint8_t;
enum class EntryKind : std::uint8_t { task, callback, timer, post, watch, waker, other };

/// What an entry of the ready queue says of itself, to instruments and in reports.
struct EntryInfo {
    EntryKind kind = EntryKind::other;
    std::uint64_t id = 0;  ///< a task's
    std::string name;      ///< a task's; the type of another callable
    SourceLocation made_at;
    SourceLocation at;  ///< where a task stands
    std::string text;   ///< all of it for the reader: `<Task Task-1 pending, ... spawned at main.cpp:7>`
};

/// Something that waits for its turn on a loop: a task with a step to take, or a callback. Linked into at
/// most one queue at a time, so that making ready never allocates and never fails.
class Runnable {
public:
    /// Lets nothing out but the forced unwinding of a thread that ends (`pthread_exit`).
    virtual void run() = 0;
    /// The loop closed before its turn came: let go of everything, run nothing.
    virtual void discard() noexcept = 0;
    /// The loop is not driven any more, and this is in its queue, where it stays.
    virtual void left_behind(LoopClosedReason) noexcept {}
    virtual EntryKind kind() const noexcept { return EntryKind::other; }
    virtual EntryInfo entry_info() const { return {.name = {}, .made_at = {}, .at = {}, .text = "<entry>"}; }
    /// Entries of one chain keep their order also where a seed shuffles what nobody promises (sem:L10). Null:
    /// none.
    virtual const void* chain() const noexcept { return nullptr; }

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
    std::size_t count() const {
        std::size_t entries = 0;
        for (const Runnable* item = first_; item; item = item->next_) ++entries;
        return entries;
    }
    template <class F>
    void for_each(F fn) const {
        for (Runnable *item = first_, *next = nullptr; item; item = next) {
            next = item->next_;
            fn(*item);
        }
    }
    /// Null if empty.
    Runnable* last() const { return last_; }
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
