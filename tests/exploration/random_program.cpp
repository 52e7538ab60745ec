#include "random_program.hpp"

#include <tandem/loop/event_loop.hpp>
#include <tandem/task/as_completed.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/wait_handles.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <random>
#include <stdexcept>
#include <utility>

namespace exploration {

using namespace tandem;

namespace {

constexpr std::array<const char*, kinds> names = {
    "sleep",  "yield",   "fail",         "in_sequence",    "gather",           "gather_results",
    "race",   "any_of",  "as_completed", "group",          "timeout",          "move_on",
    "shield", "finally", "attempt",      "spawn_and_join", "spawn_and_cancel", "wait_for_first"};

constexpr Duration tick = std::chrono::milliseconds(1);

class Maker {
public:
    Maker(std::uint64_t seed, int most) : random_(seed), left_(most) {}

    Node make(int depth) {
        Node node;
        --left_;
        node.number = ++number_;
        node.ticks = pick(4);
        const bool leaf = depth >= 5 || left_ <= 0;
        // A leaf fails in one case of nine.
        node.kind = leaf ? std::array{Kind::sleep, Kind::yield, Kind::fail}[pick_leaf()] : Kind(pick(kinds));
        const int children = wanted_children(node.kind);
        for (int i = 0; i < children; ++i) node.children.push_back(make(depth + 1));
        return node;
    }

private:
    int pick(int below) { return static_cast<int>(random_() % static_cast<std::uint64_t>(below)); }
    std::size_t pick_leaf() {
        const int drawn = pick(9);
        return drawn == 0 ? 2 : drawn < 4 ? 1 : 0;
    }
    int wanted_children(Kind kind) {
        switch (kind) {
            case Kind::sleep:
            case Kind::yield:
            case Kind::fail:
                return 0;
            case Kind::in_sequence:
            case Kind::gather:
            case Kind::gather_results:
            case Kind::race:
            case Kind::any_of:
            case Kind::as_completed:
            case Kind::group:
            case Kind::wait_for_first:
                return 1 + pick(3);
            case Kind::finally:
                return 2;
            default:
                return 1;
        }
    }

    std::mt19937_64 random_;
    int left_;
    int number_ = 0;
};

/// Counts a coroutine's body for as long as its frame lives.
class Live {
public:
    explicit Live(World& world) : world_(world) {
        ++world_.bodies_live;
        ++world_.bodies_begun;
    }
    ~Live() { --world_.bodies_live; }
    Live(const Live&) = delete;
    Live& operator=(const Live&) = delete;

private:
    World& world_;
};

std::vector<Task<int>> tasks_of(const Node& node, World& world) {
    std::vector<Task<int>> tasks;
    for (const Node& child : node.children) tasks.push_back(play(child, world));
    return tasks;
}

Task<int> in_sequence(const Node& node, World& world) {
    int sum = 0;
    for (const Node& child : node.children) sum += co_await play(child, world);
    co_return sum;
}

Task<int> gathered(const Node& node, World& world) {
    auto values = co_await gather(tasks_of(node, world));
    int sum = 0;
    for (const int value : values) sum += value;
    co_return sum;
}

Task<int> gathered_results(const Node& node, World& world) {
    auto outcomes = co_await gather_results(tasks_of(node, world));
    int sum = 0;
    for (auto& outcome : outcomes)
        if (outcome.has_value()) sum += outcome.value();
    co_return sum;
}

Task<int> raced(const Node& node, World& world) {
    auto winner = co_await race(tasks_of(node, world));
    co_return winner.value;
}

Task<int> first_success(const Node& node, World& world) {
    auto winner = co_await any_of(tasks_of(node, world));
    co_return winner.value;
}

/// Leaves early: after half of the children.
Task<int> completed(const Node& node, World& world) {
    int sum = 0;
    std::size_t given = 0;
    auto done = as_completed(tasks_of(node, world));
    while (auto handle = co_await done.next()) {
        if (handle->successful()) sum += handle->result();
        handle->node().observe();
        if (++given * 2 > node.children.size()) break;
    }
    co_return sum;
}

Task<void> add_up(const Node& node, World& world, int& sum) { sum += co_await play(node, world); }

Task<void> fill_group(TaskGroup& group, const Node& node, World& world, int& sum) {
    for (const Node& child : node.children) {
        group.create_task(add_up(child, world, sum));
        co_await checkpoint();
    }
}

Task<int> grouped(const Node& node, World& world) {
    int sum = 0;
    co_await with_task_group(fill_group, std::cref(node), std::ref(world), std::ref(sum));
    co_return sum;
}

Task<int> moved_on(const Node& node, World& world) {
    auto value = co_await move_on_after(tick * node.ticks, play(node.children[0], world));
    co_return value.value_or(0);
}

Task<void> clean_up(const Node& node, World& world) {
    const Live live(world);
    ++world.cleanups_begun;
    try {
        co_await play(node, world);
    } catch (...) {
        ++world.cleanups_ended;
        throw;
    }
    ++world.cleanups_ended;
}

Task<int> finally_body(const Node& node, World& world) {
    ++world.finally_bodies_begun;
    const int value = co_await play(node, world);
    co_return value;
}

Task<int> attempted(const Node& node, World& world) {
    const int number = node.number;
    try {
        const int value = co_await play(node.children[0], world);
        co_return value;
    } catch (const Boom& boom) {
        co_return boom.number;
    } catch (const std::exception&) {
        co_return number;
    }
}

Task<int> spawned(const Node& node, World& world) {
    auto handle = create_task(play(node.children[0], world));
    const int value = co_await handle;
    co_return value;
}

Task<int> cancelled_later(const Node& node, World& world) {
    auto handle = create_task(play(node.children[0], world));
    co_await sleep(tick * node.ticks);
    handle.cancel();
    auto outcome = co_await handle.join();
    co_return outcome.has_value() ? outcome.value() : 0;
}

Task<int> first_of(const Node& node, World& world) {
    std::vector<TaskHandle<int>> handles;
    for (const Node& child : node.children) handles.push_back(create_task(play(child, world)));
    auto seen = co_await wait(handles, {.timeout = tick * node.ticks, .return_when = FIRST_COMPLETED});
    int sum = 0;
    for (auto& handle : handles) {
        handle.cancel();
        auto outcome = co_await handle.join();
        if (outcome.has_value()) sum += outcome.value();
    }
    co_return sum;
}

}  // namespace

Node random_program(std::uint64_t seed, int most) { return Maker(seed, most).make(0); }

std::string describe(const Node& node, int depth) {
    auto text = std::string(static_cast<std::size_t>(depth) * 2, ' ') +
                names[static_cast<std::size_t>(node.kind)] + " #" + std::to_string(node.number) + " " +
                std::to_string(node.ticks) + "\n";
    for (const Node& child : node.children) text += describe(child, depth + 1);
    return text;
}

int total_ticks(const Node& node) {
    int sum = node.ticks;
    for (const Node& child : node.children) sum += total_ticks(child);
    return sum;
}

void World::say(const char* what, const Node& node) {
    trace += std::to_string(this_loop().time().time_since_epoch() / tick) + " " + what + " #" +
             std::to_string(node.number) + "\n";
    const int event = events++;
    if (on_event) on_event(event);
}

Task<int> play(const Node& node, World& world) {
    const Live live(world);
    world.say(names[static_cast<std::size_t>(node.kind)], node);
    int value = 0;
    switch (node.kind) {
        case Kind::sleep:
            co_await sleep(tick * node.ticks);
            value = node.number;
            break;
        case Kind::yield:
            co_await checkpoint();
            break;
        case Kind::fail:
            throw Boom{node.number};
        case Kind::in_sequence:
            value = co_await in_sequence(node, world);
            break;
        case Kind::gather:
            value = co_await gathered(node, world);
            break;
        case Kind::gather_results:
            value = co_await gathered_results(node, world);
            break;
        case Kind::race:
            value = co_await raced(node, world);
            break;
        case Kind::any_of:
            value = co_await first_success(node, world);
            break;
        case Kind::as_completed:
            value = co_await completed(node, world);
            break;
        case Kind::group:
            value = co_await grouped(node, world);
            break;
        case Kind::timeout:
            value = co_await timeout(tick * node.ticks, play(node.children[0], world));
            break;
        case Kind::move_on:
            value = co_await moved_on(node, world);
            break;
        case Kind::shield:
            value = co_await shield(play(node.children[0], world));
            break;
        case Kind::finally:
            value = co_await with_finally(finally_body(node.children[0], world),
                                          clean_up(node.children[1], world));
            break;
        case Kind::attempt:
            value = co_await attempted(node, world);
            break;
        case Kind::spawn_and_join:
            value = co_await spawned(node, world);
            break;
        case Kind::spawn_and_cancel:
            value = co_await cancelled_later(node, world);
            break;
        case Kind::wait_for_first:
            value = co_await first_of(node, world);
            break;
    }
    world.say("ends", node);
    co_return value;
}

}  // namespace exploration
