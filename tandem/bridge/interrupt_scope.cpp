#include <tandem/bridge/interrupt_scope.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/base/fork.hpp>
#include <tandem/base/time_asleep.hpp>
#include <tandem/bridge/exit_wait.hpp>
#include <tandem/bridge/pending.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>

namespace tandem::inline v1 {
namespace {

// What the handler may touch: these, from whichever thread the signal came to.
constinit std::atomic<int> untaken = 0;         // Ctrl-Cs that no wait has thrown yet
constinit std::atomic<std::uint32_t> bell = 0;  // counts news for the main thread, which sleeps on it
constinit std::atomic<bool> open = false;
constinit std::atomic<EventLoop*> driven = nullptr;  // by the main thread, for a wait of its own
constinit std::atomic<int> handling = 0;             // handlers that may be at it
struct sigaction previous{};

void ring() noexcept {
    bell.fetch_add(1, std::memory_order_release);
    ::syscall(SYS_futex, &bell, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void sleep_until_rung(std::uint32_t seen, TimePoint limit) noexcept {
    timespec until{};
    const auto since = limit.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    until.tv_sec = seconds.count();
    until.tv_nsec = (since - seconds).count();
    ::syscall(SYS_futex, &bell, FUTEX_WAIT_BITSET_PRIVATE, seen, limit == TimePoint::max() ? nullptr : &until,
              nullptr, FUTEX_BITSET_MATCH_ANY);
}

void on_interrupt(int signal) {
    const int kept_errno = errno;
    if (untaken.fetch_add(1) >= 2) {
        // Nobody listens: the process ends as if we had never been here, once this handler returns.
        std::signal(signal, SIG_DFL);
        std::raise(signal);
    }
    ring();
    handling.fetch_add(1);
    if (EventLoop* const loop = driven.load()) loop->signal_arrived();
    handling.fetch_sub(1);
    errno = kept_errno;
}

}  // namespace

bool in_main_thread() noexcept {
    // A child's only thread is its main one, whatever it was to the parent.
    constinit thread_local struct {
        std::uint32_t generation = UINT32_MAX;
        bool main = false;
    } known;
    if (known.generation != fork_generation()) {
        watch_forks();
        known = {fork_generation(), ::getpid() == static_cast<int>(::syscall(SYS_gettid))};
    }
    return known.main;
}

bool is_of_interrupt_scope(void (*handler)(int)) noexcept { return handler == on_interrupt; }

InterruptScope::InterruptScope(SourceLocation where) {
    const auto refuse = [&](const char* why) {
        throw InvalidStateError(std::string("InterruptScope at ") + where.file_name() + ":" +
                                std::to_string(where.line()) + ": " + why);
    };
    if (!in_main_thread()) refuse("Ctrl-C is the main thread's: open it there");
    if (open) refuse("another one is open already: one serves all that is called in it");
    struct sigaction now{};
    ::sigaction(SIGINT, nullptr, &now);
    if ((now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_DFL)
        refuse("SIGINT has a handler already, which it would replace: remove that first");
    untaken = 0;
    struct sigaction action{};
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, &previous);
    open = true;
}

InterruptScope::~InterruptScope() {
    open = false;
    struct sigaction now{};
    if (::sigaction(SIGINT, nullptr, &now) == 0 && is_of_interrupt_scope(now.sa_handler))
        ::sigaction(SIGINT, &previous, nullptr);
}

bool InterruptScope::interrupted() const noexcept { return untaken > 0; }

bool interrupts_end_waits() noexcept { return open.load(std::memory_order_relaxed) && in_main_thread(); }

void throw_if_interrupted() {
    if (untaken == 0) return;
    untaken = 0;
    throw Interrupted();
}

InterruptedDrive::InterruptedDrive(EventLoop& loop) noexcept : listens_(interrupts_end_waits()) {
    if (listens_) driven = &loop;
}

InterruptedDrive::~InterruptedDrive() {
    if (!listens_) return;
    driven = nullptr;
    while (handling != 0) std::this_thread::yield();
}

bool InterruptedDrive::leaves(PendingCore& core, const SourceLocation& where) {
    if (!listens_) return false;
    const int pressed = untaken;
    if (pressed > 0 && !cancelled_ && !core.done()) {
        cancelled_ = true;
        core.cancel("interrupted", where);
    }
    return cancelled_ && pressed > 1;
}

void InterruptedDrive::finish() const {
    if (cancelled_) throw_if_interrupted();
}

bool wait_interruptibly(PendingCore& core, TimePoint limit, const SourceLocation& where) {
    const EndWatch at_end(core, [] { ring(); });
    ExitWait told(core);
    bool cancelled = false;
    for (;;) {
        const std::uint32_t seen = bell.load(std::memory_order_acquire);
        if (core.done()) {
            if (!cancelled) return true;
            untaken = 0;
            throw Interrupted();
        }
        const int pressed = untaken;
        if (pressed > 0 && !cancelled) {
            cancelled = true;
            core.cancel("interrupted", where);
            limit = TimePoint::max();  // its cleanup is waited for, or the next Ctrl-C
        }
        if (pressed > 1) {
            untaken = 0;
            throw Interrupted();
        }
        if (real_time().now() >= limit) return false;
        const auto fell_asleep = real_time().now();
        sleep_until_rung(seen, limit);
        nanoseconds_asleep += (real_time().now() - fell_asleep).count();
    }
}

}  // namespace tandem::inline v1
