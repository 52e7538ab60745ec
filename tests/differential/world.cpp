#include "world.hpp"

#include "objects.hpp"

#include <tandem/sync/errors.hpp>
#include <tandem/task/sleep.hpp>

#include <chrono>
#include <typeinfo>
#include <utility>

namespace tandem::differential {
namespace {

constexpr auto tick = std::chrono::milliseconds(1);
constexpr auto hang_ticks = 1000;  // what has not ended by then never will

bool catches(const std::string& kind, const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Cancelled&) {
        return kind != "error";
    } catch (const std::exception&) {
        return kind != "cancelled";
    }
}

}  // namespace

std::string name_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Cancelled&) {
        return "Cancelled";
    } catch (const ScenarioError& e) {
        return e.what();
    } catch (const TaskCancelled&) {
        return "TaskCancelled";
    } catch (const TimeoutError&) {
        return "TimeoutError";
    } catch (const WouldDeadlock&) {
        return "WouldDeadlock";
    } catch (const InvalidStateError&) {
        return "Misuse";
    } catch (const ExceptionGroup& group) {
        std::string names;
        for (const auto& inner : group.exceptions()) names += (names.empty() ? "" : ",") + name_of(inner);
        return "Group[" + names + "]";
    } catch (const QueueEmpty&) {
        return "QueueEmpty";
    } catch (const QueueFull&) {
        return "QueueFull";
    } catch (const BrokenBarrierError&) {
        return "BrokenBarrierError";
    } catch (const std::exception& e) {
        return std::string(typeid(e).name()) + " " + e.what();
    }
}

std::string ending(const TaskHandle<std::string>& task) {
    if (!task.done()) return "pending";
    if (task.cancelled()) return "cancelled";
    if (const auto error = task.exception()) return "error " + name_of(error);
    return "value " + task.result();
}

World::World(const Scenario& scenario) : scenario_(scenario) {
    EventLoopOptions options;
    options.time = &time_;
    loop_ = std::make_unique<EventLoop>(options);
    loop_->set_exception_handler([](EventLoop&, const ErrorContext&) {});
    start_ = loop_->time();
    objects_ = std::make_unique<Objects>(scenario, *loop_);
}

World::~World() = default;

Duration World::ticks(const std::string& count) const { return std::stoi(count) * tick; }

void World::say(const std::string& who, const std::string& what) {
    if (over_) return;
    const auto now = who == "-" ? std::string("-") : std::to_string((loop_->time() - start_) / tick);
    lines_.push_back(now + " " + who + " " + what);
}

std::vector<std::string> World::run() {
    handles_["t0"] = loop_->create_task(body("t0"));
    loop_->call_later(hang_ticks * tick, [this] { loop_->stop(); });
    loop_->run_forever();
    finish();
    loop_->close();
    return std::move(lines_);
}

void World::finish() {
    std::string hangs;
    for (const auto& [name, task] : handles_) {
        if (!task.done()) hangs += " " + name;
    }
    say("-", hangs.empty() ? "over" : "hang" + hangs);
    for (const auto& [name, task] : handles_) say(name, ending(task));
    over_ = true;
}

Task<std::string> World::body(std::string name) {
    say(name, "begins");
    Done done;
    try {
        done = co_await steps(name, &scenario_.tasks.at(name));
    } catch (const Cancelled&) {
        say(name, "ends cancelled");
        throw;
    } catch (...) {
        say(name, "ends " + name_of(std::current_exception()));
        throw;
    }
    std::string value = done.kind() == Done::Kind::returned ? done.value() : name;
    say(name, "ends with " + value);
    co_return value;
}

Task<Done> World::steps(std::string who, const std::vector<Step>* steps) {
    for (const Step& one : *steps) {
        Done done = co_await step(who, &one);
        if (done.kind() == Done::Kind::returned) co_return done;
    }
    co_return Done();
}

Task<Done> World::step(std::string who, const Step* step) {
    const std::string& op = step->words[0];
    const std::string text = join_words(step->words, " ");
    if (plain_step(who, *step)) co_return Done();
    if (op == "raise") {
        say(who, text);
        throw ScenarioError(step->words[1]);
    }
    if (op == "return") co_return Done(Done::Kind::returned, step->words[1]);
    if (op == "try") co_return co_await try_step(who, step);
    if (op == "repeat") co_return co_await repeat(who, step);
    say(who, "> " + text);
    Done done;
    try {
        done = co_await waiting_step(who, step);
    } catch (...) {
        say(who, "! " + text + ": " + name_of(std::current_exception()));
        throw;
    }
    say(who, "< " + text + (done.kind() == Done::Kind::text ? " = " + done.value() : ""));
    co_return done;
}

Task<Done> World::repeat(std::string who, const Step* step) {
    const int count = std::stoi(step->words[1]);
    for (int i = 0; i < count; ++i) {
        Done done = co_await steps(who, &step->blocks[0].steps);
        if (done.kind() == Done::Kind::returned) co_return done;
    }
    co_return Done();
}

Task<Done> World::try_step(std::string who, const Step* step) {
    const Block* catch_block = nullptr;
    const Block* finally_block = nullptr;
    for (const Block& block : step->blocks) {
        if (block.words[0] == "catch") catch_block = &block;
        if (block.words[0] == "finally") finally_block = &block;
    }
    Done done;
    std::exception_ptr error;
    try {
        done = co_await steps(who, &step->blocks[0].steps);
    } catch (...) {
        error = std::current_exception();
    }
    if (error && catch_block && catches(catch_block->words[1], error)) {
        say(who, "caught " + name_of(error));
        error = nullptr;
        try {
            done = co_await steps(who, &catch_block->steps);
        } catch (...) {
            error = std::current_exception();
        }
    }
    if (finally_block) {
        say(who, "finally");
        co_await steps(who, &finally_block->steps);
    }
    if (error) std::rethrow_exception(error);
    co_return done;
}

Task<Done> World::waiting_step(std::string who, const Step* step) {
    const std::string& op = step->words[0];
    Done done;
    if (op == "sleep") {
        co_await sleep(ticks(step->words[1]));
    } else if (op == "checkpoint") {
        co_await checkpoint();
    } else if (Objects::is_waiting_step(op)) {
        done = co_await objects_->waiting_step(step->words);
    } else if (step->blocks.empty()) {
        done = co_await task_step(who, step);
    } else {
        done = co_await scope_step(who, step);
    }
    co_return done;
}

bool World::plain_step(const std::string& who, const Step& step) {
    static const char* const plain[] = {"log",   "spawn",  "cancel",  "state", "soon",
                                        "later", "uncall", "on_done", "child"};
    bool known = false;
    for (const char* op : plain) known = known || step.words[0] == op;
    const std::string text = join_words(step.words, " ");
    std::string result;
    try {
        if (known) {
            result = do_plain(who, step);
        } else {
            auto told = scope_plain_step(who, step.words);
            if (!told) told = objects_->plain_step(step.words);
            if (!told) return false;
            result = *told;
        }
    } catch (...) {
        say(who, text + ": " + name_of(std::current_exception()));
        throw;
    }
    say(who, text + (result.empty() ? "" : " = " + result));
    return true;
}

std::string World::do_plain(const std::string& who, const Step& step) {
    const std::string& op = step.words[0];
    if (op == "log") return "";
    const std::string& name = step.words[1];
    if (op == "spawn") {
        if (!handles_.contains(name)) handles_[name] = loop_->create_task(body(name));
    } else if (op == "child") {
        handles_[name] = groups_[who].back()->create_task(body(name));
    } else if (op == "cancel") {
        return cancel(name);
    } else if (op == "state") {
        return handles_.contains(name) ? ending(handles_[name]) : "none";
    } else if (op == "uncall") {
        if (!calls_.contains(name)) return "none";
        calls_[name].cancel();
    } else {
        const auto run = [this, name, steps = &step.blocks[0].steps](auto&&...) {
            run_callback(name, *steps);
        };
        if (op == "soon") {
            calls_[name] = loop_->call_soon(run);
        } else if (op == "later") {
            calls_[name] = loop_->call_later(ticks(step.words[2]), run);
        } else {
            if (!handles_.contains(step.words[2])) return "none";
            handles_[step.words[2]].on_done(run);
        }
    }
    return "";
}

std::string World::cancel(const std::string& name) {
    if (!handles_.contains(name)) return "none";
    return handles_[name].cancel() ? "asked" : "over";
}

void World::run_callback(const std::string& name, const std::vector<Step>& steps) {
    say(name, "runs");
    for (const Step& step : steps) plain_step(name, step);
}

}  // namespace tandem::differential
