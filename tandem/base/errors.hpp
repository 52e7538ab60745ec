#pragma once

#include <tandem/base/source_location.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tandem::inline v1 {

/// Who asked for a cancellation, and why.
struct CancelReason {
    std::string text;             ///< "deadline", "a sibling failed", or what the caller gave
    SourceLocation requested_at;  ///< where `cancel()` was called
    std::uint64_t task_id = 0;    ///< the task that asked, 0 if it was none
};

/// Thrown at a checkpoint of a cancelled scope: *you* are being cancelled. It is not a `std::exception`, so
/// that `catch (const std::exception&)` cannot stop it, and only the runtime makes one. Swallowing it is
/// legal and useless: the next checkpoint throws again. Counterpart of Python's `CancelledError` (sem:W1,
/// W2).
class Cancelled final {
public:
    const std::string& reason() const noexcept { return reason_->text; }
    const SourceLocation& requested_at() const noexcept { return reason_->requested_at; }
    std::uint64_t requested_by() const noexcept { return reason_->task_id; }

private:
    friend struct CancelledAccess;
    explicit Cancelled(const std::shared_ptr<const CancelReason>& reason) noexcept : reason_(reason) {}
    std::shared_ptr<const CancelReason> reason_;
};

/// Ctrl-C ended `run()`. Not a `std::exception`, like Python's `KeyboardInterrupt`.
class Interrupted final {};

/// Thrown by `exit_with(code)`: leaves the loop and, under `run_main`, becomes the exit status.
class SystemExit final {
public:
    explicit SystemExit(int code) : code_(code) {}
    int code() const noexcept { return code_; }

private:
    int code_;
};

[[noreturn]] void exit_with(int code);

/// Joining a task that somebody else cancelled.
class TaskCancelled : public std::system_error {
public:
    TaskCancelled(std::string_view task_name, std::string reason);
    const std::string& reason() const noexcept { return reason_; }

private:
    std::string reason_;
};

/// A `timeout()` boundary, `get(timeout)`, or a wait with a limit ran out of time.
class TimeoutError : public std::system_error {
public:
    explicit TimeoutError(const std::string& what_was_tried);
};

/// A blocking wait that could never end, or would stop the loop it waits for.
class WouldDeadlock : public std::logic_error {
public:
    using std::logic_error::logic_error;
    WouldDeadlock(const std::string& what, std::vector<std::string> cycle)
        : std::logic_error(what),
          cycle_(std::make_shared<const std::vector<std::string>>(std::move(cycle))) {}
    /// Who would wait for whom, hop by hop; empty where one thread alone is concerned.
    const std::vector<std::string>& cycle() const noexcept {
        static const std::vector<std::string> none;
        return cycle_ ? *cycle_ : none;
    }

private:
    std::shared_ptr<const std::vector<std::string>> cycle_;
};

/// Why a loop cannot finish something.
enum class LoopClosedReason : std::uint8_t { stopped, closed, failed, exited, forked };

/// The loop cannot finish this: it was stopped or closed, its thread is gone, or the process was forked.
class LoopClosed : public std::runtime_error {
public:
    LoopClosed(LoopClosedReason reason, const std::string& what)
        : std::runtime_error(what), reason_(reason) {}
    LoopClosedReason reason() const noexcept { return reason_; }

private:
    LoopClosedReason reason_;
};

/// An object of one loop was used on another.
class WrongLoop : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// Debug builds: a loop-bound call came from a foreign thread.
class WrongThread : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// A result was asked for too early or set twice, a group was used after it closed, a Task was used twice.
class InvalidStateError : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// The completing side of a `Completion` was destroyed unused.
class CompletionDropped : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Several failures at once, in order of completion; may hold further groups.
class ExceptionGroup : public std::runtime_error {
public:
    ExceptionGroup(const std::string& message, std::vector<std::exception_ptr> exceptions);

    const std::vector<std::exception_ptr>& exceptions() const noexcept { return exceptions_; }

    /// The failures (of nested groups too) for which `matches` holds, as a group of the same message; null if
    /// none.
    std::unique_ptr<ExceptionGroup> subgroup(
        const std::function<bool(const std::exception_ptr&)>& matches) const;

    /// Those of type `E`, and the rest: Python's `except*`.
    template <class E>
    std::pair<std::unique_ptr<ExceptionGroup>, std::unique_ptr<ExceptionGroup>> split() const {
        const auto is = [](const std::exception_ptr& error) {
            try {
                std::rethrow_exception(error);
            } catch (const E&) {
                return true;
            } catch (...) {
                return false;
            }
        };
        return {subgroup(is), subgroup([&](const std::exception_ptr& error) { return !is(error); })};
    }

private:
    std::string message_;
    std::vector<std::exception_ptr> exceptions_;
};

/// The text of any stored exception: `what()`, or the name of a type outside `std::exception`.
std::string describe(const std::exception_ptr& error);

/// Hangs a second error on one that is on its way, which stays what it is: a cleanup's on its body's.
/// `describe()` shows it. Of the errors that carry another, the last 64 of the process are remembered.
///
/// Threads     any.
void attach_error(const std::exception_ptr& error, std::exception_ptr second);
/// What was attached to `error`, oldest first: `attached_errors(std::current_exception())`.
std::vector<std::exception_ptr> attached_errors(const std::exception_ptr& error);

/// Makes `Cancelled`; for the runtime only.
struct CancelledAccess {
    // Inline: a frame more to unwind costs a tenth of the throw.
    [[noreturn, gnu::always_inline]] static inline void raise(
        const std::shared_ptr<const CancelReason>& reason) {
        throw Cancelled(reason);
    }
    static const std::shared_ptr<const CancelReason>& reason(const Cancelled& cancelled) {
        return cancelled.reason_;
    }
};

}  // namespace tandem::inline v1
