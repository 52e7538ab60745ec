#include <tandem/task/current_task.hpp>

#include <tandem/base/thread_gate.hpp>
#include <tandem/task/describe_internal.hpp>
#include <tandem/task/task_handle.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <iterator>
#include <memory>

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

std::string stack_of(const TaskNode& task) {
    std::string text;
    if (!task.done()) {
        print_task(task, text, "");
    } else {
        text = describe_state(task) + ", spawned at " + place(task.spawned_at()) + "\n";
        for (const auto& [function, at] : task.thrown_at())
            text += std::string("  thrown through ") + function.function_name() + " at " + place(at) + "\n";
    }
    return text;
}

void print_stack_of(const TaskNode& task) { std::fputs(stack_of(task).c_str(), stderr); }

std::string awaited_by(const TaskNode& task) { return task.waiting() ? task.waiting()->waiting_for() : ""; }

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

namespace {

// What a loop has to copy of its tasks so that another thread can describe them: no text is made on the loop.
struct Census {
    struct Entry {
        std::uint64_t id;
        std::string name;
        TaskNode::Status status;
        bool started;
        bool cancelling;
        const char* waiting_for;
        SourceLocation spawned_at;
        std::size_t places;  // how many of `places` are its await path, the deepest first
    };
    std::vector<Entry> entries;
    std::vector<SourceLocation> places;

    void add(const TaskNode& task) {
        const auto before = places.size();
        for (const PromiseBase* frame = task.frame(); frame; frame = frame->awaiter())
            places.push_back(frame->at());
        const Wait* wait = task.waiting();
        entries.push_back({task.id(), task.name(), task.status(), task.resumes() > 0, is_cancelling(task),
                           wait ? wait->waiting_for() : "", task.spawned_at(), places.size() - before});
    }
    void take(EventLoop& loop) {
        if (!loop.tenant()) return;
        TaskDomain& domain = TaskDomain::of(loop);
        entries.reserve(domain.live());
        const ScopeNode& root = domain.root();
        const ScopeNode* node = root.first_child();
        while (node) {
            if (node->kind() == ScopeNode::Kind::task) add(static_cast<const TaskNode&>(*node));
            if (node->first_child()) {
                node = node->first_child();
                continue;
            }
            while (node != &root && !node->next_sibling()) node = node->parent();
            if (node == &root) break;
            node = node->next_sibling();
        }
    }
    std::vector<TaskInfo> describe() const {
        std::vector<TaskInfo> tasks;
        tasks.reserve(entries.size());
        auto end = places.begin();
        for (const Entry& entry : entries) {
            end += static_cast<std::ptrdiff_t>(entry.places);
            const auto first = std::make_reverse_iterator(end);
            std::vector<SourceLocation> path(first, first + static_cast<std::ptrdiff_t>(entry.places));
            std::string state = entry.name + describe_live(entry.status, entry.started, entry.cancelling,
                                                           entry.waiting_for, path.back());
            tasks.push_back({entry.id, entry.name, std::move(state), entry.spawned_at, std::move(path)});
        }
        return tasks;
    }
};

}  // namespace

namespace {

/// Asked by another thread, answered between two steps of the loop, or as its drive ends. Kept by both sides:
/// what was left behind stays in the loop's queue after its answer.
class TaskQuestion final : public Runnable {
public:
    static std::shared_ptr<TaskQuestion> put(EventLoop& loop) {
        auto question = std::make_shared<TaskQuestion>(loop);
        question->queued_ = question;
        if (!loop.try_post_threadsafe(*question)) question->discard();
        // The drive may have ended between the look and the post: then nobody else answers.
        if (loop.left()) question->answer();
        return question;
    }
    explicit TaskQuestion(EventLoop& loop) : loop_(loop) {}

    std::vector<TaskInfo> wait() {
        gate_.wait();
        if (error_) std::rethrow_exception(error_);
        return census_.describe();
    }

private:
    void run() override {
        const auto last = std::move(queued_);
        answer();
    }
    void discard() noexcept override {
        const auto last = std::move(queued_);
        if (!answered_.exchange(true)) gate_.open();
    }
    void left_behind(LoopClosedReason) noexcept override { answer(); }
    void answer() noexcept {
        if (answered_.exchange(true)) return;
        try {
            census_.take(loop_);
        } catch (...) {
            error_ = std::current_exception();
        }
        gate_.open();
    }

    EventLoop& loop_;
    std::shared_ptr<TaskQuestion> queued_;
    Census census_;
    std::exception_ptr error_;
    std::atomic<bool> answered_ = false;
    ThreadGate gate_;
};

}  // namespace

std::vector<TaskInfo> all_tasks(EventLoop& loop) {
    const bool at_rest = !loop.is_running() && (loop.left() || !loop.ever_run() || loop.idle_here());
    if (this_loop_or_null() != &loop && !at_rest) return TaskQuestion::put(loop)->wait();
    Census census;
    census.take(loop);
    return census.describe();
}

std::string dump_tree(EventLoop& loop) {
    std::string out;
    if (loop.tenant()) print_scope(TaskDomain::of(loop).root(), out);
    return out.empty() ? "no live tasks\n" : out;
}

std::string calling_place() {
    const TaskNode* const task = current_task_node();
    return task ? " in " + task->name() + " at " + place(task->frame()->at()) : "";
}

bool is_cancelled() noexcept {
    const TaskNode* task = current_task_node();
    return task && task->scope().cancelled();
}

}  // namespace tandem::inline v1
