#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/base/intrusive_list.hpp>
#include <tandem/base/time.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace tandem::inline v1 {

class OverdueRequests;
class ScopeNode;
class TaskNode;

using SharedReason = std::shared_ptr<const CancelReason>;

/// Why something is cancelled, and at whose request. A request never fails for want of memory: then it says
/// only that.
SharedReason make_reason(std::string_view text, SourceLocation where, std::uint64_t by) noexcept;

/// That a scope was asked to end: why, and, until it has been left, since when.
struct CancelRequest {
    SharedReason reason;
    ListLink<CancelRequest> link;
    OverdueRequests* watch = nullptr;  // null once nobody counts the seconds any more
    ScopeNode* scope = nullptr;
    TimePoint since{};
};

/// A node of the cancellation tree. Tasks, groups and every `CancelScope` are one; the tree is also who
/// belongs to whom, so the list of all tasks and the await tree are read off it.
class ScopeNode {
public:
    enum class Kind : std::uint8_t { root, task, plain, group };

    ScopeNode(const ScopeNode&) = delete;
    ScopeNode& operator=(const ScopeNode&) = delete;

    Kind kind() const { return kind_; }
    /// In effect: asked for here, or further out with no shield in between.
    bool cancelled() const { return cancelled_; }
    /// Asked for on this very scope.
    bool requested() const { return requested_; }
    bool shielded() const { return shielded_; }
    ScopeNode* parent() const { return parent_; }
    ScopeNode* first_child() const { return first_child_; }
    ScopeNode* next_sibling() const { return next_; }

    /// Marks this scope and all below that no shield protects, and asks the suspended tasks in them to end.
    /// Resumes nobody inline. The first reason stays. Constant native stack however deep the tree (sem:C5,
    /// C7, C11).
    void request_cancel(SharedReason reason);
    /// Why, for a scope in effect cancelled: the reason of the nearest scope outwards that was asked.
    const SharedReason& reason() const;
    /// The outer scopes are cancelled too, as seen through this one's shield.
    bool outer_cancelled() const { return parent_ && !shielded_ && parent_->cancelled_; }

    void attach(ScopeNode& parent);
    void detach();
    /// Taken off, requests that waited outside come in at once (sem:C51). What came in before stays.
    void set_shielded(bool on);

protected:
    explicit ScopeNode(Kind kind) : kind_(kind) {}
    ~ScopeNode() = default;

private:
    void mark();
    void ask_task() noexcept;
    /// Null for the root.
    CancelRequest* own_request();

    ScopeNode* parent_ = nullptr;
    ScopeNode* next_ = nullptr;
    ScopeNode* previous_ = nullptr;
    ScopeNode* first_child_ = nullptr;
    const Kind kind_ : 2;
    bool cancelled_ : 1 = false;
    bool requested_ : 1 = false;
    bool shielded_ : 1 = false;
    // Tail padding on purpose: TaskNode's small fields go there.
};

/// A scope that some code of a task runs in: a timeout, a shield, a `CancelScope`, the body of a group.
class PlainScope : public ScopeNode {
public:
    explicit PlainScope(Kind kind = Kind::plain) : ScopeNode(kind) {}
    ~PlainScope() = default;

    /// Becomes the innermost scope of `task`.
    void enter(TaskNode& task);
    /// Gives the task back to the scope around it, also when scopes inside it were not left yet. To be called
    /// in every way out.
    void leave();
    bool entered() const { return task_ != nullptr; }
    /// The task whose code runs in here; null when nobody's does.
    TaskNode* task() const { return task_; }

private:
    friend class ScopeNode;
    TaskNode* task_ = nullptr;
    CancelRequest request_;
};

/// A scope with child tasks that tells how each of them ended.
class GroupScope : public PlainScope {
public:
    GroupScope() : PlainScope(Kind::group) {}

    std::size_t live() const { return live_; }

protected:
    ~GroupScope() = default;

private:
    friend class TaskNode;
    /// A child has ended; its outcome may be looked at and taken. It is off the tree already.
    virtual void child_done(TaskNode& child) noexcept = 0;

    std::size_t live_ = 0;
};

}  // namespace tandem::inline v1
