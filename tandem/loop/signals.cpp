#include <tandem/loop/signals.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/base/fork.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/signals_internal.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace tandem::inline v1 {
namespace {

constexpr int signal_count = 65;

// What the handler itself may touch: atomics only. `arrived` counts deliveries; the loop takes them.
struct Arrival {
    std::atomic<EventLoop*> loop = nullptr;
    std::atomic<std::uint64_t> order = 0;  // of the first delivery not yet taken; 0: none
};
constinit std::array<Arrival, signal_count> arrivals;
constinit std::atomic<std::uint64_t> next_order = 1;

struct Registration {
    std::shared_ptr<std::function<void()>> fn;
    struct sigaction previous{};
};
struct Registrations {
    Registrations() { free_in_children(mutex); }
    std::mutex mutex;
    std::array<Registration, signal_count> by_signal;
};
Registrations& registrations() {
    static auto& instance = *new Registrations;
    return instance;
}

void on_signal(int signal) {
    const int saved = errno;
    Arrival& arrival = arrivals[static_cast<std::size_t>(signal)];
    if (EventLoop* loop = arrival.loop.load(std::memory_order_acquire)) {
        std::uint64_t none = 0;
        arrival.order.compare_exchange_strong(none, next_order.fetch_add(1, std::memory_order_relaxed));
        loop->signal_arrived();
    }
    errno = saved;
}

bool replaceable(const struct sigaction& action, bool (*may_replace)(void (*)(int))) {
    return (action.sa_flags & SA_SIGINFO) == 0 &&
           (action.sa_handler == SIG_DFL || may_replace(action.sa_handler));
}

bool restore(int signal, Registration& registration) {
    struct sigaction now{};
    ::sigaction(signal, &registration.previous, &now);
    if (now.sa_handler == on_signal) return true;
    // Somebody else has taken the signal meanwhile: it is theirs now.
    ::sigaction(signal, &now, nullptr);
    return false;
}

// With the lock held. False if `may_replace` does not allow it.
bool put(EventLoop& loop, int signal, std::function<void()> fn, bool (*may_replace)(void (*)(int))) {
    Registration& registration = registrations().by_signal[static_cast<std::size_t>(signal)];
    Arrival& arrival = arrivals[static_cast<std::size_t>(signal)];
    const bool fresh = !registration.fn;
    if (!fresh && may_replace) return false;
    registration.fn = std::make_shared<std::function<void()>>(
        [fn = std::move(fn), context = Context::current()]() mutable { context.run(fn); });
    arrival.loop.store(&loop, std::memory_order_release);
    if (!fresh) return true;
    const auto undo = [&] {
        registration.fn.reset();
        arrival.loop.store(nullptr);
    };
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    if (::sigaction(signal, &action, &registration.previous) != 0) {
        undo();
        throw std::system_error(errno, std::generic_category(),
                                "sigaction for signal " + std::to_string(signal));
    }
    if (!may_replace || replaceable(registration.previous, may_replace)) return true;
    ::sigaction(signal, &registration.previous, nullptr);
    undo();
    return false;
}

}  // namespace

void add_signal_handler(EventLoop& loop, int signal, std::function<void()> fn) {
    if (!fn) throw std::invalid_argument("add_signal_handler: a null callable");
    if (loop.is_closed())
        throw LoopClosed(LoopClosedReason::closed,
                         "event loop is closed: add_signal_handler() came too late");
    constexpr int refused[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    if (signal <= 0 || signal >= signal_count ||
        std::find(std::begin(refused), std::end(refused), signal) != std::end(refused))
        throw std::invalid_argument("add_signal_handler: signal " + std::to_string(signal) +
                                    " cannot be handled by an event loop");
    const std::lock_guard lock(registrations().mutex);
    put(loop, signal, std::move(fn), nullptr);
}

bool add_signal_handler_over(EventLoop& loop, int signal, std::function<void()> fn,
                             bool (*may_replace)(void (*handler)(int))) {
    // What was so the last time is so again, nearly always: then nobody asks first, and a handler put up
    // meanwhile is put back at once.
    static std::atomic<bool> was_so = false;
    if (!was_so) {
        struct sigaction now{};
        if (::sigaction(signal, nullptr, &now) != 0 || !replaceable(now, may_replace)) return false;
    }
    const std::lock_guard lock(registrations().mutex);
    const bool done = put(loop, signal, std::move(fn), may_replace);
    was_so = done;
    return done;
}

bool remove_signal_handler(int signal) {
    if (signal <= 0 || signal >= signal_count) return false;
    std::unique_lock lock(registrations().mutex);
    Registration& registration = registrations().by_signal[static_cast<std::size_t>(signal)];
    if (!registration.fn) return false;
    const bool restored = restore(signal, registration);
    EventLoop* const loop = arrivals[static_cast<std::size_t>(signal)].loop.exchange(nullptr);
    arrivals[static_cast<std::size_t>(signal)].order.store(0);
    registration.fn.reset();
    lock.unlock();
    if (!restored && loop)
        loop->call_exception_handler({"the handler of signal " + std::to_string(signal) +
                                          " was replaced by somebody else meanwhile: it is left as it is",
                                      nullptr,
                                      {},
                                      {},
                                      Severity::warning});
    return true;
}

void EventLoop::set_signal_handler(int signal, std::function<void()> fn) {
    tandem::add_signal_handler(*this, signal, std::move(fn));
}

bool EventLoop::remove_signal_handler(int signal) {
    if (signal <= 0 || signal >= signal_count ||
        arrivals[static_cast<std::size_t>(signal)].loop.load() != this)
        return false;
    return tandem::remove_signal_handler(signal);
}

void deliver_signals(EventLoop& loop) {
    // In the order of arrival: the few that are pending are picked oldest first.
    for (;;) {
        std::size_t oldest = 0;
        std::uint64_t least = UINT64_MAX;
        for (std::size_t signal = 1; signal < signal_count; ++signal) {
            if (arrivals[signal].loop.load(std::memory_order_relaxed) != &loop) continue;
            const auto order = arrivals[signal].order.load(std::memory_order_acquire);
            if (order != 0 && order < least) {
                least = order;
                oldest = signal;
            }
        }
        if (oldest == 0) return;
        arrivals[oldest].order.store(0, std::memory_order_release);
        std::shared_ptr<std::function<void()>> fn;
        {
            const std::lock_guard lock(registrations().mutex);
            fn = registrations().by_signal[oldest].fn;
        }
        if (fn) loop.call_soon([fn] { (*fn)(); });
    }
}

bool handles_signals(const EventLoop& loop, int but) {
    for (int signal = 1; signal < signal_count; ++signal) {
        if (signal != but && arrivals[static_cast<std::size_t>(signal)].loop.load() == &loop) return true;
    }
    return false;
}

void forget_signals(EventLoop& loop) {
    for (int signal = 1; signal < signal_count; ++signal) {
        if (arrivals[static_cast<std::size_t>(signal)].loop.load() == &loop) remove_signal_handler(signal);
    }
}

}  // namespace tandem::inline v1
