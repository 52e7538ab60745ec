#include <tandem/task/task_node.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/wait.hpp>

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <typeinfo>
#include <utility>

namespace tandem::inline v1 {
namespace {

// g++ 12 lays out some frames wrongly (semantics Z4): the first resume returns with nothing done and nothing
// awaited.
[[noreturn]] void abort_stuck(const TaskNode& task, const PromiseBase& frame) {
    std::fprintf(stderr,
                 "tandem: the coroutine %s (%s:%u) of task %s returned without suspending; see Z4 in the "
                 "manual: g++ 12 "
                 "miscompiles `if (co_await f())` in a function whose outermost block declares no local\n",
                 frame.born().function_name(), frame.born().file_name(), frame.born().line(),
                 task.name().c_str());
    std::abort();
}

}  // namespace

constinit thread_local TaskNode* running_task_node = nullptr;

const std::exception_ptr& PromiseBase::no_error() noexcept {
    static const std::exception_ptr none;
    return none;
}

void PromiseBase::unhandled_exception() noexcept {
    const std::type_info* type = abi::__cxa_current_exception_type();
    result_ = type && *type == typeid(Cancelled) ? Result::cancelled : Result::error;
    fatal_ = type && (*type == typeid(Interrupted) || *type == typeid(SystemExit));
    ::new (static_cast<void*>(&end_.error)) std::exception_ptr(std::current_exception());
    if (result_ == Result::cancelled) [[unlikely]]
        claim_left_error();
}

void PromiseBase::claim_left_error() noexcept {
    auto* const extra = current_task_node()->extra_.get();
    if (!extra || !extra->left_error) return;
    try {
        std::rethrow_exception(end_.error);
    } catch (const Cancelled& cancelled) {
        if (CancelledAccess::reason(cancelled) != extra->left_for) return;
    }
    extra->left_for = nullptr;
    replace_error(std::exchange(extra->left_error, nullptr));
}

void TaskNode::leave_error(SharedReason why, std::exception_ptr error) {
    report_left_error();  // an earlier one was swallowed
    extra().left_for = std::move(why);
    extra().left_error = std::move(error);
}

void TaskNode::report_left_error() noexcept {
    if (!extra_ || !extra_->left_error) return;
    extra_->left_for = nullptr;
    loop().call_exception_handler({"a task failed in a group that was never joined",
                                   std::exchange(extra_->left_error, nullptr), name(), spawned_at_,
                                   Severity::error});
}

const PromiseBase::Operations ResultPromise<void>::operations = {
    [](PromiseBase& ended) noexcept -> PromiseBase* {
        auto* kept = new (std::nothrow) ResultPromise<void>();
        if (kept) kept->copy_end_of(ended);
        return kept;
    },
    [](PromiseBase& kept) noexcept { delete static_cast<ResultPromise<void>*>(&kept); }};

void throw_moved_from_task() {
    throw InvalidStateError(
        "this Task was used already or moved from: a Task runs once; call the coroutine function again for a "
        "new one");
}

TaskNode::TaskNode(std::uint64_t id, PromiseBase& root, SourceLocation where)
    : ScopeNode(Kind::task),
      id_high_(static_cast<std::uint16_t>(id >> 32)),
      id_low_(static_cast<std::uint32_t>(id)),
      frame_(&root),
      spawned_at_(where) {}

TaskNode& TaskNode::spawn(TaskDomain& domain, ScopeNode& parent, PromiseBase& root, std::string_view name,
                          SourceLocation where) {
    void* block = domain.take_block();
    TaskNode* task = nullptr;
    try {
        task = ::new (block) TaskNode(domain.next_id(), root, where);
        if (!name.empty()) task->extra().name = name;
    } catch (...) {
        if (task) task->~TaskNode();
        domain.give_block(block);
        throw;
    }
    root.start_in(*task, nullptr);
    task->attach(parent);
    if (parent.kind() == Kind::group) {
        ++static_cast<GroupScope&>(parent).live_;
        task->counted_ = true;
    }
    ++domain.live_;
    ++domain.spawned_;
    domain.loop().task_spawned(*task);
    domain.loop().task_scheduled(*task);
    domain.loop().post(*task);
    return *task;
}

std::string TaskNode::name() const {
    if (extra_ && !extra_->name.empty()) return extra_->name;
    return "Task-" + std::to_string(id());
}

TaskNode::Extra& TaskNode::extra() {
    if (!extra_) extra_ = std::make_unique<Extra>();
    return *extra_;
}

void TaskNode::run() {
    if (resumes_ == 0 && cancelled()) {
        // Cancelled before its first step: the body never runs (sem:C21).
        finish();
        return;
    }
    running_task_node = this;
    status_ = Status::running;
    threw_in_step_ = false;
    ++resumes_;
    loop().entry_begins(*this);
    loop().ready_budget = loop().ready_awaits;
    PromiseBase* frame = frame_;
    do {
        PromiseBase* const entered = frame;
        entered->handle().resume();
        frame = frame_;
        if (status_ == Status::running && frame == entered) [[unlikely]]
            abort_stuck(*this, *entered);
    } while (status_ == Status::running);
    running_task_node = nullptr;
    loop().entry_over(*this);
    if (status_ == Status::finishing) finish();
}

void TaskNode::wake() noexcept {
    status_ = Status::ready;
    cancel_asked_ = false;
    loop().task_scheduled(*this);
    loop().post(*this);
}

void TaskNode::ask_to_end() noexcept {
    if (status_ != Status::waiting || cancel_asked_) return;
    cancel_asked_ = true;
    if (frame_->wait()->request_cancel()) wake();
}

void TaskNode::move_to(GroupScope& group) {
    if (counted_) --static_cast<GroupScope*>(parent())->live_;
    detach();
    attach(group);
    ++group.live_;
    counted_ = true;
}

void TaskNode::throw_cancelled() {
    threw_in_step_ = true;
    ++extra().times_cancelled;
    CancelledAccess::raise(scope().reason());
}

bool TaskNode::cancel(SharedReason reason) {
    if (done() || !domain().loop_) return false;
    request_cancel(std::move(reason));
    return true;
}

void TaskNode::add_hook(CompletionHook& hook) { extra().hooks.push_back(hook); }

void TaskNode::child_detached() noexcept {
    // A task ends only when what it adopted has ended (sem:K33).
    if (status_ == Status::finishing && !first_child()) finish();
}

void TaskNode::finish() noexcept {
    status_ = Status::finishing;
    if (first_child()) return;
    status_ = Status::finished;
    loop().task_exited(*this);
    // A Cancelled that nobody asked for was kept and thrown again outside its scope (sem:C33).
    if (root().result() == PromiseBase::Result::cancelled && !cancelled()) [[unlikely]]
        root().replace_error(std::make_exception_ptr(TaskCancelled(name(), "stray")));
    ScopeNode* const group = parent();
    report_left_error();
    if (root().fatal()) {
        observed_ = true;
        loop().leave_with(root().stored_error());
    }
    detach();
    --domain().live_;
    if (counted_) {
        auto& owner = *static_cast<GroupScope*>(group);
        --owner.live_;
        owner.child_done(*this);
    }
    if (extra_) {
        while (CompletionHook* hook = extra_->hooks.pop_front()) hook->task_done(*this);
    }
    if (references_ > 1) frame_ = &root().outlive_frame();
    release();
}

void TaskNode::release() {
    if (--references_ > 0) {
        return;
    }
    if (!observed_ && result() == PromiseBase::Result::error) report_unretrieved();
    destroy();
}

void TaskNode::abandon() noexcept {
    while (CompletionHook* hook = extra_ ? extra_->hooks.pop_front() : nullptr) hook->task_abandoned();
}

void TaskNode::report_unretrieved() noexcept {
    std::string at;
    try {
        const auto& where = root().at();
        at = std::string(where.file_name()) + ":" + std::to_string(where.line());
        const bool ending = domain().root().cancelled();
        const std::string message = std::string(ending ? "unhandled exception during run() shutdown"
                                                       : "exception of a task was never retrieved") +
                                    ", last await at " + at;
        if (domain().loop_)
            loop().call_exception_handler(
                {message, root().stored_error(), name(), spawned_at_, Severity::error});
        else
            std::fprintf(stderr, "tandem: %s (task %s of a closed loop): %s\n", message.c_str(),
                         name().c_str(), describe(root().stored_error()).c_str());
    } catch (...) {
        std::fputs("tandem: exception of a task was never retrieved, and there is no memory to say which\n",
                   stderr);
    }
}

void TaskNode::destroy() noexcept {
    root().dispose();
    TaskDomain& domain = this->domain();
    this->~TaskNode();
    domain.give_block(this);
}

}  // namespace tandem::inline v1
