#include <tandem/task/join_all_tasks.hpp>

#include <tandem/task/task_tree_internal.hpp>
#include <tandem/task/wait_handles.hpp>

#include <vector>

namespace tandem::inline v1 {
namespace {

/// Tasks that stay where they are for as long as this does.
struct HeldTasks {
    HeldTasks() = default;
    HeldTasks(const HeldTasks&) = delete;
    HeldTasks& operator=(const HeldTasks&) = delete;
    ~HeldTasks() {
        for (TaskNode* const task : tasks) task->release();
    }
    std::vector<TaskNode*> tasks;
};

}  // namespace

Task<void> join_all_tasks() {
    const TaskNode* const asking = current_task_node();
    HeldTasks held;
    for (TaskNode* const task : tasks_of_users(this_loop())) {
        if (task == asking) continue;
        held.tasks.push_back(task);
        task->add_reference();
    }
    if (held.tasks.empty()) co_return;
    WatchTasks watch(held.tasks, ReturnWhen::all_completed);
    co_await watch;
}

}  // namespace tandem::inline v1
