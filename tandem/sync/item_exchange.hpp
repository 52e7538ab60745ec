#pragma once

#include <tandem/sync/wait_line.hpp>

#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

namespace tandem::inline v1 {

/// Where items go from tasks that give to tasks that take: what queues and channels have in common.
///
/// An item goes straight to the first task that waits for one; it counts as room taken until that task runs,
/// so that it finds its way back if the task was cancelled meanwhile: the tasks served after it move up by
/// one item, and the last item goes to the next one who waits or to the front of the store (sem:S21).
///
/// Invariants: somebody waits to take => the store is empty and nobody waits to give.
///             Somebody waits to give => store and items on their way fill the room.
template <class T, class Store>
class ItemExchange : public LoopBound {
public:
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    template <class... Args>
    ItemExchange(const char* kind, std::size_t room, Args&&... args)
        : LoopBound(kind), store_(std::forward<Args>(args)...), room_(room), takers_(*this), givers_(*this) {}

    /// A task that waits for an item. Served without one: the end.
    class Taker : public LineWait {
    protected:
        explicit Taker(ItemExchange& exchange) noexcept : LineWait(exchange.takers_), exchange_(exchange) {}
        Taker(Taker&& other) noexcept = default;
        ~Taker() = default;

        [[gnu::always_inline]] bool take_now() {
            exchange_.enter(this->loop(), this->where());
            return exchange_.take(item_);
        }
        [[gnu::always_inline]] std::optional<T>& settled_item() {
            // Taken on the spot, or after a trip through the ready queue, in which a cancel may have come.
            if (this->state() == LineWait::State::idle && !this->waiter().scope().cancelled()) return item_;
            return item_after_wait();
        }
        ItemExchange& exchange() const noexcept { return exchange_; }

    private:
        friend class ItemExchange;
        [[gnu::noinline]] std::optional<T>& item_after_wait() {
            const bool on_its_way = this->state() == LineWait::State::served && this->line() && item_;
            this->settle_or([this] { exchange_.take_back(*this); });
            if (on_its_way) exchange_.arrived();
            return item_;
        }

        ItemExchange& exchange_;
        std::optional<T> item_;
    };

    /// A task that waits for room for its item.
    class Giver : public LineWait {
    protected:
        Giver(ItemExchange& exchange, T&& item) noexcept
            : LineWait(exchange.givers_), exchange_(exchange), item_(std::move(item)) {}
        Giver(Giver&& other) noexcept = default;
        ~Giver() = default;

        [[gnu::always_inline]] bool give_now() {
            exchange_.enter(this->loop(), this->where());
            return exchange_.give(item_);
        }
        /// False if it was sent away with its item.
        bool settled() {
            this->settle();
            return !refused_;
        }
        ItemExchange& exchange() const noexcept { return exchange_; }

    private:
        friend class ItemExchange;
        ItemExchange& exchange_;
        T item_;
        bool refused_ = false;
    };

    using LoopBound::check_here;
    using LoopBound::enter;

    /// Moves `item` if it can go anywhere without waiting.
    [[gnu::always_inline]] bool give(T& item) {
        if (takers_.front())
            hand_over(std::move(item));
        else if (has_room())
            store_.push(std::move(item));
        else
            return false;
        ++given_;
        return true;
    }
    [[gnu::always_inline]] bool take(std::optional<T>& into) {
        if (store_.size() > 0) {
            into.emplace(store_.pop());
            if (givers_.front()) refill();
            return true;
        }
        if (!givers_.front()) return false;
        into.emplace(accept_front());
        return true;
    }
    bool has_room() const noexcept { return store_.size() + on_their_way_ < room_; }
    std::size_t size() const noexcept { return store_.size(); }
    std::size_t room() const noexcept { return room_; }
    std::size_t takers() const noexcept { return takers_.waiting(); }
    std::size_t givers() const noexcept { return givers_.waiting(); }
    /// Items accepted so far.
    std::size_t given() const noexcept { return given_; }

    /// Everybody who waits for an item gets the end.
    void send_takers_away() noexcept {
        while (takers_.front()) takers_.serve_front();
    }
    /// Everybody who waits with an item keeps it.
    void send_givers_away() noexcept {
        while (LineWait* const wait = givers_.front()) {
            static_cast<Giver*>(wait)->refused_ = true;
            givers_.serve_front();
        }
    }
    /// Drops what is stored; gives how many.
    std::size_t clear() noexcept {
        const std::size_t dropped = store_.size();
        store_.clear();
        return dropped;
    }

private:
    [[gnu::noinline]] void hand_over(T&& item) {
        static_cast<Taker*>(takers_.front())->item_.emplace(std::move(item));
        ++on_their_way_;
        takers_.serve_front();
    }
    [[gnu::noinline]] T accept_front() {
        T item = std::move(static_cast<Giver*>(givers_.front())->item_);
        ++given_;
        givers_.serve_front();
        return item;
    }
    [[gnu::noinline]] void refill() {
        while (givers_.front() && has_room()) store_.push(accept_front());
    }
    void arrived() {
        --on_their_way_;
        if (givers_.front()) refill();
    }
    [[gnu::noinline, gnu::cold]] void take_back(Taker& taker) {
        if (!taker.item_) return;
        if (taker.state() == LineWait::State::served) --on_their_way_;
        Taker* last = &taker;
        while (LineWait* const next = last->next_served()) {
            auto& later = static_cast<Taker&>(*next);
            if (!later.item_) break;
            std::swap(taker.item_, later.item_);
            last = &later;
        }
        T item = std::move(*taker.item_);
        taker.item_.reset();
        if (takers_.front()) {
            hand_over(std::move(item));
        } else {
            store_.put_back(std::move(item));
        }
    }

    Store store_;
    const std::size_t room_;
    std::size_t on_their_way_ = 0;
    std::size_t given_ = 0;
    WaitLine takers_;
    WaitLine givers_;
};

}  // namespace tandem::inline v1
