#pragma once

#include <tandem/base/time.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/queue_party.hpp>
#include <tandem/sync/wait_line.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace tandem::inline v1 {

/// Items between any mixture of tasks, of whatever loops, and plain threads: `Queue`, synchronised inside and
/// bound to no loop.
///
///     UniversalQueue<Job> jobs(100);
///     co_await jobs.put(job);               // in a task
///     Job next = jobs.get_blocking();       // in a plain thread
///     Job other = jobs.get().get();         // on a fiber or in a worker
///
/// One line for all who wait, first come, first served; items of one producer keep their order.
///
/// Errors      as `Queue`; the blocking calls throw `TimeoutError` past their limit and, where they would
///             have to wait on a loop's thread, `WouldDeadlock`. On a fiber they suspend it, in a worker they
///             are the wait of the task that awaits its job, the owner of an idle loop drives it meanwhile.
/// Cancelling  a getter cancelled in time gives its item back to where it was; a put that was accepted
///             stands. Ctrl-C ends a blocking call in an `InterruptScope`.
/// Threads     any, at once.
/// Lifetime    must outlive everybody who waits for it.
template <class T>
class UniversalQueue {
public:
    class Put;
    class Get;
    class Next;

    /// `maxsize` 0: unbounded.
    explicit UniversalQueue(std::size_t maxsize = 0) : maxsize_(maxsize) {}
    UniversalQueue(const UniversalQueue&) = delete;
    UniversalQueue& operator=(const UniversalQueue&) = delete;

    [[nodiscard("co_await it")]] Put put(T item) { return Put(*this, std::move(item)); }
    [[nodiscard("co_await it")]] Get get() { return Get(*this); }
    /// As `get()`, but nothing once the queue is shut down and empty.
    [[nodiscard("co_await it")]] Next next() { return Next(*this); }

    void put_blocking(T item, Deadline limit = {}, SourceLocation where = SourceLocation::current());
    T get_blocking(Deadline limit = {}, SourceLocation where = SourceLocation::current());
    /// As `get_blocking()`, but nothing once the queue is shut down and empty.
    std::optional<T> next_blocking(Deadline limit = {}, SourceLocation where = SourceLocation::current());

    bool try_put(T&& item) {
        const std::lock_guard lock(mutex_);
        return give(item);
    }
    bool try_put(const T& item) {
        T copy = item;
        return try_put(std::move(copy));
    }
    std::optional<T> try_get() {
        const std::lock_guard lock(mutex_);
        std::optional<Entry> entry;
        if (!take(entry)) return std::nullopt;
        return std::move(entry->item);
    }
    void put_nowait(T item) {
        if (!try_put(std::move(item))) throw_queue_full(maxsize_);
    }
    T get_nowait() {
        auto item = try_get();
        if (item) return std::move(*item);
        if (is_shut_down()) throw_queue_shut_down("get_nowait()");
        throw_queue_empty();
    }

    /// Nothing goes in any more; getters drain what is there, or `immediate` drops it.
    void shutdown(ShutDown how = ShutDown::draining);
    bool is_shut_down() const {
        const std::lock_guard lock(mutex_);
        return shut_down_ != ShutDown::none;
    }
    std::size_t qsize() const {
        const std::lock_guard lock(mutex_);
        return items_.size();
    }
    bool empty() const { return qsize() == 0; }
    bool full() const { return maxsize_ != 0 && qsize() >= maxsize_; }
    std::size_t maxsize() const noexcept { return maxsize_; }
    QueueStatistics statistics() const {
        const std::lock_guard lock(mutex_);
        return {items_.size(), maxsize_, getters_, putters_, 0};
    }

private:
    struct Entry {
        Entry(T&& i, std::uint64_t n) : item(std::move(i)), number(n) {}
        T item;
        std::uint64_t number;  // the order of acceptance, for those that come back
    };
    using Slot = std::optional<Entry>;
    using Line = IntrusiveList<QueueParty, &QueueParty::party_link>;
    template <class Derived>
    class GetAwait;

    // What the blocking calls let a task do.
    static Task<void> put_in_task(UniversalQueue& queue, Slot& slot) {
        co_await queue.put(std::move(slot->item));
    }
    static Task<void> take_in_task(UniversalQueue& queue, std::optional<T>& into) {
        std::optional<T> item = co_await queue.next();
        into = std::move(item);
    }

    // All with the mutex held.
    bool give(T& item);
    bool take(Slot& into);
    void put_back(Entry&& entry);
    QueueParty& call_front(Line& line, std::size_t& count) noexcept;
    void send_away(Line& line, std::size_t& count) noexcept;
    void join(Line& line, std::size_t& count, QueueParty& party, Slot& slot) noexcept {
        party.state = QueueParty::State::waiting;
        party.slot = &slot;
        line.push_back(party);
        ++count;
    }
    /// Between a task's look and its joining the line, others may have come by.
    void recheck_getters();
    void recheck_putters();
    /// Takes it out of the line if it still waits there.
    bool leave(Line& line, std::size_t& count, QueueParty& party) noexcept {
        if (party.state != QueueParty::State::waiting) return false;
        line.remove(party);
        --count;
        party.state = QueueParty::State::left;
        return true;
    }

    mutable std::mutex mutex_;
    const std::size_t maxsize_;
    std::deque<Entry> items_;
    std::uint64_t accepted_ = 0;
    ShutDown shut_down_ = ShutDown::none;
    Line getting_;  // not empty: no items
    Line putting_;  // not empty: full
    std::size_t getters_ = 0;
    std::size_t putters_ = 0;
};

// Implementation

template <class T>
QueueParty& UniversalQueue<T>::call_front(Line& line, std::size_t& count) noexcept {
    --count;
    QueueParty& party = *line.pop_front();
    party.state = QueueParty::State::served;
    return party;
}

template <class T>
bool UniversalQueue<T>::give(T& item) {
    if (shut_down_ != ShutDown::none) throw_queue_shut_down("put()");
    if (getting_.front()) {
        QueueParty& getter = call_front(getting_, getters_);
        static_cast<Slot*>(getter.slot)->emplace(std::move(item), ++accepted_);
        getter.wake();
        return true;
    }
    if (maxsize_ != 0 && items_.size() >= maxsize_) return false;
    items_.emplace_back(std::move(item), ++accepted_);
    return true;
}

template <class T>
bool UniversalQueue<T>::take(Slot& into) {
    if (items_.empty()) return false;
    into.emplace(std::move(items_.front()));
    items_.pop_front();
    while (putting_.front() && items_.size() < maxsize_) {
        QueueParty& putter = call_front(putting_, putters_);
        items_.emplace_back(std::move((*static_cast<Slot*>(putter.slot))->item), ++accepted_);
        putter.wake();
    }
    return true;
}

template <class T>
void UniversalQueue<T>::put_back(Entry&& entry) {
    if (getting_.front()) {
        QueueParty& getter = call_front(getting_, getters_);
        static_cast<Slot*>(getter.slot)->emplace(std::move(entry));
        getter.wake();
        return;
    }
    auto place = items_.begin();
    while (place != items_.end() && place->number < entry.number) ++place;
    items_.insert(place, std::move(entry));
}

template <class T>
void UniversalQueue<T>::send_away(Line& line, std::size_t& count) noexcept {
    while (line.front()) {
        QueueParty& party = call_front(line, count);
        party.state = QueueParty::State::sent_away;
        party.wake();
    }
}

template <class T>
void UniversalQueue<T>::recheck_getters() {
    while (getting_.front() && !items_.empty()) {
        QueueParty& getter = call_front(getting_, getters_);
        take(*static_cast<Slot*>(getter.slot));
        getter.wake();
    }
    if (shut_down_ != ShutDown::none) send_away(getting_, getters_);
}

template <class T>
void UniversalQueue<T>::recheck_putters() {
    if (shut_down_ != ShutDown::none) {
        send_away(putting_, putters_);
        return;
    }
    while (putting_.front() && (getting_.front() || items_.size() < maxsize_)) {
        QueueParty& putter = call_front(putting_, putters_);
        give((*static_cast<Slot*>(putter.slot))->item);
        putter.wake();
    }
}

template <class T>
void UniversalQueue<T>::shutdown(ShutDown how) {
    const std::lock_guard lock(mutex_);
    if (how > shut_down_) shut_down_ = how;
    if (shut_down_ == ShutDown::none) return;
    send_away(putting_, putters_);
    if (how == ShutDown::immediate) items_.clear();
    send_away(getting_, getters_);
}

template <class T>
void UniversalQueue<T>::put_blocking(T item, Deadline limit, SourceLocation where) {
    const TimePoint until = limit.resolve(party_time());
    Slot slot;
    ThreadParty party;
    bool in_task = false;
    {
        const std::lock_guard lock(mutex_);
        if (give(item)) return;
        slot.emplace(std::move(item), 0);
        in_task = QueueWaits::in_task();
        if (!in_task) {
            refuse_to_block_a_loop("put_blocking()", where);
            join(putting_, putters_, party, slot);
        }
    }
    if (in_task) return QueueWaits::wait(put_in_task(*this, slot), limit, where, "put_blocking()");
    if (!party.wait(until)) {
        const std::lock_guard lock(mutex_);
        if (leave(putting_, putters_, party)) throw_party_timeout("put_blocking()", where);
    }
    if (party.state == QueueParty::State::sent_away) throw_queue_shut_down("put_blocking()");
}

template <class T>
std::optional<T> UniversalQueue<T>::next_blocking(Deadline limit, SourceLocation where) {
    const TimePoint until = limit.resolve(party_time());
    Slot slot;
    ThreadParty party;
    bool waits = false;
    bool in_task = false;
    {
        const std::lock_guard lock(mutex_);
        waits = !take(slot) && shut_down_ == ShutDown::none;
        in_task = waits && QueueWaits::in_task();
        if (waits && !in_task) {
            refuse_to_block_a_loop("get_blocking()", where);
            join(getting_, getters_, party, slot);
        }
    }
    if (in_task) {
        std::optional<T> item;
        QueueWaits::wait(take_in_task(*this, item), limit, where, "get_blocking()");
        return item;
    }
    if (waits && !party.wait(until)) {
        const std::lock_guard lock(mutex_);
        if (leave(getting_, getters_, party)) throw_party_timeout("get_blocking()", where);
    }
    if (!slot) return std::nullopt;
    return std::move(slot->item);
}

template <class T>
T UniversalQueue<T>::get_blocking(Deadline limit, SourceLocation where) {
    auto item = next_blocking(limit, where);
    if (!item) throw_queue_shut_down("get_blocking()");
    return std::move(*item);
}

template <class T>
class UniversalQueue<T>::Put final : public Checkpoint<Put>, public BlockingForms<Put>, private TaskParty {
public:
    Put(UniversalQueue& queue, T&& item) : queue_(queue) { slot_.emplace(std::move(item), 0); }
    Put(Put&& other) noexcept : queue_(other.queue_), slot_(std::move(other.slot_)) {}

    bool try_now() {
        const std::lock_guard lock(queue_.mutex_);
        return queue_.give(slot_->item);
    }
    void start() noexcept {
        this->stand_for(this->task());
        const std::lock_guard lock(queue_.mutex_);
        queue_.join(queue_.putting_, queue_.putters_, *this, slot_);
        queue_.recheck_putters();
    }
    void result() {
        if (state == State::left) this->task().throw_cancelled();
        if (state == State::sent_away) throw_queue_shut_down("put()");
    }
    bool request_cancel() noexcept override {
        const std::lock_guard lock(queue_.mutex_);
        return queue_.leave(queue_.putting_, queue_.putters_, *this);
    }
    bool may_end_from_outside() const noexcept override { return true; }
    const char* waiting_for() const noexcept override { return "room in a universal queue"; }

private:
    UniversalQueue& queue_;
    Slot slot_;
};

template <class T>
template <class Derived>
class UniversalQueue<T>::GetAwait : public Checkpoint<Derived>,
                                    public BlockingForms<Derived>,
                                    private TaskParty {
public:
    explicit GetAwait(UniversalQueue& queue) : queue_(queue) {}
    GetAwait(GetAwait&& other) noexcept : queue_(other.queue_) {}

    bool try_now() {
        const std::lock_guard lock(queue_.mutex_);
        return queue_.take(slot_) || queue_.shut_down_ != ShutDown::none;
    }
    void start() noexcept {
        this->stand_for(this->task());
        const std::lock_guard lock(queue_.mutex_);
        queue_.join(queue_.getting_, queue_.getters_, *this, slot_);
        queue_.recheck_getters();
    }
    bool request_cancel() noexcept override {
        const std::lock_guard lock(queue_.mutex_);
        return queue_.leave(queue_.getting_, queue_.getters_, *this);
    }
    bool may_end_from_outside() const noexcept override { return true; }
    const char* waiting_for() const noexcept override { return "an item of a universal queue"; }

protected:
    Slot& settled_slot() {
        if (this->task().scope().cancelled()) [[unlikely]] {
            if (slot_) {
                const std::lock_guard lock(queue_.mutex_);
                queue_.put_back(std::move(*slot_));
            }
            this->task().throw_cancelled();
        }
        return slot_;
    }

private:
    UniversalQueue& queue_;
    Slot slot_;
};

template <class T>
class UniversalQueue<T>::Get final : public GetAwait<Get> {
public:
    using GetAwait<Get>::GetAwait;
    T result() {
        auto& taken = this->settled_slot();
        if (!taken) throw_queue_shut_down("get()");
        return std::move(taken->item);
    }
};

template <class T>
class UniversalQueue<T>::Next final : public GetAwait<Next> {
public:
    using GetAwait<Next>::GetAwait;
    std::optional<T> result() {
        auto& taken = this->settled_slot();
        if (!taken) return std::nullopt;
        return std::move(taken->item);
    }
};

}  // namespace tandem::inline v1
