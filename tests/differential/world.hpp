#pragma once

#include "scenario.hpp"

#include <tandem/base/errors.hpp>
#include <tandem/loop/clock.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>

#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace tandem::differential {

/// `raise E1`.
class ScenarioError final : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// How steps ended: on to the next, with something to tell, or by `return`.
class Done {
public:
    enum class Kind : std::uint8_t { nothing, text, returned };
    Done() {}
    Done(Kind kind, std::string value) : kind_(kind), value_(std::move(value)) {}
    static Done told(std::string text) { return Done(Kind::text, std::move(text)); }
    Kind kind() const { return kind_; }
    const std::string& value() const { return value_; }

private:
    Kind kind_ = Kind::nothing;
    std::string value_;
};

std::string name_of(const std::exception_ptr& error);
/// "pending", "cancelled", "value x", "error E1".
std::string ending(const TaskHandle<std::string>& task);

class Objects;

/// Runs one scenario on tandem, in virtual time; its counterpart is `World` of asyncio_side.py, name for
/// name.
class World {
public:
    explicit World(const Scenario& scenario);
    ~World();

    /// The trace, one line per event.
    std::vector<std::string> run();

private:
    void say(const std::string& who, const std::string& what);
    void finish();
    Task<std::string> body(std::string name);
    Task<Done> steps(std::string who, const std::vector<Step>* steps);
    Task<Done> step(std::string who, const Step* step);
    Task<Done> repeat(std::string who, const Step* step);
    Task<Done> try_step(std::string who, const Step* step);
    Task<Done> waiting_step(std::string who, const Step* step);
    Task<Done> task_step(std::string who, const Step* step);
    Task<Done> scope_step(std::string who, const Step* step);

    /// Steps that do not wait, in callbacks too. False: it is none of these.
    bool plain_step(const std::string& who, const Step& step);
    std::string do_plain(const std::string& who, const Step& step);
    std::string cancel(const std::string& name);
    void run_callback(const std::string& name, const std::vector<Step>& steps);

    Task<Done> call(std::string name);
    Task<Done> join(std::string name);
    Task<Done> join_within(std::string limit, std::string name);
    Task<Done> gather_all(Words names);
    Task<Done> gather_handles(Words names);
    Task<Done> gather_outcomes(Words names);
    Task<Done> race_all(Words names);
    Task<Done> first_success(Words names);
    Task<Done> wait_for_tasks(Words words);
    Task<Done> each_completed(std::string who, Words words);
    Task<Done> in_group(std::string who, const Step* step);

    /// Steps about named scopes; nothing if it is none of these.
    std::optional<std::string> scope_plain_step(const std::string& who, const Words& words);
    Task<Done> in_scope(std::string who, const Step* step);
    Task<Done> finally_step(std::string who, const Step* step);
    Task<void> cleanup(std::string who, const std::vector<Step>* cleanup_steps);
    CancelScope& scope(const std::string& name) { return scopes_[name]; }

    Duration ticks(const std::string& count) const;

    const Scenario& scenario_;
    VirtualTime time_;
    std::unique_ptr<EventLoop> loop_;
    TimePoint start_;
    std::vector<std::string> lines_;
    std::map<std::string, TaskHandle<std::string>> handles_;
    std::map<std::string, Handle> calls_;
    std::map<std::string, std::vector<TaskGroup*>> groups_;
    std::map<std::string, CancelScope> scopes_;
    std::set<std::string> limited_;  // the scopes of which `deadline` has spoken
    std::unique_ptr<Objects> objects_;
    bool over_ = false;
};

}  // namespace tandem::differential
