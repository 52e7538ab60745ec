#pragma once

#include <tandem/backend/clock.hpp>
#include <tandem/backend/operation.hpp>
#include <tandem/backend/sockets.hpp>
#include <tandem/base/time.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tandem::inline v1 {

class SimHost;

/// What a file is opened for.
enum class FileUse : std::uint8_t {
    read,
    write,   ///< made, or emptied first
    append,  ///< made if there is none; every write goes to its end
    update,  ///< read and written from its beginning, made if there is none
};

/// What `Backend::submit` did.
struct Submitted {
    bool done = false;  ///< the operation is over: `result` is final and `completed()` will not be called
    std::int32_t result = 0;
};

/// Takes operations to the kernel and brings their results back. All backends keep the promises in
/// `tests/contracts/backend_contract.cpp`; what one lacks it makes up for here, never above.
///
/// Errors      travel in results, as negative errno; no verb throws.
/// Cancelling  is a request: the operation still completes, once, as itself or with -ECANCELED.
/// Threads     the loop's (the thread that calls `wait()`; another one may go on later, operations in flight
/// or not),
///             except `wake()`, which any thread and any signal handler may call. `completed()` may call
///             every verb but `wait()`.
/// Lifetime    outlives every operation given to it: the destructor cancels what is left and waits for it.
class Backend {
public:
    virtual ~Backend() = default;
    virtual std::string_view name() const noexcept = 0;

    /// Starts an operation, or finishes it on the spot when that costs no waiting (a ready socket under
    /// epoll).
    [[nodiscard]] virtual Submitted submit(Operation& operation) noexcept = 0;
    /// Asks a submitted operation to end early. Idempotent. Its `completed()` is never called from in here.
    virtual void cancel(Operation& operation) noexcept = 0;
    /// Completes what is ready; with nothing ready, sleeps until `deadline` (CLOCK_MONOTONIC), a completion
    /// or a `wake()`. `TimePoint::min()` looks and does not sleep, `TimePoint::max()` has no limit. Calls
    /// `completed()` of each finished operation before it returns.
    virtual void wait(TimePoint deadline) noexcept = 0;
    /// Ends a `wait()` early, or the next one if none is running. Async-signal-safe.
    virtual void wake() noexcept = 0;
    /// The descriptor's owner is about to close it or to hand it away; no operation on it is in flight. The
    /// backend drops what it kept under that number, so that a new file under the same number inherits
    /// nothing (sem:L44).
    virtual void forget(int fd) noexcept = 0;
    /// Operations submitted and not yet completed.
    virtual std::size_t in_flight() const noexcept = 0;
    /// The errno with which the kernel ceased to serve it, for good; 0 as long as it does. What was in flight
    /// has ended with it then, as what is submitted later does at once; `wait()` sleeps in naps.
    virtual int failure() const noexcept { return 0; }
    /// Readable when `wait(TimePoint::min())` would find something: lets a foreign loop drive this one
    /// (sem:L46).
    virtual int pollable_fd() noexcept = 0;
    /// In a forked child, to be called last: closes its own descriptors and touches nothing else, for the
    /// rest is the parent's. It is then left where it is, not destroyed (sem:B47).
    virtual void leave_to_parent() noexcept {}
    /// Threads outside work on so many more, or fewer, things whose end will wake the loop: a simulated clock
    /// gives them a while before it goes on.
    virtual void expect_wakes(int change) noexcept { static_cast<void>(change); }
    /// A new socket, non-blocking and close-on-exec, or a negative errno; family and type as socket(2) takes
    /// them. What never waits is then done by `sockets_of()`.
    virtual int open_socket(int family, int type) noexcept;
    /// Two stream sockets connected with each other. 0 or a negative errno.
    virtual int open_socket_pair(int (&ends)[2]) noexcept;
    /// A file of the machine that is simulated, or a negative errno; -ENOSYS: files are the kernel's, open(2)
    /// them.
    virtual int open_file(const std::string& path, FileUse use) noexcept;
    /// A backend that simulates time takes this clock, one that can be turned, and says true: `wait()` turns
    /// it and measures deadlines with it. Else time is the kernel's.
    virtual bool take_time(LoopTime& time) noexcept {
        static_cast<void>(time);
        return false;
    }
};

enum class BackendChoice : std::uint8_t { automatic, uring, epoll, sim };

/// A chosen backend and, when io_uring was wanted and could not be had, why.
struct ChosenBackend {
    std::unique_ptr<Backend> backend;
    std::string fallback_reason;  ///< empty when io_uring runs or was not wanted
};

/// The backend asked for could not be set up on this machine.
class BackendUnavailable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// `automatic` reads `TANDEM_BACKEND` (`uring`, `epoll`, `sim`, `auto`), then tries io_uring by using it and
/// falls back to epoll on EPERM, ENOSYS, EACCES, ENOMEM or EMFILE. `TANDEM_BACKEND=sim` is told on standard
/// error, once (URING-1).
///
/// Errors      `BackendUnavailable` if io_uring was asked for by name and is not to be had, or if
/// `TANDEM_BACKEND`
///             holds something else; `std::system_error` if not even epoll can be set up (EMFILE).
/// With `host` it is a simulated one, on that machine of a simulated world.
ChosenBackend choose_backend(BackendChoice choice = BackendChoice::automatic, SimHost* host = nullptr);

}  // namespace tandem::inline v1
