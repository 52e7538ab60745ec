#pragma once

#include <tandem/base/time.hpp>
#include <tandem/loop/timer_heap.hpp>
#include <tandem/task/blocking_forms.hpp>
#include <tandem/task/wait.hpp>

#include <chrono>

namespace tandem::inline v1 {

/// The await of `sleep()` and `sleep_until()`.
class Sleep final : public Checkpoint<Sleep>, public BlockingForms<Sleep>, private Timer {
public:
    explicit Sleep(Deadline until) : until_(until) {}
    Sleep(Sleep&& other) noexcept : until_(other.until_) {}  // before it is awaited
    ~Sleep() = default;

    bool try_now() const {
        loop().timers().make_room();  // start() must not fail
        return false;
    }
    void start() noexcept;
    void result() {
        if (cancelled_) task().throw_cancelled();
    }
    bool request_cancel() noexcept override;
    const char* waiting_for() const noexcept override { return "sleep"; }

private:
    void due() noexcept override { task().wake(); }
    Deadline until_;
    bool cancelled_ = false;
};

/// Waits for `delay`, never less. A delay <= 0 gives every other ready task one turn.
///
///     co_await sleep(100ms);
///     sleep(100ms).get();     // plain functions on a fiber
///
/// Cancelling  a checkpoint; the timer goes in the same step.
template <class Rep, class Period>
[[nodiscard("co_await it")]] Sleep sleep(std::chrono::duration<Rep, Period> delay) {
    return Sleep(Deadline(delay));
}
/// Waits until the loop's clock shows `when`.
[[nodiscard("co_await it")]] inline Sleep sleep_until(TimePoint when) { return Sleep(Deadline(when)); }

/// The await of `checkpoint()`.
class Yield final : public Checkpoint<Yield>, public BlockingForms<Yield> {
public:
    Yield() = default;
    Yield(Yield&&) noexcept {}
    bool try_now() const { return false; }
    void start() noexcept { task().wake(); }
    void result() const {}
    bool request_cancel() noexcept override { return false; }
    const char* waiting_for() const noexcept override { return "its turn"; }
};

/// Lets everything else that is ready run, and throws `Cancelled` if this task should end.
[[nodiscard("co_await it")]] inline Yield checkpoint() { return Yield(); }

}  // namespace tandem::inline v1
