#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/sync/errors.hpp>
#include <tandem/sync/item_exchange.hpp>
#include <tandem/sync/item_store.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

namespace tandem::inline v1 {

enum class ShutDown : std::uint8_t { none, draining, immediate };

struct QueueStatistics {
    std::size_t size;
    std::size_t maxsize;  ///< 0: unbounded
    std::size_t getters_waiting;
    std::size_t putters_waiting;
    std::size_t unfinished;
};

[[noreturn]] void throw_queue_empty();
[[noreturn]] void throw_queue_full(std::size_t maxsize);
[[noreturn]] void throw_queue_shut_down(const char* call);
[[noreturn]] void throw_too_many_done(const SourceLocation& where);

/// Items from tasks to tasks: what `Queue`, `PriorityQueue` and `LifoQueue` share. asyncio's Queue.
///
///     Queue<Job> jobs(100);
///     co_await jobs.put(std::move(job));                  // waits while it is full
///     while (auto next = co_await jobs.next()) ...        // until it is shut down and empty
///     Job one = co_await jobs.get();                      // or one by one
///
/// First come, first served, on both sides; items may be move-only.
///
/// Errors      `QueueEmpty`, `QueueFull` of the `_nowait` calls; `QueueShutDown` after `shutdown()`; on
///             another loop: `WrongLoop`.
/// Cancelling  a getter cancelled in time gives its item back to the front; a put that was accepted stands.
/// Threads     the loop of its first wait, until that closes.
/// Lifetime    must outlive the tasks that wait for it.
template <class T, class Store>
class BasicQueue {
    using Exchange = ItemExchange<T, Store>;

public:
    class Put;
    class Get;
    class Next;
    class Join;

    [[nodiscard("co_await it")]] Put put(T item) { return Put(*this, std::move(item)); }
    [[nodiscard("co_await it")]] Get get() { return Get(*this); }
    /// As `get()`, but nothing once the queue is shut down and empty.
    [[nodiscard("co_await it")]] Next next() { return Next(*this); }

    /// Moves `item` in unless the queue is full.
    bool try_put(T&& item, SourceLocation where = SourceLocation::current()) {
        items_.check_here(where);
        require_open("try_put()");
        return items_.give(item);
    }
    bool try_put(const T& item, SourceLocation where = SourceLocation::current()) {
        T copy = item;
        return try_put(std::move(copy), where);
    }
    std::optional<T> try_get(SourceLocation where = SourceLocation::current()) {
        items_.check_here(where);
        std::optional<T> item;
        items_.take(item);
        return item;
    }
    void put_nowait(T item, SourceLocation where = SourceLocation::current()) {
        if (!try_put(std::move(item), where)) throw_queue_full(maxsize());
    }
    T get_nowait(SourceLocation where = SourceLocation::current()) {
        auto item = try_get(where);
        if (item) return std::move(*item);
        if (shut_down_ != ShutDown::none) throw_queue_shut_down("get_nowait()");
        throw_queue_empty();
    }

    /// Items that can be had now.
    std::size_t qsize() const noexcept { return items_.size(); }
    bool empty() const noexcept { return items_.size() == 0; }
    /// A put would wait: items that are on their way to a getter take room until it runs.
    bool full() const noexcept { return !items_.has_room(); }
    /// 0: unbounded.
    std::size_t maxsize() const noexcept { return items_.room() == Exchange::unlimited ? 0 : items_.room(); }

    /// An item that was got has been dealt with.
    void task_done(SourceLocation where = SourceLocation::current()) {
        items_.check_here(where);
        if (finished_ == items_.given()) throw_too_many_done(where);
        ++finished_;
        check_joiners();
    }
    /// Waits until `task_done()` was called for every item put.
    [[nodiscard("co_await it")]] Join join() { return Join(*this); }

    /// Nothing goes in any more; getters drain what is there. `immediate` drops it instead, and counts it as
    /// done. May be called again, to become immediate.
    void shutdown(ShutDown how = ShutDown::draining, SourceLocation where = SourceLocation::current()) {
        items_.check_here(where);
        if (how > shut_down_) shut_down_ = how;
        if (shut_down_ == ShutDown::none) return;
        items_.send_givers_away();
        if (how == ShutDown::immediate) finished_ += items_.clear();
        items_.send_takers_away();
        check_joiners();
    }
    bool is_shut_down() const noexcept { return shut_down_ != ShutDown::none; }
    QueueStatistics statistics() const noexcept {
        return {qsize(), maxsize(), items_.takers(), items_.givers(), items_.given() - finished_};
    }

protected:
    template <class... Args>
    explicit BasicQueue(const char* kind, std::size_t maxsize, Args&&... args)
        : items_(kind, maxsize == 0 ? Exchange::unlimited : maxsize, std::forward<Args>(args)...),
          joiners_(items_) {}
    ~BasicQueue() = default;

private:
    void require_open(const char* call) const {
        if (shut_down_ != ShutDown::none) throw_queue_shut_down(call);
    }
    void check_joiners() noexcept {
        if (finished_ < items_.given()) return;
        while (joiners_.front()) joiners_.serve_front();
    }

    Exchange items_;
    std::size_t finished_ = 0;
    ShutDown shut_down_ = ShutDown::none;
    WaitLine joiners_;
};

/// First in, first out.
template <class T>
class Queue final : public BasicQueue<T, Ring<T>> {
public:
    explicit Queue(std::size_t maxsize = 0) : BasicQueue<T, Ring<T>>("Queue", maxsize) {}
};

/// Smallest first, and among equals in the order in which they were put.
template <class T, class Less = std::less<T>>
class PriorityQueue final : public BasicQueue<T, StableHeap<T, Less>> {
public:
    explicit PriorityQueue(std::size_t maxsize = 0, Less less = Less())
        : BasicQueue<T, StableHeap<T, Less>>("PriorityQueue", maxsize, std::move(less)) {}
};

/// Last in, first out.
template <class T>
class LifoQueue final : public BasicQueue<T, Stack<T>> {
public:
    explicit LifoQueue(std::size_t maxsize = 0) : BasicQueue<T, Stack<T>>("LifoQueue", maxsize) {}
};

// Implementation

template <class T, class Store>
class BasicQueue<T, Store>::Put final : public LineAwait<Put, typename Exchange::Giver> {
    using Base = LineAwait<Put, typename Exchange::Giver>;

public:
    Put(BasicQueue& queue, T&& item) : Base(queue.items_, std::move(item)), queue_(queue) {}

    bool try_now() {
        queue_.require_open("put()");
        return this->give_now();
    }
    void result() {
        if (!this->settled()) throw_queue_shut_down("put()");
    }
    const char* waiting_for() const noexcept override { return "room in a queue"; }

private:
    BasicQueue& queue_;
};

template <class T, class Store>
class BasicQueue<T, Store>::Next final : public LineAwait<Next, typename Exchange::Taker> {
    using Base = LineAwait<Next, typename Exchange::Taker>;

public:
    explicit Next(BasicQueue& queue) : Base(queue.items_), queue_(queue) {}

    bool try_now() { return this->take_now() || queue_.is_shut_down(); }
    std::optional<T> result() { return std::move(this->settled_item()); }
    const char* waiting_for() const noexcept override { return "an item of a queue"; }

private:
    BasicQueue& queue_;
};

template <class T, class Store>
class BasicQueue<T, Store>::Get final : public LineAwait<Get, typename Exchange::Taker> {
    using Base = LineAwait<Get, typename Exchange::Taker>;

public:
    explicit Get(BasicQueue& queue) : Base(queue.items_), queue_(queue) {}

    bool try_now() { return this->take_now() || queue_.is_shut_down(); }
    T result() {
        auto& item = this->settled_item();
        if (!item) throw_queue_shut_down("get()");
        return std::move(*item);
    }
    const char* waiting_for() const noexcept override { return "an item of a queue"; }

private:
    BasicQueue& queue_;
};

template <class T, class Store>
class BasicQueue<T, Store>::Join final : public LineAwait<Join> {
public:
    explicit Join(BasicQueue& queue) : LineAwait<Join>(queue.joiners_), queue_(queue) {}

    bool try_now() {
        queue_.items_.enter(this->loop(), this->where());
        return queue_.finished_ == queue_.items_.given();
    }
    void result() {
        this->settle_or([] {});
    }
    const char* waiting_for() const noexcept override { return "the items of a queue to be done"; }

private:
    BasicQueue& queue_;
};

}  // namespace tandem::inline v1
