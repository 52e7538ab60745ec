#include <tandem/bridge/run_blocking.hpp>

#include <memory>

namespace tandem::inline v1 {
namespace {

// A ready socket costs epoll no more than its own system call, and no ring has to be set up.
RunOptions on_this_thread() {
    RunOptions options;
    options.backend = BackendChoice::epoll;
    return options;
}

}  // namespace

Runner& blocking_runs_of_this_thread() {
    thread_local std::unique_ptr<Runner> runs;
    thread_local std::uint32_t made_in = 0;
    if (!runs || made_in != fork_generation()) {
        // A forked child leaves the parent's where they are.
        static_cast<void>(runs.release());
        runs = std::make_unique<Runner>(on_this_thread());
        made_in = fork_generation();
    }
    return *runs;
}

}  // namespace tandem::inline v1
