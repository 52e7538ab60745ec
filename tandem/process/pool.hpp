#pragma once

#include <tandem/base/held_state.hpp>
#include <tandem/task/task.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem::inline v1::process {

/// The child process that ran a job ended without an answer.
class ProcessDied : public std::runtime_error {
public:
    ProcessDied(int pid, int returncode);
    int pid() const noexcept { return pid_; }
    /// The exit status, or -N for signal N.
    int returncode() const noexcept { return returncode_; }

private:
    int pid_;
    int returncode_;
};

/// What a job threw in its child process; the type stays there.
class RemoteError : public std::runtime_error {
public:
    RemoteError(int pid, const std::string& what);
    int pid() const noexcept { return pid_; }

private:
    int pid_;
};

/// What travels between processes: text and bytes as a `std::string`, or the bytes of a plain value.
template <class T>
concept Portable =
    std::same_as<T, std::string> || (std::is_trivially_copyable_v<T> && std::default_initializable<T> &&
                                     !std::is_pointer_v<T> && !std::is_reference_v<T>);

/// A function by its address: the child runs the same program.
struct RemoteCall {
    using AnyFunction = void (*)();
    using Thunk = std::string (*)(AnyFunction fn, std::string_view arguments);
    Thunk thunk;
    AnyFunction fn;
    std::string arguments;
    bool kill_on_cancel = false;
};

/// Child processes of this very program that run plain functions: Python's `ProcessPoolExecutor`. For work
/// that needs a processor and may crash. A child is started by exec when a job needs it, with nothing of the
/// parent but its output, and serves one job after the other.
///
///     process::Pool pool(3);
///     int n = co_await pool.submit(square, 5);
///
/// A child runs its jobs before `main()`: it sees no arguments, and globals as their constructors left them.
///
/// Errors      what the function throws arrives as `RemoteError`; a child that dies, `ProcessDied`: the next
/// job
///             gets a new one. `std::system_error` if none can be started.
/// Cancelling  a job in line leaves it; one that runs is waited for and its value delivered, or killed at
/// once
///             if the pool was made with `kill_on_cancel()`.
/// Threads     one loop's.
/// Lifetime    ends its children; jobs under way keep theirs until they end.
class Pool {
public:
    explicit Pool(std::size_t processes);
    Pool(Pool&&) noexcept = default;
    Pool& operator=(Pool&&) = delete;
    ~Pool();

    /// From now on a cancelled job's process is killed.
    Pool& kill_on_cancel() { return kill_on_cancel_ = true, *this; }

    /// Runs `fn(args...)` in a child process.
    template <class R, class... P, class... A>
        requires(std::is_void_v<R> || Portable<R>) && (Portable<std::decay_t<P>> && ...) &&
                (sizeof...(P) == sizeof...(A)) && (std::convertible_to<A, std::decay_t<P>> && ...)
    Task<R> submit(R (*fn)(P...), A... args);

    /// The children that live, busy or not.
    std::vector<int> pids() const;

private:
    struct State;
    static Task<std::string> run(std::shared_ptr<State> state, RemoteCall call);
    HeldState<State, "process::Pool"> state_;
    bool kill_on_cancel_ = false;
};

/// `fn(args...)` in a child process of its own.
template <class R, class... P, class... A>
Task<R> to_process(R (*fn)(P...), A... args) {
    Pool pool(1);
    if constexpr (std::is_void_v<R>)
        co_await pool.submit(fn, std::move(args)...);
    else
        co_return co_await pool.submit(fn, std::move(args)...);
}

// Implementation

template <class T>
void put(std::string& out, const T& value) {
    if constexpr (std::same_as<T, std::string>) {
        put(out, static_cast<std::uint64_t>(value.size()));
        out += value;
    } else {
        out.append(reinterpret_cast<const char*>(std::addressof(value)), sizeof(T));
    }
}

[[noreturn]] void throw_short_frame();

template <class T>
T take(std::string_view& in) {
    if constexpr (std::same_as<T, std::string>) {
        const auto size = take<std::uint64_t>(in);
        if (in.size() < size) throw_short_frame();
        std::string value(in.substr(0, size));
        in.remove_prefix(size);
        return value;
    } else {
        if (in.size() < sizeof(T)) throw_short_frame();
        T value;
        std::memcpy(std::addressof(value), in.data(), sizeof(T));
        in.remove_prefix(sizeof(T));
        return value;
    }
}

/// What the child calls: takes the arguments from their bytes.
template <class R, class... P>
std::string call_with_bytes(RemoteCall::AnyFunction fn, [[maybe_unused]] std::string_view bytes) {
    std::tuple<std::decay_t<P>...> arguments{take<std::decay_t<P>>(bytes)...};  // braces: left to right
    const auto typed = reinterpret_cast<R (*)(P...)>(fn);
    std::string result;
    if constexpr (std::is_void_v<R>)
        std::apply(typed, std::move(arguments));
    else
        put<R>(result, std::apply(typed, std::move(arguments)));
    return result;
}

template <class R, class... P, class... A>
    requires(std::is_void_v<R> || Portable<R>) && (Portable<std::decay_t<P>> && ...) &&
            (sizeof...(P) == sizeof...(A)) && (std::convertible_to<A, std::decay_t<P>> && ...)
Task<R> Pool::submit(R (*fn)(P...), A... args) {
    RemoteCall call{
        &call_with_bytes<R, P...>, reinterpret_cast<RemoteCall::AnyFunction>(fn), {}, kill_on_cancel_};
    (put<std::decay_t<P>>(call.arguments, std::decay_t<P>(std::move(args))), ...);
    std::shared_ptr<State> state = state_.shared();
    Task<std::string> answer = run(std::move(state), std::move(call));
    std::string bytes = co_await std::move(answer);
    if constexpr (!std::is_void_v<R>) {
        std::string_view rest = bytes;
        co_return take<R>(rest);
    }
}

}  // namespace tandem::inline v1::process
