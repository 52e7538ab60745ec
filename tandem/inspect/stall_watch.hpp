#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/base/time.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tandem::inline v1::inspect {

/// Why a step does not end.
enum class StallCause : std::uint8_t {
    on_cpu,       ///< it computes
    descheduled,  ///< it would, but the machine gives the cpu to others
    system_call,  ///< it waits in the kernel
    lock,         ///< for a lock or another thread
    memory,       ///< for a page that has to be read first, or another fault
};

/// One step that has been running for too long and still is.
struct StallRecord {
    struct Await {
        SourceLocation function;
        SourceLocation at;  ///< where it awaited last; the function itself if it has not
    };

    std::uint64_t loop = 0;  ///< loops are counted as they are made, from 0
    SourceLocation loop_made_at;
    Duration lasted{};  ///< so far, at least
    StallCause cause = StallCause::on_cpu;
    std::string system_call;  ///< "read"; empty unless it waits in one
    int descriptor = -1;      ///< that the system call is about; -1 for none
    std::string function;     ///< the innermost that is not the C library's; empty if the stack is not known
    std::vector<std::string> stack;  ///< from there, where it is blocked, out to the loop
    std::uint64_t task = 0;          ///< 0 for a callback, or if nobody could tell
    std::string task_name;
    std::vector<Await> await_path;  ///< root first; the last is the coroutine that runs
    bool again = false;             ///< a stall that was told before, twice as long now

    /// `tandem D2 stall: loop 0 made no step for 130 ms: ...`, then stack, await path, and what to do.
    std::string text() const;
};

struct StallWatchOptions {
    /// A longer step is a stall.
    Duration threshold = std::chrono::milliseconds(100);
    /// How many of a loop are printed in a minute; the rest is counted.
    unsigned printed_a_minute = 5;
};

/// Notices that a step of a loop does not end, while it does not: who blocks, and where. Watches every loop
/// of the process, those made later too, from a thread of its own, which looks twenty times a second and
/// sleeps while all loops do. The loops pay one store a step for it, watched or not.
///
///     inspect::StallWatch watch;                       // prints to standard error
///     inspect::StallWatch watch({.threshold = 25ms}, [](const inspect::StallRecord& stall) {
///         log(stall.text());
///     });
///
/// A stalled thread is left alone: what it waits for in the kernel is read off /proc, and its stack from
/// outside. One that computes is interrupted for some microseconds by a signal, which ends no system call
/// early; it is the highest real-time signal that nobody handles when the first watch is opened. Tells each
/// stall once, and again whenever its length has doubled. A process that was stopped as a whole has none.
///
/// Errors      `std::system_error` if there can be no thread. What the handler throws is printed.
/// Threads     any. The handler is called on the watch's own: it may take its time, and must not close the
///             watch.
/// Lifetime    any; closing it waits for a handler that runs. In a forked child it watches nothing.
class StallWatch {
public:
    using Handler = std::function<void(const StallRecord&)>;

    /// Without a handler stalls are printed.
    explicit StallWatch(const StallWatchOptions& options = {}, Handler handler = {});
    ~StallWatch();
    StallWatch(const StallWatch&) = delete;
    StallWatch& operator=(const StallWatch&) = delete;

    /// How many were told, printed or not.
    std::uint64_t stalls() const noexcept;
    /// How often it has looked at the loops.
    std::uint64_t looks() const noexcept;

private:
    class Watcher;
    std::unique_ptr<Watcher> watcher_;
};

}  // namespace tandem::inline v1::inspect
