#include "world.hpp"

#include <tandem/task/as_completed.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/wait_handles.hpp>

#include <chrono>
#include <utility>

namespace tandem::differential {

Task<Done> World::task_step(std::string who, const Step* step) {
    const std::string& op = step->words[0];
    Words arguments(step->words.begin() + 1, step->words.end());
    Done done;
    if (op == "call")
        done = co_await call(arguments[0]);
    else if (op == "join")
        done = co_await join(arguments[0]);
    else if (op == "join_within")
        done = co_await join_within(arguments[0], arguments[1]);
    else if (op == "gather_tasks")
        done = co_await gather_handles(std::move(arguments));
    else if (op == "gather")
        done = co_await gather_all(std::move(arguments));
    else if (op == "gather_results")
        done = co_await gather_outcomes(std::move(arguments));
    else if (op == "race")
        done = co_await race_all(std::move(arguments));
    else if (op == "any_of")
        done = co_await first_success(std::move(arguments));
    else if (op == "wait")
        done = co_await wait_for_tasks(std::move(arguments));
    else if (op == "as_completed")
        done = co_await each_completed(who, std::move(arguments));
    else
        throw std::runtime_error("not a step: " + join_words(step->words, " "));
    co_return done;
}

Task<Done> World::call(std::string name) {
    std::string value = co_await body(name);
    co_return Done::told(std::move(value));
}

Task<Done> World::join(std::string name) {
    if (!handles_.contains(name)) co_return Done::told("none");
    const auto handle = handles_[name];
    std::string value = co_await handle;
    co_return Done::told(std::move(value));
}

Task<Done> World::join_within(std::string limit, std::string name) {
    if (!handles_.contains(name)) co_return Done::told("none");
    std::string value = co_await timeout(ticks(limit), handles_[name]);
    co_return Done::told(std::move(value));
}

Task<Done> World::gather_handles(Words names) {
    std::vector<TaskHandle<std::string>> given;
    for (const auto& name : names) {
        if (handles_.contains(name)) given.push_back(handles_[name]);
    }
    auto values = co_await gather(std::move(given));
    co_return Done::told(join_words(values, ","));
}

Task<Done> World::gather_all(Words names) {
    std::vector<Task<std::string>> tasks;
    for (const auto& name : names) tasks.push_back(body(name));
    auto values = co_await gather(std::move(tasks));
    co_return Done::told(join_words(values, ","));
}

Task<Done> World::gather_outcomes(Words names) {
    std::vector<Task<std::string>> tasks;
    for (const auto& name : names) tasks.push_back(body(name));
    auto outcomes = co_await gather_results(std::move(tasks));
    Words told;
    for (auto& outcome : outcomes)
        told.push_back(outcome.has_value() ? outcome.value() : name_of(outcome.exception()));
    co_return Done::told(join_words(told, ","));
}

Task<Done> World::race_all(Words names) {
    std::vector<Task<std::string>> arms;
    for (const auto& name : names) arms.push_back(body(name));
    auto first = co_await race(std::move(arms));
    co_return Done::told(std::to_string(first.index) + ":" + first.value);
}

Task<Done> World::first_success(Words names) {
    std::vector<Task<std::string>> arms;
    for (const auto& name : names) arms.push_back(body(name));
    auto first = co_await any_of(std::move(arms));
    co_return Done::told(std::to_string(first.index) + ":" + first.value);
}

Task<Done> World::wait_for_tasks(Words words) {
    WaitOptions options;
    if (words[0] == "first") options.return_when = FIRST_COMPLETED;
    if (words[0] == "error") options.return_when = FIRST_EXCEPTION;
    if (words[1] != "-") options.timeout = ticks(words[1]);
    std::vector<TaskHandle<std::string>> waited;
    for (std::size_t i = 2; i < words.size(); ++i) {
        if (handles_.contains(words[i])) waited.push_back(handles_[words[i]]);
    }
    if (waited.empty()) co_return Done::told("none");
    auto result = co_await wait(waited, options);
    const auto names = [&](const std::vector<TaskHandle<std::string>>& handles) {
        Words found;
        for (const auto& handle : handles) {
            for (const auto& [name, known] : handles_) {
                if (known == handle) found.push_back(name);
            }
        }
        return join_words(found, ",");
    };
    co_return Done::told(names(result.done) + "/" + names(result.pending));
}

Task<Done> World::each_completed(std::string who, Words words) {
    Deadline limit;
    if (words[0] != "-") limit = ticks(words[0]);
    std::vector<Task<std::string>> tasks;
    for (std::size_t i = 1; i < words.size(); ++i) tasks.push_back(body(words[i]));
    const std::size_t count = tasks.size();
    auto completed = as_completed(std::move(tasks), limit);
    for (std::size_t given = 0; given < count; ++given) {
        auto handle = co_await completed.next();
        say(who, "next " + ending(*handle));
    }
    co_return Done::told(std::to_string(count));
}

Task<Done> World::scope_step(std::string who, const Step* step) {
    const std::string& op = step->words[0];
    const auto* inside = &step->blocks[0].steps;
    Done done;
    if (op == "timeout") {
        done = co_await timeout(ticks(step->words[1]), steps(who, inside));
    } else if (op == "move_on") {
        auto ended = co_await move_on_after(ticks(step->words[1]), steps(who, inside));
        done = ended ? *ended : Done::told("moved on");
    } else if (op == "shield") {
        done = co_await shield(steps(who, inside));
    } else if (op == "group") {
        done = co_await in_group(who, step);
    } else if (op == "scope") {
        done = co_await in_scope(who, step);
    } else if (op == "with_finally") {
        done = co_await finally_step(who, step);
    } else {
        throw std::runtime_error("not a step: " + join_words(step->words, " "));
    }
    co_return done;
}

Task<Done> World::in_group(std::string who, const Step* step) {
    auto inside = [this, who, step](TaskGroup& group) -> Task<Done> {
        auto& open = groups_[who];
        open.push_back(&group);
        struct Close {
            explicit Close(std::vector<TaskGroup*>& g) : groups(g) {}
            ~Close() { groups.pop_back(); }
            std::vector<TaskGroup*>& groups;
        } close(open);
        co_return co_await steps(who, &step->blocks[0].steps);
    };
    try {
        co_return co_await with_task_group(std::move(inside));
    } catch (const TaskCancelled&) {
        co_return Done::told("cancelled");  // by `cancel_group`: its body gave nothing
    }
}

}  // namespace tandem::differential
