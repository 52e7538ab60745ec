#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/sync/errors.hpp>
#include <tandem/sync/item_exchange.hpp>
#include <tandem/sync/item_store.hpp>

#include <cstddef>
#include <optional>
#include <utility>

namespace tandem::inline v1 {

struct ChannelStatistics {
    std::size_t buffered;
    std::size_t capacity;
    std::size_t open_senders;
    std::size_t open_receivers;
    std::size_t senders_waiting;
    std::size_t receivers_waiting;
};

[[noreturn]] void throw_channel_closed(bool own_end);

/// What the ends of a channel share; gone with the last of them.
template <class T>
class ChannelState final : public ItemExchange<T, Ring<T>> {
public:
    explicit ChannelState(std::size_t capacity) : ItemExchange<T, Ring<T>>("Channel", capacity) {}

    ChannelStatistics statistics() const noexcept {
        return {this->size(), this->room(), open_senders_, open_receivers_, this->givers(), this->takers()};
    }
    bool has_senders() const noexcept { return open_senders_ > 0; }
    bool has_receivers() const noexcept { return open_receivers_ > 0; }

    void hold() noexcept { ++ends_; }
    void let_go() noexcept {
        if (--ends_ == 0) delete this;
    }
    void add_sender() noexcept { ++open_senders_; }
    void add_receiver() noexcept { ++open_receivers_; }
    void drop_sender() noexcept {
        if (--open_senders_ == 0) this->send_takers_away();
    }
    void drop_receiver() noexcept {
        if (--open_receivers_ > 0) return;
        this->send_givers_away();
        this->clear();
    }

private:
    ~ChannelState() = default;
    std::size_t ends_ = 0;
    std::size_t open_senders_ = 0;
    std::size_t open_receivers_ = 0;
};

/// The end of a channel that items go in at. A copy is one more end; when the last one is closed or gone,
/// receivers get what is left and then nothing.
///
/// Errors      `ChannelClosed` if no receiver is left, or for an end that was closed itself.
/// Cancelling  `send()` is a checkpoint; what was accepted stays sent.
/// Threads     the loop of the channel's first wait, until that closes.
/// Lifetime    an end must outlive its own waits.
template <class T>
class Sender {
public:
    class Send;

    explicit Sender(ChannelState<T>& state) noexcept : state_(&state), open_(true) {
        state.hold();
        state.add_sender();
    }
    Sender(const Sender& other) noexcept : state_(other.state_), open_(other.open_) {
        if (state_) state_->hold();
        if (open_) state_->add_sender();
    }
    Sender(Sender&& other) noexcept
        : state_(std::exchange(other.state_, nullptr)), open_(std::exchange(other.open_, false)) {}
    Sender& operator=(Sender other) noexcept {
        std::swap(state_, other.state_);
        std::swap(open_, other.open_);
        return *this;
    }
    ~Sender() {
        close();
        if (state_) state_->let_go();
    }

    /// Waits until there is room, in a channel of capacity 0 until somebody receives it.
    [[nodiscard("co_await it")]] Send send(T item) { return Send(*this, std::move(item)); }
    /// Moves `item` if that needs no waiting.
    bool try_send(T&& item, SourceLocation where = SourceLocation::current()) {
        require_usable();
        state_->check_here(where);
        return state_->give(item);
    }
    bool try_send(const T& item, SourceLocation where = SourceLocation::current()) {
        T copy = item;
        return try_send(std::move(copy), where);
    }
    [[nodiscard]] Sender clone() const noexcept { return *this; }
    /// This end only. Idempotent.
    void close() noexcept {
        if (std::exchange(open_, false)) state_->drop_sender();
    }
    ChannelStatistics statistics() const noexcept { return state_->statistics(); }

private:
    void require_usable() const {
        if (!open_ || !state_->has_receivers()) throw_channel_closed(!open_);
    }
    ChannelState<T>* state_;
    bool open_;
};

/// The end of a channel that items come out of. A copy is one more end: each item goes to one of them, to
/// whoever waits longest.
///
///     while (auto item = co_await receiver.receive()) ...   // until the last sender is gone
///
/// Errors      `ChannelClosed` for an end that was closed itself.
/// Cancelling  `receive()` loses no item.
/// Threads     the loop of the channel's first wait, until that closes.
/// Lifetime    an end must outlive its own waits. When the last one is gone, senders get `ChannelClosed`.
template <class T>
class Receiver {
public:
    class Receive;

    explicit Receiver(ChannelState<T>& state) noexcept : state_(&state), open_(true) {
        state.hold();
        state.add_receiver();
    }
    Receiver(const Receiver& other) noexcept : state_(other.state_), open_(other.open_) {
        if (state_) state_->hold();
        if (open_) state_->add_receiver();
    }
    Receiver(Receiver&& other) noexcept
        : state_(std::exchange(other.state_, nullptr)), open_(std::exchange(other.open_, false)) {}
    Receiver& operator=(Receiver other) noexcept {
        std::swap(state_, other.state_);
        std::swap(open_, other.open_);
        return *this;
    }
    ~Receiver() {
        close();
        if (state_) state_->let_go();
    }

    /// The next item, or nothing once the last sender is gone and the channel empty.
    [[nodiscard("co_await it")]] Receive receive() { return Receive(*this); }
    /// An item if there is one now.
    std::optional<T> try_receive(SourceLocation where = SourceLocation::current()) {
        require_open();
        state_->check_here(where);
        std::optional<T> item;
        state_->take(item);
        return item;
    }
    [[nodiscard]] Receiver clone() const noexcept { return *this; }
    /// This end only. Idempotent.
    void close() noexcept {
        if (std::exchange(open_, false)) state_->drop_receiver();
    }
    ChannelStatistics statistics() const noexcept { return state_->statistics(); }

private:
    void require_open() const {
        if (!open_) throw_channel_closed(true);
    }
    ChannelState<T>* state_;
    bool open_;
};

/// A way for items from tasks to tasks that knows when either side is gone: Trio's memory channel.
///
///     auto [sender, receiver] = Channel<Line>(16);
///
/// Capacity 0 is a hand-shake: `send()` returns when somebody has the item.
template <class T>
class Channel {
    explicit Channel(ChannelState<T>& state) noexcept : sender(state), receiver(state) {}

public:
    explicit Channel(std::size_t capacity = 0) : Channel(*new ChannelState<T>(capacity)) {}

    Sender<T> sender;
    Receiver<T> receiver;
};

// Implementation

template <class T>
class Sender<T>::Send final : public LineAwait<Send, typename ItemExchange<T, Ring<T>>::Giver> {
    using Base = LineAwait<Send, typename ItemExchange<T, Ring<T>>::Giver>;

public:
    Send(Sender& end, T&& item) : Base(*end.state_, std::move(item)), end_(end) {}

    bool try_now() {
        end_.require_usable();
        return this->give_now();
    }
    void result() {
        if (!this->settled()) throw_channel_closed(false);
    }
    const char* waiting_for() const noexcept override { return "room in a channel"; }

private:
    Sender& end_;
};

template <class T>
class Receiver<T>::Receive final : public LineAwait<Receive, typename ItemExchange<T, Ring<T>>::Taker> {
    using Base = LineAwait<Receive, typename ItemExchange<T, Ring<T>>::Taker>;

public:
    explicit Receive(Receiver& end) : Base(*end.state_), end_(end) {}

    bool try_now() {
        end_.require_open();
        return this->take_now() || !end_.state_->has_senders();
    }
    std::optional<T> result() { return std::move(this->settled_item()); }
    const char* waiting_for() const noexcept override { return "an item of a channel"; }

private:
    Receiver& end_;
};

}  // namespace tandem::inline v1
