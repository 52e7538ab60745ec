#pragma once

#include <tandem/backend/sim_world.hpp>
#include <tandem/loop/runnable.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tandem::inline v1 {

/// Draws an order from a seed where no rule promises one (sem:L10): among completions of one poll, wake-ups
/// that come from different steps, posts of different threads. What one step or thread has posted keeps its
/// order, and so do first steps of tasks; timers do not come here.
class OrderShuffle {
public:
    explicit OrderShuffle(std::uint64_t seed) : random_(seed) {}

    /// A step or callback is over: what `ready` holds by now came before what will be posted next.
    void end_of_step(const ReadyQueue& ready) {
        Runnable* const last = ready.last();
        if (last && (ends_.empty() || ends_.back() != last)) ends_.push_back(last);
    }
    /// The batch that ended left early: its rest keeps its order.
    void forget_steps() { ends_.clear(); }
    /// What the steps of the batch before have posted.
    void shuffle_steps(ReadyQueue& ready);
    /// What other threads have posted; those that name no chain keep their order among themselves.
    void shuffle_posts(ReadyQueue& posts);
    void shuffle_completions(ReadyQueue& completions);
    std::uint64_t next() noexcept { return random_.next(); }

private:
    struct Item {
        Runnable* entry;
        const void* poster;  // null: its own
        std::size_t waits_for = 0;
        std::vector<std::size_t> before = {};
    };
    void draw(std::vector<Item>& items, ReadyQueue& into);

    SimRandom random_;
    std::vector<Runnable*> ends_;
};

}  // namespace tandem::inline v1
