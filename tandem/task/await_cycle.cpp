#include <tandem/task/await_cycle.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/scope_guard.hpp>
#include <tandem/task/task_node.hpp>
#include <tandem/task/wait.hpp>

#include <cstddef>
#include <exception>
#include <string>
#include <unordered_set>
#include <vector>

namespace tandem::inline v1 {
namespace {

// What a look at others may cost a task that begins to wait: beyond it a cycle goes unnoticed.
constexpr std::size_t most_looks = 4096;

// The chain as long as each waits for one other.
struct Only final : JoinedVisitor {
    bool joined(const TaskNode& task) override {
        several = task_found != nullptr;
        task_found = &task;
        return !several;
    }
    const TaskNode* task_found = nullptr;
    bool several = false;
};

Only joined_by(const TaskNode& task) {
    Only only;
    if (const Wait* wait = task.waiting()) wait->show_joined(only);
    return only;
}

// Who is looked at, and on whose behalf.
class Search final : private JoinedVisitor {
public:
    explicit Search(const TaskNode& goal) : goal_(goal) {}

    void look_at(const TaskNode& task) {
        add(task, none);
        for (std::size_t next = 0; next < found_.size() && goal_at_ == none; ++next) {
            current_ = next;
            const TaskNode& seen = *found_[next].task;
            if (const Wait* wait = waits_for_good(seen) ? seen.waiting() : nullptr) wait->show_joined(*this);
        }
    }
    /// From the first task looked at to the last before the goal; empty if there is no such way.
    std::vector<const TaskNode*> way() const {
        std::vector<const TaskNode*> tasks;
        for (std::size_t at = goal_at_; at != none; at = found_[at].behind)
            tasks.insert(tasks.begin(), found_[at].task);
        return tasks;
    }

private:
    static constexpr std::size_t none = ~std::size_t{0};
    struct Found {
        const TaskNode* task;
        std::size_t behind;
    };
    bool joined(const TaskNode& task) override {
        if (&task == &goal_) {
            goal_at_ = current_;
            return false;
        }
        add(task, current_);
        return found_.size() < most_looks;
    }
    void add(const TaskNode& task, std::size_t behind) {
        if (known_.insert(&task).second) found_.push_back({&task, behind});
    }

    const TaskNode& goal_;
    std::vector<Found> found_;
    std::unordered_set<const TaskNode*> known_;
    std::size_t current_ = 0;
    std::size_t goal_at_ = none;
};

std::string describe_cycle(const TaskNode& waiting, const std::vector<const TaskNode*>& way) {
    std::string path = waiting.name();
    for (const TaskNode* task : way) path += " -> " + task->name();
    const SourceLocation& at = waiting.frame()->at();
    return "these tasks wait for each other for ever: " + path + " -> " + waiting.name() + ", closed at " +
           at.file_name() + ":" + std::to_string(at.line()) + "; let one of them finish first, or cancel it";
}

// Somebody must wait for the task, or for one that waits for it as a child, or it closes no cycle.
bool awaited_by_task(const TaskNode& task) {
    const ScopeNode* scope = &task;
    for (std::size_t looks = 0; scope && looks < most_looks; ++looks, scope = scope->parent()) {
        if (scope->kind() == ScopeNode::Kind::task && static_cast<const TaskNode*>(scope)->joined_by_task())
            return true;
    }
    return false;
}

}  // namespace

bool waits_for_good(const TaskNode& task) noexcept {
    if (!task.waiting()) return false;
    // Cancelled, and still waiting: then it can only wait for the end, of a thread job say.
    if (task.scope().cancelled()) return task.cancel_asked();
    return nearest_deadline(task.scope()) == TimePoint::max();
}

void check_await_cycle(const TaskNode& waiting, const TaskNode& wanted) {
    const TaskNode* next = &wanted;
    for (std::size_t looks = 0; next != &waiting; ++looks) {
        const Only only = joined_by(*next);
        if (only.several) break;
        if (!only.task_found || looks == most_looks) return;
        next = only.task_found;
    }
    if (nearest_deadline(waiting.scope()) != TimePoint::max()) return;
    if (&wanted == &waiting) throw WouldDeadlock(describe_cycle(waiting, {}));
    Search search(waiting);
    search.look_at(wanted);
    const auto way = search.way();
    if (!way.empty()) throw WouldDeadlock(describe_cycle(waiting, way));
}

void refuse_await_cycle(const TaskNode& waiting) noexcept {
    if (!awaited_by_task(waiting) || !waits_for_good(waiting)) return;
    try {
        Search search(waiting);
        search.look_at(waiting);
        const auto way = search.way();
        if (way.empty()) return;
        const auto error =
            std::make_exception_ptr(WouldDeadlock(describe_cycle(waiting, {way.begin() + 1, way.end()})));
        for (auto task = way.rbegin(); task != way.rend(); ++task) {
            if ((*task)->waiting()->refuse(error)) return;
        }
    } catch (const std::bad_alloc&) {  // unnoticed
    }
}

}  // namespace tandem::inline v1
