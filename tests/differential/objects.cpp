#include "objects.hpp"

#include <tandem/loop/context.hpp>
#include <tandem/sync/barrier.hpp>
#include <tandem/sync/condition.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/semaphore.hpp>
#include <tandem/task/future.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <stdexcept>
#include <utility>

namespace tandem::differential {
namespace {

/// Asyncio's Condition, which brings its own lock.
struct LockedCondition {
    Mutex mutex;
    Condition condition{mutex};
};

/// Items are a number and anything behind it; the number alone gives the order.
struct ByNumber {
    bool operator()(const std::string& a, const std::string& b) const { return std::stoi(a) < std::stoi(b); }
};

template <class T>
class Named {
public:
    T* find(const std::string& name) {
        const auto found = objects_.find(name);
        return found == objects_.end() ? nullptr : found->second.get();
    }
    template <class... Args>
    void make(const std::string& name, Args... args) {
        objects_[name] = std::make_unique<T>(args...);
    }

private:
    std::map<std::string, std::unique_ptr<T>> objects_;
};

constexpr std::array waiting_steps = {"wait_event", "acquire",        "put",     "get",
                                      "join_queue", "wait_condition", "barrier", "await_future"};

}  // namespace

struct Objects::State {
    Named<Event> events;
    Named<Mutex> locks;
    Named<Semaphore> semaphores;
    Named<LockedCondition> conditions;
    Named<Queue<std::string>> queues;
    Named<PriorityQueue<std::string, ByNumber>> priority_queues;
    Named<LifoQueue<std::string>> lifo_queues;
    Named<Barrier> barriers;
    Named<Future<std::string>> futures;
    Named<ContextVar<std::string>> variables;

    Mutex* lock(const std::string& name) {
        if (auto* condition = conditions.find(name)) return &condition->mutex;
        return locks.find(name);
    }
    /// Calls `fn` with the queue of that name, of whichever kind.
    template <class F>
    bool with_queue(const std::string& name, F fn) {
        if (auto* queue = queues.find(name)) return fn(*queue), true;
        if (auto* queue = priority_queues.find(name)) return fn(*queue), true;
        if (auto* queue = lifo_queues.find(name)) return fn(*queue), true;
        return false;
    }
};

Objects::Objects(const Scenario& scenario, EventLoop& loop) : state_(std::make_unique<State>()) {
    for (const Words& words : scenario.objects) {
        const std::string& kind = words[0];
        const std::string& name = words[1];
        const std::size_t size = words.size() > 2 ? std::stoul(words[2]) : 0;
        if (kind == "event") state_->events.make(name);
        if (kind == "lock") state_->locks.make(name);
        if (kind == "semaphore") state_->semaphores.make(name, size);
        if (kind == "condition") state_->conditions.make(name);
        if (kind == "queue") state_->queues.make(name, size);
        if (kind == "priority_queue") state_->priority_queues.make(name, size);
        if (kind == "lifo_queue") state_->lifo_queues.make(name, size);
        if (kind == "barrier") state_->barriers.make(name, size);
        if (kind == "future") state_->futures.make(name, std::ref(loop));
        if (kind == "variable") state_->variables.make(name, name, std::string("none"));
    }
}

Objects::~Objects() = default;

std::optional<std::string> Objects::plain_step(const Words& words) {
    State& state = *state_;
    const std::string& op = words[0];
    const std::string name = words.size() > 1 ? words[1] : "";
    std::string told;
    if (op == "set") {
        state.events.find(name)->set();
    } else if (op == "clear") {
        state.events.find(name)->clear();
    } else if (op == "release") {
        if (auto* semaphore = state.semaphores.find(name))
            semaphore->release();
        else
            state.lock(name)->unlock();
    } else if (op == "notify") {
        state.conditions.find(name)->condition.notify(std::stoul(words[2]));
    } else if (op == "notify_all") {
        state.conditions.find(name)->condition.notify_all();
    } else if (op == "put_nowait") {
        state.with_queue(name, [&](auto& queue) { queue.put_nowait(words[2]); });
    } else if (op == "get_nowait") {
        state.with_queue(name, [&](auto& queue) { told = queue.get_nowait(); });
    } else if (op == "task_done") {
        state.with_queue(name, [&](auto& queue) { queue.task_done(); });
    } else if (op == "reset") {
        state.barriers.find(name)->reset();
    } else if (op == "abort") {
        state.barriers.find(name)->abort();
    } else if (op == "set_result") {
        state.futures.find(name)->set_result(words[2]);
    } else if (op == "set_exception") {
        state.futures.find(name)->set_exception(ScenarioError(words[2]));
    } else if (op == "cancel_future") {
        told = state.futures.find(name)->cancel() ? "asked" : "over";
    } else if (op == "let") {
        state.variables.find(name)->set(words[2]);
    } else if (op == "look") {
        told = state.variables.find(name)->get();
    } else {
        return std::nullopt;
    }
    return told;
}

bool Objects::is_waiting_step(const std::string& word) {
    return std::find(waiting_steps.begin(), waiting_steps.end(), word) != waiting_steps.end();
}

namespace {

template <class AnyQueue>
Task<Done> queue_step(AnyQueue* queue, Words words) {
    Done done;
    if (words[0] == "put") {
        co_await queue->put(words[2]);
    } else if (words[0] == "get") {
        std::string item = co_await queue->get();
        done = Done::told(std::move(item));
    } else {
        co_await queue->join();
    }
    co_return done;
}

}  // namespace

Task<Done> Objects::waiting_step(Words words) {
    State& state = *state_;
    const std::string& op = words[0];
    const std::string& name = words[1];
    Done done;
    if (op == "wait_event") {
        co_await state.events.find(name)->wait();
    } else if (op == "acquire") {
        auto* semaphore = state.semaphores.find(name);
        if (semaphore)
            co_await semaphore->acquire();
        else
            co_await state.lock(name)->acquire();
    } else if (op == "wait_condition") {
        co_await state.conditions.find(name)->condition.wait();
    } else if (op == "barrier") {
        const std::size_t place = co_await state.barriers.find(name)->wait();
        done = Done::told(std::to_string(place));
    } else if (op == "await_future") {
        const Future<std::string> future = *state.futures.find(name);
        std::string value = co_await future;
        done = Done::told(std::move(value));
    } else {
        std::optional<Task<Done>> step;
        state.with_queue(name, [&](auto& queue) { step = queue_step(&queue, words); });
        done = co_await std::move(*step);
    }
    co_return done;
}

}  // namespace tandem::differential
