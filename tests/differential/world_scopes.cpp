#include "world.hpp"

#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/shield.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace tandem::differential {

std::optional<std::string> World::scope_plain_step(const std::string& who, const Words& words) {
    const std::string& op = words[0];
    if (op == "cancel_group") {
        groups_[who].back()->cancel();
        return "";
    }
    if (op == "is_cancelled") return is_cancelled() ? "yes" : "no";
    if (op == "when") {
        const TimePoint nearest = current_deadline();
        if (nearest == TimePoint::max()) return "never";
        return std::to_string((nearest - start_) / std::chrono::milliseconds(1));
    }
    if (op == "cancel_scope") return scope(words[1]).cancel() ? "asked" : "over";
    if (op == "shielded") {
        scope(words[1]).set_shielded(words[2] == "on");
    } else if (op == "deadline") {
        limited_.insert(words[1]);
        scope(words[1]).set_deadline(words[2] == "-" ? Deadline() : Deadline(ticks(words[2])));
    } else {
        return std::nullopt;
    }
    return "";
}

Task<Done> World::in_scope(std::string who, const Step* step) {
    const std::string& name = step->words[1];
    CancelScope& entered = scope(name);
    if (step->words.size() > 2 && limited_.insert(name).second) entered.set_deadline(ticks(step->words[2]));
    std::optional<Done> done = co_await entered.run(steps(who, &step->blocks[0].steps));
    if (!done) co_return Done::told("absorbed");
    co_return std::move(*done);
}

Task<Done> World::finally_step(std::string who, const Step* step) {
    Task<Done> body = steps(who, &step->blocks[0].steps);
    Task<void> last = cleanup(who, &step->blocks[1].steps);
    co_return co_await with_finally(std::move(body), std::move(last), Deadline(ticks(step->words[1])));
}

Task<void> World::cleanup(std::string who, const std::vector<Step>* cleanup_steps) {
    co_await steps(who, cleanup_steps);
}

}  // namespace tandem::differential
