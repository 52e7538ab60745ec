#include <tandem/loop/shuffle_internal.hpp>

#include <unordered_map>
#include <utility>

namespace tandem::inline v1 {

void OrderShuffle::shuffle_steps(ReadyQueue& ready) {
    std::vector<Item> items;
    std::size_t step = 0;
    while (!ready.empty()) {
        Runnable& entry = ready.pop();
        const bool step_ends = step < ends_.size() && ends_[step] == &entry;
        // Any address will do to name the step.
        items.push_back({&entry, reinterpret_cast<const char*>(this) + step});
        if (step_ends) ++step;
    }
    ends_.clear();
    draw(items, ready);
}

void OrderShuffle::shuffle_posts(ReadyQueue& posts) {
    std::vector<Item> items;
    while (!posts.empty()) {
        Runnable& entry = posts.pop();
        items.push_back({&entry, entry.chain() ? nullptr : this});
    }
    draw(items, posts);
}

void OrderShuffle::shuffle_completions(ReadyQueue& completions) {
    std::vector<Item> items;
    while (!completions.empty()) items.push_back({&completions.pop(), nullptr});
    draw(items, completions);
}

// One of the orders that keep both chains of each entry: its poster's, and its own.
void OrderShuffle::draw(std::vector<Item>& items, ReadyQueue& into) {
    std::unordered_map<const void*, std::size_t> last;
    for (std::size_t i = 0; i < items.size(); ++i) {
        for (const void* chain : {items[i].poster, items[i].entry->chain()}) {
            if (!chain) continue;
            const auto [found, fresh] = last.try_emplace(chain, i);
            if (fresh) continue;
            items[std::exchange(found->second, i)].before.push_back(i);
            ++items[i].waits_for;
        }
    }
    std::vector<std::size_t> free;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (items[i].waits_for == 0) free.push_back(i);
    }
    while (!free.empty()) {
        std::swap(free[random_.below(free.size())], free.back());
        const Item& next = items[free.back()];
        free.pop_back();
        into.push(*next.entry);
        for (const std::size_t follower : next.before) {
            if (--items[follower].waits_for == 0) free.push_back(follower);
        }
    }
}

}  // namespace tandem::inline v1
