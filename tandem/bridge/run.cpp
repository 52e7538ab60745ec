#include <tandem/bridge/run.hpp>

#include <tandem/bridge/hook_table.hpp>
#include <tandem/bridge/interrupt_scope.hpp>
#include <tandem/bridge/wait_graph.hpp>
#include <tandem/loop/signals.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/interrupt.hpp>

#include <cxxabi.h>

#include <csignal>
#include <cstdio>
#include <utility>

namespace tandem::inline v1 {
namespace {

EventLoopOptions loop_options(const RunOptions& options) {
    EventLoopOptions made;
    made.backend = options.backend;
    made.time = options.time;
    made.debug = options.debug;
    made.shuffle_seed = options.shuffle_seed;
    made.instrument = options.instrument;
    made.quiescence = options.quiescence;
    made.blocking = options.blocking;
    return made;
}

}  // namespace

RunGuard::RunGuard(const RunOptions& options, const SourceLocation& where) {
    if (this_loop_or_null())
        throw WouldDeadlock(
            "run() was called under a running event loop" + calling_place() +
            ", which it would stop: use co_await f(), or f().start(on(loop)) for another loop");
    loop_ = options.loop_factory ? options.loop_factory()
                                 : std::make_unique<EventLoop>(loop_options(options), where);
    if (loop_->debug()) attach_hooks();
    may_watch_sigint_ = options.handle_sigint;
    // Whoever waits for work of this loop is told when the run is over.
    kept_pending_ = loop_->keep_pending(true);
}

RunGuard::~RunGuard() {
    leave_sigint();
    shut_shields();
}

void RunGuard::leave_sigint() noexcept {
    if (std::exchange(watches_sigint_, false)) loop_->remove_signal_handler(SIGINT);
}

void RunGuard::leave_waiters() noexcept {
    if (!kept_pending_) loop_->leave_waiters(LoopClosedReason::stopped);
}

bool RunGuard::drive_one(TaskNode& main) {
    interrupts_ = 0;
    cancelled_by_us_ = false;
    shut_shields();
    if (may_watch_sigint_ && in_main_thread()) {
        const auto on_interrupt = [this, &main] {
            if (++interrupts_ > 1) {
                remove_signal_handler(SIGINT);  // the next one ends the process
                open_shields(TaskDomain::of(*loop_).root());
                return;
            }
            cancelled_by_us_ = !main.requested();
            main.cancel(make_reason("interrupted", SourceLocation()));
        };
        watches_sigint_ = add_signal_handler_over(*loop_, SIGINT, on_interrupt, is_of_interrupt_scope);
        if (watches_sigint_) loop_->disregard_signal(SIGINT);
    }
    const DrivingThread driving(*loop_, main);
    while (!drive_until_done(*loop_, main)) {
        // stop() from inside does not end a run(): the main task does.
    }
    return cancelled_by_us_;
}

bool RunGuard::drive(TaskNode& main) {
    bool interrupted = false;
    try {
        interrupted = drive_one(main);
    } catch (...) {
        join_the_rest();
        throw;
    }
    join_the_rest();
    return interrupted;
}

void RunGuard::join_the_rest() {
    // Cancelled and joined before the loop closes, so that closing has nothing to report (sem:L56, L57).
    TaskDomain& domain = TaskDomain::of(*loop_);
    const auto live = [](void* argument) { return static_cast<TaskDomain*>(argument)->live() == 0; };
    // From the root, so that what a cleanup still starts is born cancelled.
    if (domain.live() > 0) domain.root().request_cancel(nullptr);
    while (domain.live() > 0 || domain.close_generators()) {
        try {
            loop_->drive(live, &domain);
        } catch (const abi::__forced_unwind&) {
            throw;
        } catch (const SystemExit&) {  // the run is ending already, by the first of them
        } catch (const Interrupted&) {
        } catch (...) {
            loop_->call_exception_handler({"unhandled exception during run() shutdown",
                                           std::current_exception(),
                                           {},
                                           {},
                                           Severity::error});
        }
    }
    if (loop_->workers()) loop_->workers()->finish(*loop_, std::chrono::seconds(300));
    loop_->close();
}

RunGuard& Runner::guard() {
    if (closed_)
        throw LoopClosed(LoopClosedReason::closed, "this Runner was closed: make a new one for another run");
    if (this_loop_or_null())
        throw WouldDeadlock(
            "Runner::run() was called under a running event loop, which it would stop: use co_await f()");
    if (!guard_) guard_ = std::make_unique<RunGuard>(options_, made_at_);
    return *guard_;
}

bool Runner::drive(TaskNode& main) {
    struct Leave {
        RunGuard& runs;
        ~Leave() {
            runs.leave_sigint();
            runs.leave_waiters();
        }
    } const leave{*guard_};
    return guard_->drive_one(main);
}

void Runner::close() {
    if (std::exchange(closed_, true) || !guard_) return;
    if (guard_->loop().state() == LoopState::lost) {  // the parent's, and so are its tasks
        static_cast<void>(guard_.release());
        return;
    }
    guard_->join_the_rest();
    guard_.reset();
}

Runner::~Runner() {
    try {
        close();
    } catch (...) {
        std::fprintf(stderr, "tandem: closing a Runner failed: %s\n",
                     describe(std::current_exception()).c_str());
    }
}

int run_main(Task<int> task, const RunOptions& options) {
    try {
        return run(std::move(task), options);
    } catch (const SystemExit& request) {
        return request.code();
    } catch (const Interrupted&) {
        return 130;
    } catch (...) {
        std::fprintf(stderr, "tandem: %s\n", describe(std::current_exception()).c_str());
        return 1;
    }
}

}  // namespace tandem::inline v1
