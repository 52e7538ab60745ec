#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/base/frame_memory.hpp>
#include <tandem/base/source_location.hpp>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

class TaskNode;
class Wait;

template <class T>
class [[nodiscard("co_await it, start it, or call .get()")]] Task;

/// What every frame of every task carries, in every build: the await tree is read off these fields (sem:K11).
///
/// 48 bytes, aligned to 16 and first in every promise, so that a frame's handle is computed from its address
/// whatever its type.
class alignas(16) PromiseBase {
public:
    enum class Result : std::uint8_t { none, value, error, cancelled };

    PromiseBase(const PromiseBase&) = delete;
    PromiseBase& operator=(const PromiseBase&) = delete;

    /// The frame that awaits this one; null at a task's root and for a Task that has not started.
    PromiseBase* awaiter() const { return is_root_ ? nullptr : above_.awaiter; }
    /// Found at the task's root, so it costs the depth; whoever runs in the task asks `current_task_node()`.
    TaskNode* task() const {
        const PromiseBase* frame = this;
        while (!frame->is_root_ && frame->above_.awaiter) frame = frame->above_.awaiter;
        return frame->is_root_ ? frame->above_.task : nullptr;
    }
    /// What it waits for. Precondition: its task is suspended and this is the deepest frame.
    Wait* wait() const { return end_.wait; }
    void set_wait(Wait& wait) { end_.wait = &wait; }
    /// The coroutine's own definition.
    const SourceLocation& born() const { return born_; }
    /// The co_await it stands at.
    const SourceLocation& at() const { return at_; }
    void stand_at(SourceLocation where) noexcept { at_ = where; }
    Result result() const { return result_; }
    /// `Interrupted` or `SystemExit`: goes on out of the loop.
    bool fatal() const { return fatal_; }
    /// The error or the `Cancelled` that left the body; null for a value.
    const std::exception_ptr& stored_error() const { return ended_badly() ? end_.error : no_error(); }
    /// Precondition: it has no value. Ends with `error`, whatever it ended with before.
    void replace_error(std::exception_ptr error) noexcept {
        if (ended_badly())
            end_.error = std::move(error);
        else
            ::new (static_cast<void*>(&end_.error)) std::exception_ptr(std::move(error));
        result_ = Result::error;
    }
    /// Throws nothing but the forced unwinding of a thread that ends (sem:W3).
    void unhandled_exception();

    /// The ended frame's result in memory of its own; the frame is destroyed, and its parameters with it, so
    /// that a handle keeps no argument alive. The frame itself where that is not possible.
    PromiseBase& outlive_frame() noexcept {
        PromiseBase* const kept = operations_->keep_result(*this);
        if (!kept) return *this;
        kept->frameless_ = true;
        handle().destroy();
        return *kept;
    }
    /// Ends the frame, or what `outlive_frame()` made of it.
    void dispose() noexcept {
        if (frameless_)
            operations_->free_result(*this);
        else
            handle().destroy();
    }

    std::coroutine_handle<PromiseBase> handle() {
        return std::coroutine_handle<PromiseBase>::from_promise(*this);
    }

    /// Null awaiter: the root of `task`.
    void start_in(TaskNode& task, PromiseBase* awaiter) {
        is_root_ = awaiter == nullptr;
        if (is_root_)
            above_.task = &task;
        else
            above_.awaiter = awaiter;
    }

    static void* operator new(std::size_t bytes) { return frame_memory::allocate(bytes); }
    static void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
        try {
            return frame_memory::allocate(bytes);
        } catch (const std::bad_alloc&) {
            return nullptr;
        }
    }
    static void operator delete(void* block, std::size_t bytes) noexcept {
        frame_memory::release(block, bytes);
    }

    std::suspend_always initial_suspend() const noexcept { return {}; }

    /// Hands the step over to the awaiting frame, or ends the task. Never resumes anything itself: the step
    /// does, on a flat stack (sem:Z30).
    struct Final {
        bool await_ready() const noexcept { return false; }
        template <class P>
        void await_suspend(std::coroutine_handle<P> handle) const noexcept {
            static_cast<PromiseBase&>(handle.promise()).finish();
        }
        void await_resume() const noexcept {}
    };
    Final final_suspend() const noexcept { return {}; }

protected:
    /// What depends on the type of the result.
    struct Operations {
        PromiseBase* (*keep_result)(PromiseBase& ended) noexcept;
        void (*free_result)(PromiseBase& kept) noexcept;
    };
    explicit PromiseBase(const Operations& operations) noexcept : operations_(&operations) {}
    ~PromiseBase() {
        if (ended_badly()) end_.error.~exception_ptr();
    }
    bool ended_badly() const { return result_ == Result::error || result_ == Result::cancelled; }
    void copy_end_of(const PromiseBase& ended) noexcept {
        result_ = ended.result_;
        if (ended_badly()) ::new (static_cast<void*>(&end_.error)) std::exception_ptr(ended.end_.error);
        born_ = ended.born_;
        at_ = ended.at_;
    }

    void set_born(SourceLocation born) noexcept { at_ = born_ = born; }

    Result result_ = Result::none;
    bool fatal_ = false;
    bool frameless_ = false;

private:
    static const std::exception_ptr& no_error() noexcept;
    inline void finish() noexcept;
    void claim_left_error() noexcept;

    bool is_root_ = false;
    union End {
        End() : wait(nullptr) {}
        ~End() {}
        Wait* wait;                // not ended: valid while the task is suspended here
        std::exception_ptr error;  // ended badly
    } end_;
    const Operations* operations_;
    union {
        PromiseBase* awaiter;
        TaskNode* task;  // of the root
    } above_ = {nullptr};
    SourceLocation born_;
    SourceLocation at_;
};

}  // namespace tandem::inline v1
