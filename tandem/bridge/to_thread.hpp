#pragma once

#include <tandem/bridge/worker_job.hpp>
#include <tandem/bridge/worker_pool.hpp>
#include <tandem/sync/slot_line.hpp>
#include <tandem/task/task.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// Tells a function on a worker thread that its caller was cancelled. Ask for one as its first parameter.
///
///     co_await to_thread([](CancelToken cancelled) {
///         while (!done()) {
///             if (cancelled) return;   // the await throws Cancelled
///             one_more_step();
///         }
///     });
///
/// Lifetime    until the function ends.
class CancelToken {
public:
    explicit CancelToken(WorkerJob& job) : job_(&job) {}
    /// Whether the awaiting task was cancelled. Saying yes, it makes the job end as cancelled, whatever it
    /// returns.
    explicit operator bool() const noexcept { return job_->consume(); }
    /// The same without that.
    bool peek() const noexcept { return job_->peek(); }

private:
    WorkerJob* job_;
};

/// On a worker thread: throws `Cancelled` if the task that awaits this job was cancelled. Errors:
/// `InvalidStateError` on any other thread.
void check_cancelled();

/// What an abandoned job may keep: a value of its own, no pointer, no reference, no view.
template <class T>
inline constexpr bool owns_its_value = !std::is_pointer_v<T> && !std::ranges::view<T>;
template <class T>
inline constexpr bool owns_its_value<std::reference_wrapper<T>> = false;
template <class T>
inline constexpr bool owns_its_value<std::initializer_list<T>> = false;
template <class T>
concept OwnedArgument = owns_its_value<std::decay_t<T>>;

/// How a job runs: `ToThreadOptions().limiter(three)`.
template <bool abandons>
class BasicToThreadOptions {
public:
    BasicToThreadOptions() {}
    /// Counts against this instead of the loop's own limit of 40.
    BasicToThreadOptions& limiter(std::shared_ptr<SlotLine> slots) {
        return placement_.slots = std::move(slots), *this;
    }
    /// On this pool instead of the loop's own.
    BasicToThreadOptions& pool(WorkerPool other) { return placement_.pool = std::move(other), *this; }
    /// All jobs of one key run on one thread, in order; the thread lives as long as the pool.
    BasicToThreadOptions& affinity(std::string key) { return placement_.key = std::move(key), *this; }
    BasicToThreadOptions& affinity(Strand strand) { return placement_.strand = std::move(strand), *this; }
    /// `back`: the task-locals that the function changed are changed in the awaiting task too, when it
    /// returns or throws.
    BasicToThreadOptions& context(ContextFlow flow) {
        return placement_.context_back = flow == ContextFlow::back, *this;
    }
    /// When cancelled, the await throws at once and leaves a running function to itself; its end goes to the
    /// exception handler as `suppressed`, and it keeps its slot until then. The arguments must be owned.
    BasicToThreadOptions<true> abandon_on_cancel() const {
        JobPlacement copy = placement_;
        copy.abandon = true;
        return BasicToThreadOptions<true>(std::move(copy));
    }

    explicit BasicToThreadOptions(JobPlacement placement) : placement_(std::move(placement)) {}
    JobPlacement placement() && { return std::move(placement_); }

private:
    JobPlacement placement_;
};
using ToThreadOptions = BasicToThreadOptions<false>;

template <class F, class... Args>
concept TakesCancelToken = std::is_invocable_v<F, CancelToken, Args...>;
template <class F, class... Args>
concept WorkerFunction = TakesCancelToken<F, Args...> || std::is_invocable_v<F, Args...>;

template <class F, class... Args>
struct WorkerCall {
    using Result = std::invoke_result_t<F, Args...>;
};
template <class F, class... Args>
    requires TakesCancelToken<F, Args...>
struct WorkerCall<F, Args...> {
    using Result = std::invoke_result_t<F, CancelToken, Args...>;
};
template <class F, class... Args>
using WorkerResult = typename WorkerCall<F, Args...>::Result;

/// Starts a job; what all the calls below come to.
template <class F, class... Args>
Task<WorkerResult<F, Args...>> start_worker_job(JobPlacement placement, F fn, Args... args);

/// Runs `fn(args...)`, both kept by value, on a worker thread of the loop and waits for it: Python's
/// `to_thread`. Never on the loop's thread. At most 40 at a time, others wait in line.
///
///     std::string text = co_await to_thread(read_whole_file, path);
///
/// Inside, `f().get()` runs a coroutine in the awaiting task and blocks only the worker.
///
/// Errors      what `fn` throws, the same object; `std::system_error` if no thread can be had; `LoopClosed`
///             after `shutdown_workers()`.
/// Cancelling  a job that has not begun is taken back at once. One that runs is waited for, and its value or
///             error delivered, unless it takes notice: see `CancelToken`, `check_cancelled()`,
///             `ToThreadOptions::abandon_on_cancel()`.
/// Threads     a loop's; from plain code: `to_thread(fn).get()`.
/// Lifetime    owns function and arguments; `std::ref` opts out.
template <class F, class... Args>
    requires WorkerFunction<F, Args...>
auto to_thread(F fn, Args... args) {
    return start_worker_job(JobPlacement(), std::move(fn), std::move(args)...);
}
template <bool abandons, class F, class... Args>
    requires WorkerFunction<F, Args...>
auto to_thread(BasicToThreadOptions<abandons> options, F fn, Args... args) {
    static_assert(
        !abandons || (OwnedArgument<F> && ... && OwnedArgument<Args>) ||
            std::is_function_v<std::remove_pointer_t<F>>,
        "a job that may outlive its caller must own its arguments: no pointers, references or views");
    return start_worker_job(std::move(options).placement(), std::move(fn), std::move(args)...);
}

/// Runs `fn(args...)` on a thread of `pool`, which alone bounds how many run at once: Python's
/// `loop.run_in_executor`. Otherwise as `to_thread`.
template <class F, class... Args>
    requires WorkerFunction<F, Args...>
auto run_in_executor(WorkerPool pool, F fn, Args... args) {
    JobPlacement placement;
    placement.pool = std::move(pool);
    placement.takes_slot = false;
    return start_worker_job(std::move(placement), std::move(fn), std::move(args)...);
}

// Implementation

template <class F, class... Args>
class TypedWorkerJob final : public WorkerJob {
public:
    using R = WorkerResult<F, Args...>;
    TypedWorkerJob(F fn, Args... args) : fn_(std::move(fn)), args_(std::in_place, std::move(args)...) {}

    R take() {
        // Given away, so that it ends with its catcher and not in the worker thread that lets go of us last.
        if (error_) std::rethrow_exception(take_error());
        if constexpr (std::is_reference_v<R>)
            return static_cast<R>(**value_);
        else if constexpr (!std::is_void_v<R>)
            return std::move(*value_);
    }

private:
    decltype(auto) invoke() {
        return std::apply(
            [this](Args&... args) -> decltype(auto) {
                if constexpr (TakesCancelToken<F, Args...>)
                    return std::invoke(std::move(*fn_), CancelToken(*this), std::move(args)...);
                else
                    return std::invoke(std::move(*fn_), std::move(args)...);
            },
            *args_);
    }
    void call() override {
        // Here, not where the last reference goes: what the job owned ends with it, on its own thread.
        struct LetGo {
            ~LetGo() {
                job.args_.reset();
                job.fn_.reset();
            }
            TypedWorkerJob& job;
        } const let_go{*this};
        try {
            if constexpr (std::is_void_v<R>) {
                invoke();
            } else if constexpr (std::is_reference_v<R>) {
                R value = invoke();
                value_.emplace(std::addressof(value));
            } else {
                value_.emplace(invoke());
            }
        } catch (...) {
            keep_caught(error_);
        }
    }
    std::exception_ptr take_error() noexcept override { return std::exchange(error_, nullptr); }
    bool failed() const noexcept override { return error_ != nullptr; }

    std::optional<F> fn_;
    std::optional<std::tuple<Args...>> args_;
    std::optional<KeptResult<R>> value_;
    std::exception_ptr error_;
};

template <class R, class Job>
Task<R> worker_job_result(std::shared_ptr<Job> job, JobPlacement placement) {
    Task<void> end = WorkerJob::await(job, std::move(placement));
    co_await std::move(end);
    if constexpr (std::is_void_v<R>)
        job->take();
    else
        co_return job->take();
}

template <class F, class... Args>
Task<WorkerResult<F, Args...>> start_worker_job(JobPlacement placement, F fn, Args... args) {
    using Job = TypedWorkerJob<F, Args...>;
    using R = WorkerResult<F, Args...>;
    static_assert(!is_task_v<std::remove_cvref_t<R>>,
                  "a coroutine runs on a loop, not on a worker thread: co_await it, or call f().get() in fn");
    return worker_job_result<R>(std::make_shared<Job>(std::move(fn), std::move(args)...),
                                std::move(placement));
}

}  // namespace tandem::inline v1
