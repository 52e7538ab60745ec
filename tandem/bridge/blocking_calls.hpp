#pragma once

#include <tandem/base/time.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::inline v1 {

/// A place that calls what blocks, `usleep()` say, in steps of a loop in debug mode: nothing else of that
/// loop ran meanwhile.
struct BlockingCallSite {
    std::string call;      ///< "usleep"
    std::string function;  ///< whose code called it; empty if nothing names it
    std::uint64_t calls = 0;
    Duration blocked{};  ///< in all
    Duration longest{};
    std::string task;  ///< in which it took longest; empty for a callback

    /// `tandem D1 blocking-call: usleep in task "fetch", called by fetch_all(), stopped its loop 3 times, 30
    /// ms in all, longest 11 ms; ...`, then what to do.
    std::string text() const;
};

/// Every call of the C library that may block and was made in a step of a loop in debug mode, where most time
/// was spent first: sleeps, and reading, writing, connecting and accepting on descriptors that are not
/// non-blocking, `poll`, `select`, `getaddrinfo`. Not counted: what a fiber with `hook_blocking_calls` or a
/// worker thread calls, since that stops no loop. Counts in programs that are linked with `tandem_hooks`, or
/// have it preloaded, from the first debug loop on that `run()`, a `Runner` or the background makes; for
/// loops driven by hand, from the first call of this function.
///
/// Threads     any. Reads the symbol tables of the program's files: not for a loop's thread.
std::vector<BlockingCallSite> blocking_calls();
/// The same, a line for each.
std::string blocking_calls_text();

/// For the hooks: `call` at `place` took so long, in the step that runs.
void count_blocking_call(const char* call, const void* place, std::int64_t nanoseconds) noexcept;

}  // namespace tandem::inline v1
