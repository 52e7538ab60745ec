#pragma once

#include <tandem/task/task.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// Random programs out of everything that tasks can do to one another, and what must hold of each of them in
/// every order and wherever it is cancelled.
namespace exploration {

enum class Kind : std::uint8_t {
    sleep,
    yield,
    fail,
    in_sequence,
    gather,
    gather_results,
    race,
    any_of,
    as_completed,
    group,
    timeout,
    move_on,
    shield,
    finally,
    attempt,
    spawn_and_join,
    spawn_and_cancel,
    wait_for_first,
};
inline constexpr int kinds = 18;

struct Node {
    Kind kind = Kind::yield;
    int ticks = 0;   // of its own sleep or limit
    int number = 0;  // unique in the program
    std::vector<Node> children;
};

/// A function of the seed, of at most `most` nodes.
Node random_program(std::uint64_t seed, int most);
std::string describe(const Node& node, int depth = 0);
/// All sleeps and limits of the program: no run takes longer, however it is cancelled.
int total_ticks(const Node& node);

/// What a run of a program left behind. All counts of things begun equal those of things ended in the end.
struct World {
    int bodies_live = 0;
    int bodies_begun = 0;
    int finally_bodies_begun = 0;
    int cleanups_begun = 0;
    int cleanups_ended = 0;
    int events = 0;
    std::string trace;
    std::function<void(int event)> on_event;  // in the middle of a step, after the event was counted

    void say(const char* what, const Node& node);
};

/// Plays it; gives the sum of the numbers of the sleeps that it waited for, or throws `Boom`.
tandem::Task<int> play(const Node& node, World& world);

struct Boom {
    int number;
};

}  // namespace exploration
