#include <tandem/task/overdue.hpp>

#include <tandem/loop/event_loop.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/task_tree_internal.hpp>

#include <string>
#include <vector>

namespace tandem::inline v1 {
namespace {

TaskDomain* domain_of(const ScopeNode& scope) {
    const ScopeNode* node = &scope;
    while (node && node->kind() != ScopeNode::Kind::task) node = node->parent();
    return node ? &static_cast<const TaskNode*>(node)->domain() : nullptr;
}

/// What stands between the code that a task runs and the scope that was asked.
struct Between {
    const ScopeGuard* shield = nullptr;
    bool deadline = false;  // somewhere inside: it has a grace of its own
};
Between between(const TaskNode& task, const ScopeNode& asked) {
    Between found;
    for (const ScopeNode* scope = &task.scope(); scope && scope != &asked; scope = scope->parent()) {
        if (scope->kind() != ScopeNode::Kind::plain) continue;
        const auto* const guard = static_cast<const ScopeGuard*>(scope);
        if (guard->deadline() != TimePoint::max()) found.deadline = true;
        if (!guard->shielded()) continue;
        found.shield = guard;
        break;
    }
    return found;
}

bool has_child_tasks(const TaskNode& task) {
    bool any = false;
    each_task(task, [&](const TaskNode&) { any = true; });
    return any;
}

std::string seconds(Duration span) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(span).count()) + " s";
}

std::string what_keeps(const TaskNode& task, const ScopeGuard* shield, TimePoint now) {
    if (shield) return "inside a shield since " + seconds(now - shield->entered_at());
    std::string text;
    if (task.waiting() && task.cancel_asked()) text = "an operation that cannot be cancelled";
    if (const auto times = task.times_cancelled(); times > 0)
        text += (text.empty() ? "" : ", ") + std::string("Cancelled was swallowed ") + std::to_string(times) +
                (times == 1 ? " time" : " times");
    return text.empty() ? "not run since" : text;
}

void tell(EventLoop& loop, const TaskNode& task, const CancelRequest& request, const ScopeGuard* shield) {
    std::string text = "a task was asked to end " + seconds(loop.time() - request.since) +
                       " ago and has not: " + describe_state(task) + "; " +
                       what_keeps(task, shield, loop.time());
    if (request.reason) {
        text += "; asked: " + request.reason->text;
        const auto& at = request.reason->requested_at;
        if (at.line() != 0) text += std::string(" at ") + at.file_name() + ":" + std::to_string(at.line());
        if (request.reason->task_id != 0) text += " by task " + std::to_string(request.reason->task_id);
    }
    loop.call_exception_handler({text, nullptr, task.name(), task.spawned_at(), Severity::warning});
}

}  // namespace

void OverdueRequests::note(CancelRequest& request, ScopeNode& scope) noexcept {
    TaskDomain* const domain = domain_of(scope);
    if (!domain || request.link.linked) return;
    OverdueRequests& all = domain->overdue();
    if (all.stopped_) return;
    request.scope = &scope;
    request.watch = &all;
    request.since = all.loop_->time();
    all.waiting_.push_back(request);
    all.arm();
}

void OverdueRequests::forget(CancelRequest& request) noexcept {
    if (!request.watch) return;
    OverdueRequests& all = *std::exchange(request.watch, nullptr);
    all.waiting_.remove(request);
    if (all.waiting_.empty()) all.loop_->timers().remove(all);
}

void OverdueRequests::stop() noexcept {
    if (stopped_) return;
    stopped_ = true;
    while (CancelRequest* request = waiting_.pop_front()) request->watch = nullptr;
    loop_->timers().remove(*this);
}

void OverdueRequests::arm() noexcept {
    const CancelRequest* const oldest = waiting_.front();
    if (!oldest || armed()) return;
    try {
        loop_->timers().add(*this, saturating_add(oldest->since, patience));
    } catch (const std::bad_alloc&) {
        // Nothing is told then; nothing else depends on it.
    }
}

void OverdueRequests::due() noexcept {
    const auto now = loop_->time();
    std::vector<CancelRequest*> again;
    while (CancelRequest* request = waiting_.front()) {
        if (saturating_add(request->since, patience) > now) break;
        waiting_.remove(*request);
        request->watch = nullptr;
        bool later = false;
        const auto look_at = [&](TaskNode& task) {
            // Who only waits for children is not what keeps them.
            if (task.done() || has_child_tasks(task)) return;
            const Between found = between(task, *request->scope);
            if (found.shield && found.deadline) {
                later = true;
                return;
            }
            if (task.tell_overdue()) tell(*loop_, task, *request, found.shield);
        };
        const ScopeNode& asked = *request->scope;
        if (asked.kind() == ScopeNode::Kind::task)
            look_at(static_cast<TaskNode&>(*request->scope));
        else if (TaskNode* task = static_cast<const PlainScope&>(asked).task())
            look_at(*task);
        each_task(asked, look_at);
        if (later) again.push_back(request);
    }
    for (CancelRequest* request : again) {
        request->since = now;
        request->watch = this;
        waiting_.push_back(*request);
    }
    arm();
}

}  // namespace tandem::inline v1
