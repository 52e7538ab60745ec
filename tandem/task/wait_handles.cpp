#include <tandem/task/wait_handles.hpp>

#include <tandem/task/await_cycle.hpp>

namespace tandem::inline v1 {

WatchTasks::WatchTasks(std::vector<TaskNode*> tasks, ReturnWhen when) : when_(when) {
    const TaskDomain& here = current_task_node()->domain();
    for (const TaskNode* watched : tasks) {
        if (&watched->domain() != &here)
            throw WrongLoop("wait() for task " + watched->name() +
                            ", which belongs to another event loop: use its Pending");
    }
    done_.reserve(tasks.size());
    for (TaskNode* watched : tasks) {
        watched->prepare_hooks();
        hooks_.emplace_back();  // where this throws, nothing is hooked yet
    }
    auto next = hooks_.begin();
    for (TaskNode* watched : tasks) {
        if (watched->done()) {
            note(*watched);
            continue;
        }
        ++live_;
        Hook& hook = *next++;
        hook.owner = this;
        hook.watched = watched;
        watched->add_hook(hook);
    }
}

WatchTasks::~WatchTasks() {
    for (Hook& hook : hooks_) {
        if (hook.watched) hook.watched->remove_hook(hook);
    }
}

void WatchTasks::start() noexcept {
    loop().join_began();
    refuse_await_cycle(task());
}

void WatchTasks::show_joined(JoinedVisitor& visitor) const {
    if (when_ != ReturnWhen::all_completed) return;
    for (const Hook& hook : hooks_) {
        if (hook.watched && !visitor.joined(*hook.watched)) return;
    }
}

bool WatchTasks::enough() const {
    return live_ == 0 || (when_ == ReturnWhen::first_completed && !done_.empty()) ||
           (when_ == ReturnWhen::first_exception && failed_);
}

void WatchTasks::note(TaskNode& ended) {
    done_.push_back(&ended);
    if (ended.result() == PromiseBase::Result::error) failed_ = true;
}

void WatchTasks::Hook::task_done(TaskNode& ended) noexcept {
    watched = nullptr;
    --owner->live_;
    owner->note(ended);
    // Woken once; what ends until the step runs is in `done` too.
    if (owner->enough() && owner->bound() && owner->task().waiting() == owner) owner->task().wake();
}

}  // namespace tandem::inline v1
