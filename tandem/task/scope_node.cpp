#include <tandem/task/scope_node.hpp>

#include <tandem/task/overdue.hpp>
#include <tandem/task/task_node.hpp>

#include <new>
#include <string>

namespace tandem::inline v1 {

void ScopeNode::attach(ScopeNode& parent) {
    parent_ = &parent;
    next_ = nullptr;
    // Siblings stand in order of creation; the first one's previous_ is the last one.
    if (ScopeNode* first = parent.first_child_) {
        previous_ = first->previous_;
        previous_->next_ = this;
        first->previous_ = this;
    } else {
        previous_ = this;
        parent.first_child_ = this;
    }
    if (parent.cancelled_ && !shielded_) [[unlikely]]
        mark();  // what lies below it already, too
}

void ScopeNode::detach() {
    if (requested_) [[unlikely]]
        OverdueRequests::forget(*own_request());
    if (!parent_) return;
    ScopeNode* parent = std::exchange(parent_, nullptr);
    if (parent->first_child_ == this)
        parent->first_child_ = next_;
    else
        previous_->next_ = next_;
    if (next_)
        next_->previous_ = previous_;
    else if (parent->first_child_)
        parent->first_child_->previous_ = previous_;
    next_ = previous_ = nullptr;
    if (!parent->first_child_ && parent->kind_ == Kind::task)
        static_cast<TaskNode*>(parent)->child_detached();
}

void ScopeNode::request_cancel(SharedReason reason) {
    if (requested_) return;
    requested_ = true;
    CancelRequest* const request = own_request();
    if (request) request->reason = std::move(reason);
    mark();
    if (request) OverdueRequests::note(*request, *this);
}

CancelRequest* ScopeNode::own_request() {
    if (kind_ == Kind::task) return &static_cast<TaskNode*>(this)->own_request();
    if (kind_ == Kind::root) return nullptr;
    return &static_cast<PlainScope*>(this)->request_;
}

void ScopeNode::set_shielded(bool on) {
    shielded_ = on;
    if (!on && parent_ && parent_->cancelled_) mark();
}

SharedReason make_reason(std::string_view text, SourceLocation where, std::uint64_t by) noexcept {
    try {
        return std::make_shared<const CancelReason>(CancelReason{std::string(text), where, by});
    } catch (const std::bad_alloc&) {
        static const CancelReason unsaid{"no memory left", SourceLocation(), 0};  // short: needs none
        return {SharedReason(), &unsaid};
    }
}

void ScopeNode::mark() {
    if (cancelled_) return;
    cancelled_ = true;
    ask_task();
    // Depth first along parent links: a thousand nested scopes need no stack.
    ScopeNode* node = first_child_;
    while (node) {
        const bool enters = !node->shielded_ && !node->cancelled_;
        if (enters) {
            node->cancelled_ = true;
            node->ask_task();
        }
        if (enters && node->first_child_) {
            node = node->first_child_;
            continue;
        }
        while (node != this && !node->next_) node = node->parent_;
        if (node == this) break;
        node = node->next_;
    }
}

void ScopeNode::ask_task() noexcept {
    TaskNode* task = nullptr;
    if (kind_ == Kind::task)
        task = static_cast<TaskNode*>(this);
    else if (kind_ != Kind::root)
        task = static_cast<PlainScope*>(this)->task_;
    if (task && &task->scope() == this) task->ask_to_end();
}

const SharedReason& ScopeNode::reason() const {
    for (const ScopeNode* node = this; node;
         node = node->shielded_ && !node->requested_ ? nullptr : node->parent_) {
        if (!node->requested_) continue;
        if (node->kind_ == Kind::task) return static_cast<const TaskNode*>(node)->own_reason();
        if (node->kind_ != Kind::root) return static_cast<const PlainScope*>(node)->request_.reason;
        break;
    }
    // Never destroyed: the background loop drains while static objects are being destroyed.
    static const auto& closing =
        *new SharedReason(make_reason("the event loop is closing", SourceLocation(), 0));
    return closing;
}

void PlainScope::enter(TaskNode& task) {
    attach(task.scope());
    task_ = &task;
    task.set_scope(*this);
}

void PlainScope::leave() {
    if (!task_) return;
    TaskNode& task = *std::exchange(task_, nullptr);
    if (&task.scope() == this) {
        task.set_scope(*parent());
    } else {
        // Left before a scope that was entered later: that one lies in our parent from now on.
        ScopeNode* inner = &task.scope();
        while (inner->parent() != this) inner = inner->parent();
        ScopeNode& outer = *parent();
        inner->detach();
        inner->attach(outer);
    }
    // What is left inside, a group that nobody joined, goes on belonging to the task (sem:K33).
    while (ScopeNode* child = first_child()) {
        child->detach();
        child->attach(task);
    }
    detach();
}

}  // namespace tandem::inline v1
