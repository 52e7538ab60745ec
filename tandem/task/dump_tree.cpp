#include <tandem/task/current_task.hpp>
#include <tandem/task/task_handle.hpp>

#include <algorithm>

namespace tandem::inline v1 {
namespace {

std::string place(const SourceLocation& at) {
    return std::string(at.file_name()) + ":" + std::to_string(at.line());
}

// Root first.
std::vector<const PromiseBase*> frames_of(const TaskNode& task) {
    std::vector<const PromiseBase*> frames;
    for (const PromiseBase* frame = task.frame(); frame; frame = frame->awaiter()) frames.push_back(frame);
    std::reverse(frames.begin(), frames.end());
    return frames;
}

void print_task(const TaskNode& task, std::string& out, const std::string& indent) {
    out += indent + describe_state(task) + ", spawned at " + place(task.spawned_at()) + "\n";
    for (const PromiseBase* frame : frames_of(task))
        out += indent + "  " + frame->born().function_name() + " at " + place(frame->at()) + "\n";
}

// Deep trees of groups nest by data, not by our stack.
void print_scope(const ScopeNode& top, std::string& out) {
    std::string indent;
    const ScopeNode* node = top.first_child();
    while (node) {
        if (node->kind() == ScopeNode::Kind::task)
            print_task(static_cast<const TaskNode&>(*node), out, indent);
        if (const ScopeNode* child = node->first_child()) {
            node = child;
            indent += "  ";
            continue;
        }
        while (node != &top && !node->next_sibling()) {
            node = node->parent();
            if (node != &top) indent.resize(indent.size() - 2);
        }
        if (node == &top) break;
        node = node->next_sibling();
    }
}

}  // namespace

TaskInfo describe_task(const TaskNode& task) {
    TaskInfo info{task.id(), task.name(), describe_state(task), task.spawned_at(), {}};
    if (!task.done()) {
        for (const PromiseBase* frame : frames_of(task)) info.await_path.push_back(frame->at());
    }
    return info;
}

std::optional<TaskInfo> current_task() {
    const TaskNode* task = current_task_node();
    if (!task) return std::nullopt;
    return describe_task(*task);
}

std::vector<TaskInfo> all_tasks(EventLoop& loop) {
    std::vector<TaskInfo> tasks;
    if (!loop.tenant()) return tasks;
    const ScopeNode& root = TaskDomain::of(loop).root();
    const ScopeNode* node = root.first_child();
    while (node) {
        if (node->kind() == ScopeNode::Kind::task)
            tasks.push_back(describe_task(static_cast<const TaskNode&>(*node)));
        if (node->first_child()) {
            node = node->first_child();
            continue;
        }
        while (node != &root && !node->next_sibling()) node = node->parent();
        if (node == &root) break;
        node = node->next_sibling();
    }
    return tasks;
}

std::string dump_tree(EventLoop& loop) {
    std::string out;
    if (loop.tenant()) print_scope(TaskDomain::of(loop).root(), out);
    return out.empty() ? "no live tasks\n" : out;
}

bool is_cancelled() noexcept {
    const TaskNode* task = current_task_node();
    return task && task->scope().cancelled();
}

}  // namespace tandem::inline v1
