#pragma once

#include <tandem/bridge/wait_graph.hpp>
#include <tandem/loop/runnable.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

class SlotLine;

/// The one lock over who waits from outside for what.
class GraphLock {
public:
    GraphLock();
    ~GraphLock();
    GraphLock(const GraphLock&) = delete;
    GraphLock& operator=(const GraphLock&) = delete;
};

/// Part of the wait-for graph, as seen in one round through the loops.
class GraphView {
public:
    enum class Kind : std::uint8_t { wait, task, job, slots };
    using Key = std::pair<Kind, std::uint64_t>;
    struct Node {
        std::uint64_t stamp = 0;   // changes when it goes on
        bool any_will_do = false;  // of several ahead, one that goes on is enough
        std::vector<Key> ahead;    // what it waits for; none: it can go on
        std::string name;
        std::string text;
        std::shared_ptr<OutsideWait> wait;
        bool stuck = true;
    };

    bool knows(Key key) const { return nodes_.contains(key); }
    Node& add(Key key) { return nodes_[key]; }
    std::size_t size() const { return nodes_.size(); }
    /// Marks as not stuck what can go on, and all for which that is enough.
    void find_stuck();
    /// From `from` through stuck nodes back to it; empty if there is no such way.
    std::vector<Key> cycle(Key from) const;
    const Node& at(Key key) const { return nodes_.at(key); }
    /// Takes away what was not so in `before`.
    void keep_what_was(const GraphView& before);

private:
    bool can_go_on(const Node& node) const;
    std::map<Key, Node> nodes_;
};

/// A search that goes from loop to loop, by posts, since only a loop's thread may look at its tasks: once
/// around, and once more to be sure that what it saw was there at one and the same time (sem:B31).
class GraphSearch final : public Runnable {
public:
    static void start(std::vector<std::shared_ptr<OutsideWait>> roots) noexcept;

private:
    explicit GraphSearch(std::vector<std::shared_ptr<OutsideWait>> roots) : roots_(std::move(roots)) {}
    ~GraphSearch() = default;
    // Deletes itself when it is through.
    void run() override;
    void discard() noexcept override { delete this; }

    void begin_round();
    /// False if it waits for another loop: then it may be there already.
    bool go_on();
    bool round_over();
    std::vector<GraphView::Key> first_cycle(GraphView& view) const;
    bool post_to(OutsideWait& wait) noexcept;
    void look_at_target(const OutsideWait& wait);
    void look_at_task(const TaskNode& first);
    void look_at_job(const std::shared_ptr<WorkerJob>& job);
    void add_job(GraphView::Node& from, std::shared_ptr<WorkerJob> job);
    void add_wait(GraphView::Node& from, std::shared_ptr<OutsideWait> wait);
    void look_at_slots(const SlotLine& slots, EventLoop& loop, GraphView::Node& from);
    void refuse(const std::vector<GraphView::Key>& cycle);

    std::vector<std::shared_ptr<OutsideWait>> roots_;
    std::vector<std::shared_ptr<OutsideWait>> waits_;  // whose targets are to be looked at
    std::vector<std::shared_ptr<WorkerJob>> jobs_;     // the same
    std::vector<std::shared_ptr<WorkerJob>> kept_;     // named by their addresses
    GraphView before_;
    GraphView now_;
    int round_ = 0;
};

}  // namespace tandem::inline v1
