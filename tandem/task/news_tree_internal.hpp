#pragma once

#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task.hpp>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

/// For tests: the error that the originals of rows H8 to H14 call BoomException.
class Boom : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// For tests of rows H3 to H14: a story and its comments without a network. Item 1 is the story; every item
/// above the fourth level has three kids, `3 * id - 1` and the two that follow; a fetch takes 0.1 s.
class NewsTree {
public:
    static constexpr int comments = 120;
    static constexpr int with_kids = 40;
    static constexpr Duration levels_of_fetches = std::chrono::milliseconds(500);

    static std::vector<int> kids_of(int id) {
        if (id > with_kids) return {};
        return {3 * id - 1, 3 * id, 3 * id + 1};
    }

    Task<std::vector<int>> fetch(int id) {
        ++requests;
        co_await sleep(std::chrono::milliseconds(100));
        if (id == boom_at) throw Boom("BOOM!");
        if (id == other_error_at) throw std::domain_error("random generic exception");
        co_return kids_of(id);
    }

    /// What the article counts: an item's comments, those below them included. `then` is told of every item
    /// that has some.
    Task<int> count(int id, std::function<Task<void>(int)> then = {}) {
        const auto kids = co_await fetch(id);
        std::vector<Task<int>> below;
        for (const int kid : kids) below.push_back(count(kid, then));
        const auto counts = co_await gather(std::move(below));
        int total = static_cast<int>(kids.size());
        for (const int comments_below : counts) total += comments_below;
        if (total > 0 && then) co_await then(id);
        co_return total;
    }

    int requests = 0;
    int boom_at = 0;
    int other_error_at = 0;
};

}  // namespace tandem::inline v1
