#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/base/held_state.hpp>
#include <tandem/base/outcome.hpp>
#include <tandem/base/unique_function.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/runnable.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/wait.hpp>

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

struct CompletionOptions {
    bool abandon = false;  ///< a cancelled awaiter leaves at once; the later value is destroyed on its loop
};

/// What every completion has, whatever its type: from any thread to one awaiting task, once.
class CompletionCore : public std::enable_shared_from_this<CompletionCore> {
public:
    explicit CompletionCore(CompletionOptions options) : abandon_(options.abandon), arrival_(*this) {}
    CompletionCore(const CompletionCore&) = delete;
    CompletionCore& operator=(const CompletionCore&) = delete;

    /// The completing side is gone.
    void drop() noexcept;
    void on_cancel(UniqueFunction<void()> fn) { on_cancel_ = std::move(fn); }

protected:
    ~CompletionCore() = default;
    /// Stores by `store()` unless something was; then tells the awaiter. Whether it was the first.
    template <class F>
    bool complete_by(F store) {
        {
            const std::lock_guard lock(mutex_);
            if (complete_) return false;
            store();
            complete_ = true;
        }
        tell();
        return true;
    }
    virtual void destroy_value() noexcept = 0;

private:
    friend class CompletionWait;
    struct Arrival final : Runnable {
        explicit Arrival(CompletionCore& c) : core(c) {}
        void run() override {
            const auto keep = std::move(core.self_);
            core.arrive();
        }
        void discard() noexcept override {
            const auto keep = std::move(core.self_);
            core.destroy_value();
        }
        CompletionCore& core;
    };
    void tell() noexcept;
    void arrive() noexcept;

    std::mutex mutex_;
    bool complete_ = false;           // with a value, an error, or dropped
    std::shared_ptr<LoopLife> life_;  // of the awaiter's loop, once there is one
    // The rest is the awaiter's loop's alone.
    class CompletionWait* wait_ = nullptr;
    bool dropped_ = false;  // written before complete_
    bool taken_ = false;
    const bool abandon_;
    UniqueFunction<void()> on_cancel_;
    std::shared_ptr<CompletionCore> self_;  // while the arrival is posted
    Arrival arrival_;
};

template <class T>
class CompletionState final : public CompletionCore {
public:
    using CompletionCore::CompletionCore;
    template <class... U>
    bool complete(U&&... value) {
        return complete_by([&] { outcome_.emplace(std::in_place, std::forward<U>(value)...); });
    }
    bool fail(std::exception_ptr error) {
        return complete_by([&] { outcome_.emplace(Error(std::move(error))); });
    }
    T take() { return std::move(*outcome_).value(); }

private:
    void destroy_value() noexcept override { outcome_.reset(); }
    std::optional<Outcome<T>> outcome_;
};

class CompletionWait : public Checkpoint<CompletionWait> {
public:
    explicit CompletionWait(std::shared_ptr<CompletionCore> core) : core_(std::move(core)) {}
    bool try_now();
    void start() noexcept;
    void result();
    bool request_cancel() noexcept override;
    bool may_end_from_outside() const noexcept override { return true; }
    const char* waiting_for() const noexcept override;

private:
    friend class CompletionCore;
    std::shared_ptr<CompletionCore> core_;
    bool asked_to_end_ = false;
    bool left_ = false;
};

/// The awaiting side of `make_completion()`.
template <class T>
class Completion {
public:
    using value_type = T;
    explicit Completion(std::shared_ptr<CompletionState<T>> state) : state_(std::move(state)) {}

    /// `fn` tells the foreign code to stop, when the awaiter is cancelled. The await goes on until it
    /// completes, for that code may hold pointers into the frame.
    Completion& on_cancel(UniqueFunction<void()> fn) {
        state_->on_cancel(std::move(fn));
        return *this;
    }

    class Awaiter final : public CompletionWait {
    public:
        explicit Awaiter(std::shared_ptr<CompletionState<T>> state)
            : CompletionWait(state), state_(std::move(state)) {}
        T await_resume() {
            CompletionWait::await_resume();
            return state_->take();
        }

    private:
        std::shared_ptr<CompletionState<T>> state_;
    };
    Awaiter awaiter() const { return Awaiter(state_.shared()); }

private:
    HeldState<CompletionState<T>, "Completion"> state_;
};

/// The completing side: a callable for foreign code. Copies are the same one; when the last is gone unused,
/// the awaiter gets `CompletionDropped`.
///
/// Threads     any.
template <class T>
class Completer {
public:
    explicit Completer(std::shared_ptr<CompletionState<T>> state)
        : hold_(std::make_shared<Hold>(std::move(state))) {}

    /// False if it was completed before.
    template <class U = T>
    bool operator()(U&& value) const
        requires(!std::is_void_v<T>)
    {
        return hold_->state->complete(std::forward<U>(value));
    }
    bool operator()() const
        requires std::is_void_v<T>
    {
        return hold_->state->complete();
    }
    bool error(std::exception_ptr error) const { return hold_->state->fail(std::move(error)); }
    template <class E>
        requires(!std::is_same_v<E, std::exception_ptr>)
    bool error(E failure) const {
        return error(std::make_exception_ptr(std::move(failure)));
    }

private:
    struct Hold {
        explicit Hold(std::shared_ptr<CompletionState<T>> s) : state(std::move(s)) {}
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;
        ~Hold() { state->drop(); }
        std::shared_ptr<CompletionState<T>> state;
    };
    HeldState<Hold, "Completer"> hold_;
};

/// A value that foreign code sets, once, from any thread, and one task awaits: the wrapper for C callbacks.
///
///     auto [answer, complete] = make_completion<int>();
///     library_ask(question, [complete = complete](int value) { complete(value); });
///     const int value = co_await answer;
///
/// Errors      `CompletionDropped` if the completing side is gone unused; `InvalidStateError` for a second
/// await. Cancelling  tells `on_cancel`'s function, then waits for the completion; its value is delivered.
/// With
///             `{.abandon = true}` the await ends at once.
/// Threads     completing: any; the rest: the awaiter's loop.
/// Lifetime    either side may go first.
template <class T>
std::pair<Completion<T>, Completer<T>> make_completion(CompletionOptions options = {}) {
    auto state = std::make_shared<CompletionState<T>>(options);
    return {Completion<T>(state), Completer<T>(state)};
}

}  // namespace tandem::inline v1
