#include <tandem/bridge/wait_graph_internal.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/worker_job.hpp>
#include <tandem/bridge/workers_internal.hpp>
#include <tandem/task/await_cycle.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/wait.hpp>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <set>
#include <unordered_set>

namespace tandem::inline v1 {
namespace {

using Kind = GraphView::Kind;
using Key = GraphView::Key;

// Larger parts of the graph are not looked at: there a cycle goes unnoticed.
constexpr std::size_t most_nodes = 20'000;
// What changes between rounds is looked at again, but not for ever.
constexpr int most_rounds = 10;

std::string place(const SourceLocation& at) {
    return std::string(at.file_name()) + ":" + std::to_string(at.line());
}

Key key_of(const OutsideWait& wait) { return {Kind::wait, wait.id}; }
Key key_of(const TaskNode& task) { return {Kind::task, task.id()}; }
Key key_of(const WorkerJob& job) { return {Kind::job, reinterpret_cast<std::uintptr_t>(&job)}; }
Key key_of(const SlotLine& slots) { return {Kind::slots, reinterpret_cast<std::uintptr_t>(&slots)}; }

bool asks(const WorkerJob& job) {
    const GraphLock lock;
    return job.wait_of_thread && job.wait_of_thread->asks_awaiting_task();
}

std::string how_long(TimePoint since) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g s",
                  std::chrono::duration<double>(real_time().now() - since).count());
    return text;
}

std::string describe_wait(const OutsideWait& wait) {
    std::string text = wait.thread.empty() ? "" : "thread " + wait.thread + ": ";
    text += std::string(wait.call.verb) + " at " + place(wait.call.where);
    if (wait.call.wanted.line() != 0)
        text += std::string(" waits for ") + wait.call.wanted.function_name() + " (" +
                place(wait.call.wanted) + ")";
    return text + ", for " + how_long(wait.since);
}

std::string describe_path(const TaskNode& task) {
    const TaskInfo info = describe_task(task);
    std::string text = "task " + info.state;
    for (const auto& at : info.await_path)
        text += std::string("\n      ") + at.function_name() + " at " + place(at);
    return text;
}

}  // namespace

// The view.

bool GraphView::can_go_on(const Node& node) const {
    const auto goes_on = [this](Key key) {
        const auto found = nodes_.find(key);
        return found == nodes_.end() || !found->second.stuck;
    };
    if (node.ahead.empty()) return true;
    return node.any_will_do ? std::any_of(node.ahead.begin(), node.ahead.end(), goes_on)
                            : std::all_of(node.ahead.begin(), node.ahead.end(), goes_on);
}

void GraphView::find_stuck() {
    for (bool changed = true; changed;) {
        changed = false;
        for (auto& [key, node] : nodes_) {
            if (!node.stuck || !can_go_on(node)) continue;
            node.stuck = false;
            changed = true;
        }
    }
}

std::vector<Key> GraphView::cycle(Key from) const {
    if (!nodes_.contains(from) || !at(from).stuck) return {};
    std::map<Key, Key> behind;
    std::deque<Key> next{from};
    while (!next.empty()) {
        const Key key = next.front();
        next.pop_front();
        for (const Key& ahead : at(key).ahead) {
            if (ahead == from) {
                std::vector<Key> way{key};
                while (way.back() != from) way.push_back(behind.at(way.back()));
                std::reverse(way.begin(), way.end());
                return way;
            }
            const auto found = nodes_.find(ahead);
            if (found == nodes_.end() || !found->second.stuck) continue;
            if (behind.emplace(ahead, key).second) next.push_back(ahead);
        }
    }
    return {};
}

void GraphView::keep_what_was(const GraphView& before) {
    for (auto& [key, node] : nodes_) {
        node.stuck = true;
        const auto found = before.nodes_.find(key);
        if (found == before.nodes_.end() || found->second.stamp != node.stamp) {
            node.ahead.clear();
            continue;
        }
        const std::set<Key> then(found->second.ahead.begin(), found->second.ahead.end());
        const auto is_new = [&](Key ahead) { return !then.contains(ahead); };
        if (!node.any_will_do)
            std::erase_if(node.ahead, is_new);
        else if (std::any_of(node.ahead.begin(), node.ahead.end(), is_new) ||
                 then.size() != std::set<Key>(node.ahead.begin(), node.ahead.end()).size())
            node.ahead.clear();
    }
}

// The search.

void GraphSearch::start(std::vector<std::shared_ptr<OutsideWait>> roots) noexcept {
    try {
        auto* const search = new GraphSearch(std::move(roots));
        search->run();
    } catch (const std::bad_alloc&) {  // it goes unnoticed
    }
}

void GraphSearch::run() {
    try {
        if (round_ == 0) begin_round();
        while (go_on()) {
            if (!round_over()) {
                delete this;
                return;
            }
        }
    } catch (const std::bad_alloc&) {
        delete this;
    }
}

void GraphSearch::begin_round() {
    ++round_;
    before_ = std::exchange(now_, {});
    waits_.clear();
    for (const auto& root : roots_) {
        now_.add(key_of(*root)).wait = root;
        waits_.push_back(root);
    }
}

bool GraphSearch::go_on() {
    for (;;) {
        while (!jobs_.empty()) {
            const auto job = std::move(jobs_.back());
            jobs_.pop_back();
            look_at_job(job);
        }
        if (waits_.empty() || now_.size() > most_nodes) return true;
        // What lies on the loop of this thread first.
        const EventLoop* const here = this_loop_or_null();
        auto next = std::find_if(waits_.begin(), waits_.end(),
                                 [&](const auto& wait) { return wait->target_loop_ == here; });
        if (next == waits_.end()) {
            const auto there = waits_.back();
            if (post_to(*there)) return false;
            // That loop has gone: whoever waits for it is being told.
            waits_.pop_back();
            continue;
        }
        const auto wait = std::move(*next);
        waits_.erase(next);
        look_at_target(*wait);
    }
}

// After success the search belongs to that loop.
bool GraphSearch::post_to(OutsideWait& wait) noexcept {
    const auto life = wait.target_life_;
    const std::lock_guard lock(life->mutex);
    return life->loop && life->loop->try_post_threadsafe(*this);
}

void GraphSearch::look_at_target(const OutsideWait& wait) {
    {
        const GraphLock lock;
        if (!wait.link.linked) return;  // it is over, and what it waited for may be gone
    }
    const TaskNode* const task = wait.target();
    if (!task) return;
    auto& node = now_.add(key_of(wait));
    node.ahead.push_back(key_of(*task));
    node.name = wait.thread.empty() ? "" : "thread " + wait.thread;
    if (round_ > 1) node.text = describe_wait(wait);
    look_at_task(*task);
}

void GraphSearch::look_at_task(const TaskNode& first) {
    struct Collect final : JoinedVisitor {
        explicit Collect(std::vector<const TaskNode*>& t) : tasks(t) {}
        bool joined(const TaskNode& task) override {
            tasks.push_back(&task);
            return tasks.size() <= most_nodes;
        }
        std::vector<const TaskNode*>& tasks;
    };
    std::vector<const TaskNode*> tasks{&first};
    std::vector<const TaskNode*> joined;
    while (!tasks.empty()) {
        const TaskNode& task = *tasks.back();
        tasks.pop_back();
        if (now_.knows(key_of(task))) continue;
        auto& node = now_.add(key_of(task));
        node.stamp = task.resumes();
        if (!waits_for_good(task)) continue;
        const Wait& wait = *task.waiting();
        joined.clear();
        Collect collect(joined);
        wait.show_joined(collect);
        for (const TaskNode* other : joined) node.ahead.push_back(key_of(*other));
        tasks.insert(tasks.end(), joined.begin(), joined.end());
        if (const OutsideEdge* const edge = wait.outside()) {
            if (auto outside = edge->outside_wait()) add_wait(node, std::move(outside));
            if (auto job = edge->job(); job && !asks(*job)) add_job(node, std::move(job));
        } else if (const auto* const place_wanted = dynamic_cast<const SlotLine::Acquire*>(&wait)) {
            look_at_slots(place_wanted->line(), task.loop(), node);
        }
        if (round_ > 1 && !node.ahead.empty()) {
            node.name = task.name();
            node.text = describe_path(task);
        }
        if (now_.size() > most_nodes) return;
    }
}

void GraphSearch::add_wait(GraphView::Node& from, std::shared_ptr<OutsideWait> wait) {
    const Key key = key_of(*wait);
    from.ahead.push_back(key);
    if (now_.knows(key)) return;
    now_.add(key).wait = wait;
    waits_.push_back(std::move(wait));
}

void GraphSearch::add_job(GraphView::Node& from, std::shared_ptr<WorkerJob> job) {
    const Key key = key_of(*job);
    from.ahead.push_back(key);
    if (now_.knows(key)) return;
    now_.add(key);
    kept_.push_back(job);
    jobs_.push_back(std::move(job));
}

// Whoever holds a place has to give one back.
void GraphSearch::look_at_slots(const SlotLine& slots, EventLoop& loop, GraphView::Node& from) {
    const Key key = key_of(slots);
    from.ahead.push_back(key);
    if (now_.knows(key)) return;
    const auto holders = Workers::of(loop).holders_of(slots);
    auto& node = now_.add(key);
    if (holders.size() < slots.taken()) return;  // others than jobs hold them: nobody knows
    node.any_will_do = true;
    node.name = "every worker slot";
    node.text = "all " + std::to_string(slots.total()) + " slots for thread jobs are taken";
    for (const auto& holder : holders) add_job(node, holder);
}

void GraphSearch::look_at_job(const std::shared_ptr<WorkerJob>& job) {
    std::shared_ptr<OutsideWait> wait;
    {
        const GraphLock lock;
        wait = job->wait_of_thread;
    }
    auto& node = now_.add(key_of(*job));
    if (wait) {
        node.text = "thread job started at " + place(job->started_at());
        add_wait(node, std::move(wait));
        return;
    }
    const auto busy = job->ahead_in_pool();
    if (busy.empty()) return;
    node.any_will_do = true;
    node.name = "a queued thread job";
    node.text = "thread job started at " + place(job->started_at()) + ", queued behind all " +
                std::to_string(busy.size()) + " threads of its pool";
    for (const auto& other : busy) {
        const auto known = std::dynamic_pointer_cast<WorkerJob>(other);
        if (!known) {
            node.ahead.clear();  // somebody else's job: it may end
            return;
        }
        add_job(node, known);
    }
}

bool GraphSearch::round_over() {
    if (now_.size() > most_nodes) return false;
    if (first_cycle(now_).empty()) return false;
    if (round_ > 1) {
        GraphView both = now_;
        both.keep_what_was(before_);
        const auto cycle = first_cycle(both);
        if (!cycle.empty()) {
            refuse(cycle);
            return false;
        }
    }
    if (round_ == most_rounds) return false;
    begin_round();
    return true;
}

std::vector<Key> GraphSearch::first_cycle(GraphView& view) const {
    view.find_stuck();
    for (const auto& root : roots_) {
        auto cycle = view.cycle(key_of(*root));
        if (!cycle.empty()) return cycle;
    }
    return {};
}

void GraphSearch::refuse(const std::vector<Key>& cycle) {
    std::string names;
    std::string first;
    std::vector<std::string> hops;
    for (const Key& key : cycle) {
        const auto& node = now_.at(key);
        hops.push_back(node.text);
        if (node.name.empty()) continue;
        if (first.empty()) first = node.name;
        names += node.name + " -> ";
    }
    names += first;

    const GraphLock lock;
    std::vector<OutsideWait*> waits;
    for (const Key& key : cycle) {
        OutsideWait* const wait = now_.at(key).wait.get();
        if (!wait) continue;
        if (!wait->link.linked || wait->refused_) return;  // somebody goes on already
        waits.push_back(wait);
    }
    std::sort(waits.begin(), waits.end(), [](auto* a, auto* b) { return a->id > b->id; });
    for (OutsideWait* const wait : waits) {
        std::string text = std::string(wait->call.verb) + " at " + place(wait->call.where) +
                           " closes a cycle in which each waits for the next, for ever: " + names;
        for (const auto& hop : hops) text += "\n    " + hop;
        text +=
            "\nuse one of: co_await f() in a coroutine; co_await in_fiber(fn) around synchronous code; "
            "co_await to_thread(fn) to run it on a thread of its own";
        if (wait->refuse(std::make_exception_ptr(WouldDeadlock(text, hops)))) {
            wait->refused_ = true;
            return;
        }
    }
}

}  // namespace tandem::inline v1
