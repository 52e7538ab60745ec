#include <tandem/task/task_node.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/base/prefetch.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/wait.hpp>

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
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

[[maybe_unused]] const bool watchers_know_the_place = [] {
    LoopPulse::task_place_here = []() -> const void* { return &running_task_node; };
    return true;
}();

}  // namespace

constinit thread_local TaskNode* running_task_node = nullptr;

const std::exception_ptr& PromiseBase::no_error() noexcept {
    static const std::exception_ptr none;
    return none;
}

void PromiseBase::unhandled_exception() {
    const std::type_info* type = abi::__cxa_current_exception_type();
    if (!type) throw;  // no C++ exception: the thread is being ended by pthread_exit or pthread_cancel
    fatal_ = *type == typeid(Interrupted) || *type == typeid(SystemExit);
    ::new (static_cast<void*>(&end_.error)) std::exception_ptr(std::current_exception());
    result_ = *type == typeid(Cancelled) ? Result::cancelled : Result::error;
    if (result_ == Result::cancelled) [[unlikely]]
        claim_left_error();
    if (result_ == Result::error && running_task_node) running_task_node->note_throw(*this);
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
        "a Task was used" + calling_place() +
        " that was used already or moved from: a Task runs once; call the coroutine function again for a new "
        "one");
}

TaskNode::TaskNode(std::uint64_t id, PromiseBase& root, SourceLocation where)
    : ScopeNode(Kind::task),
      id_high_(static_cast<std::uint16_t>(id >> 32)),
      id_low_(static_cast<std::uint32_t>(id)),
      frame_(&root),
      spawned_at_(where) {}

constinit const SharedReason TaskNode::no_reason;

TaskNode& TaskNode::spawn(TaskDomain& domain, ScopeNode& parent, PromiseBase*& root,
                          const TaskOptions& options, SourceLocation where) {
    void* block = domain.take_block();
    TaskNode* task = nullptr;
    try {
        task = ::new (block) TaskNode(domain.next_id(), *root, where);
        if (!options.name.empty()) task->extra().name = options.name;
        if (options.housekeeping) task->extra().housekeeping = true;
        Context context = options.context ? *options.context : Context::current();
        if (!context.empty()) task->extra().context = std::move(context);
    } catch (...) {
        if (task) task->~TaskNode();
        domain.give_block(block);
        throw;
    }
    std::exchange(root, nullptr)->start_in(*task, nullptr);
    task->attach(parent);
    if (parent.kind() == Kind::group) {
        ++static_cast<GroupScope&>(parent).live_;
        task->counted_ = true;
    }
    domain.count_live(1);
    ++domain.spawned_;
    domain.loop().task_spawned(*task);
    if ((options.eager_start || domain.eager_) && !task->cancelled() &&
        domain.eager_depth_ < TaskDomain::most_eager_depth && this_loop_or_null() == domain.loop_) {
        task->run_eagerly();
    } else {
        ++domain.scheduled_;
        domain.loop().task_scheduled(*task);
        domain.loop().post(*task);
    }
    return *task;
}

std::string TaskNode::name() const {
    if (extra_ && !extra_->name.empty()) return extra_->name;
    return "Task-" + std::to_string(id());
}

void TaskNode::set_name(std::string_view name) { extra().name = name; }

TaskNode::Extra& TaskNode::extra() {
    if (!extra_) extra_ = std::make_unique<Extra>();
    return *extra_;
}

Context TaskNode::context() const {
    if (running_task_node == this) return Context::current();
    return extra_ ? extra_->context : Context();
}

void TaskNode::run() {
    // Cancelled before its first step: the body never runs (sem:C21).
    if (status_ != Status::finishing && (resumes_ > 0 || !cancelled())) {
        loop().entry_begins(*this);
        step();
        loop().entry_over(*this);
    } else {
        status_ = Status::finishing;
    }
    if (status_ == Status::finishing) finish();
}

void TaskNode::run_eagerly() {
    TaskDomain& home = domain();
    TaskNode* const creator = running_task_node;
    const auto budget = loop().ready_budget;
    ++home.eager_depth_;
    try {
        step();
    } catch (const abi::__forced_unwind&) {
        --home.eager_depth_;
        release();  // nobody is given it any more
        throw;
    }
    --home.eager_depth_;
    loop().ready_budget = budget;
    running_task_node = creator;
    if (status_ != Status::finishing) return;
    // A failure must not cancel its group in the middle of the creator's statement (sem:K17).
    if (counted_ && root().result() != PromiseBase::Result::value)
        loop().post(*this);
    else
        finish();
}

void TaskNode::step() {
    Context outside;  // of whoever drives the loop
    if (extra_ || !Context::current_is_empty()) [[unlikely]] {
        if (extra_) outside = std::move(extra_->context);
        outside.swap_with_current();
    }
    running_task_node = this;
    status_ = Status::running;
    if (threw_in_step_) [[unlikely]]
        count_swallowed();
    ++resumes_;
    loop().ready_budget = loop().ready_awaits;
    PromiseBase* frame = frame_;
    try {
        do {
            PromiseBase* const entered = frame;
            entered->handle().resume();
            frame = frame_;
            if (status_ == Status::running && frame == entered) [[unlikely]]
                abort_stuck(*this, *entered);
        } while (status_ == Status::running);
    } catch (const abi::__forced_unwind&) {
        running_task_node = nullptr;
        end_with_thread();
        throw;
    }
    running_task_node = nullptr;
    if (!outside.empty() || !Context::current_is_empty()) [[unlikely]] {
        outside.swap_with_current();
        if (extra_ || !outside.empty()) extra().context = std::move(outside);
    }
}

// The frame that ran is at its end already, those that await it stand still, and nothing is in flight.
void TaskNode::end_with_thread() noexcept {
    PromiseBase* root = frame_;
    while (root->awaiter()) root = root->awaiter();
    root->replace_error(std::make_exception_ptr(
        LoopClosed(LoopClosedReason::exited, name() + " ended its own thread in the middle of a step")));
    observed_ = true;
    finish_with(*root);
    finish();
}

void TaskNode::wake() noexcept {
    status_ = Status::ready;
    cancel_asked_ = false;
    // Its step comes when others had theirs; where it went on to wait lies within the first lines of the
    // frame.
    prefetch(frame_);
    prefetch(frame_, 128);
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

// Nothing here is left to clean up while it leaves: each frame that has something costs as much as the throw.
void TaskNode::throw_cancelled() {
    threw_in_step_ = true;
    CancelledAccess::raise(scope().reason());
}

void TaskNode::count_swallowed() noexcept {
    threw_in_step_ = false;
    try {
        ++extra().times_cancelled;
    } catch (const std::bad_alloc&) {  // then it is told without a number
    }
}

bool TaskNode::cancel(SharedReason reason) {
    if (done()) observed_ = true;
    if (done() || !domain().loop_) return false;
    request_cancel(std::move(reason));
    return true;
}

void TaskNode::note_throw(const PromiseBase& frame) noexcept {
    constexpr std::size_t most_places = 64;
    // The exception's identity: an exception_ptr is a pointer to it.
    const void* object = nullptr;
    static_assert(sizeof(std::exception_ptr) == sizeof object);
    std::memcpy(&object, static_cast<const void*>(&frame.stored_error()), sizeof object);
    try {
        Extra& notes = extra();
        if (notes.thrown != object || notes.thrown_into != &frame) {
            notes.thrown = object;
            notes.thrown_at.clear();
            for (const PromiseBase* f = &frame; f && notes.thrown_at.size() < most_places; f = f->awaiter())
                notes.thrown_at.push_back({f->born(), f->at()});
        }
        notes.thrown_into = frame.awaiter();
    } catch (const std::bad_alloc&) {  // then nobody knows the way
    }
}

void TaskNode::add_hook(CompletionHook& hook) { extra().hooks.push_back(hook); }

bool TaskNode::joined_by_task() const {
    if (!extra_) return false;
    const CompletionHook* hook = extra_->hooks.front();
    while (hook && !hook->waiter()) hook = extra_->hooks.next_of(*hook);
    return hook != nullptr;
}

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
    domain().count_live(-1);
    if (counted_) {
        auto& owner = *static_cast<GroupScope*>(group);
        --owner.live_;
        owner.child_done(*this);
    }
    if (extra_) {
        while (CompletionHook* hook = extra_->hooks.pop_front()) hook->task_done(*this);
    }
    CompletionHook* const last = extra_ ? std::exchange(extra_->last_hook, nullptr) : nullptr;
    if (references_ > 1) frame_ = &root().outlive_frame();
    release();
    if (last) last->task_gone();
}

void TaskNode::release() {
    if (--references_ > 0) {
        return;
    }
    if (!observed_ && result() == PromiseBase::Result::error) report_unretrieved();
    if (!domain().pinned(*this)) destroy();
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
        std::string message = std::string(ending ? "unhandled exception during run() shutdown"
                                                 : "exception of a task was never retrieved") +
                              ", last await at " + at;
        const char* link = ", thrown at ";
        for (const auto& [function, step] : thrown_at()) {
            message += link + std::string(step.file_name()) + ":" + std::to_string(step.line());
            link = " <- ";
        }
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
