#include <tandem/bridge/background_loop.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/base/thread_gate.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace tandem::inline v1 {
namespace {

// One life of the background loop. Its thread owns a reference, so that a process that exits without waiting
// leaves it be.
struct Life {
    std::unique_ptr<EventLoop> loop;  // closed by its thread, destroyed by whoever lets go last
    std::exception_ptr failure;
    ThreadGate started;
    ThreadGate ended;
    std::thread thread;  // joined or let go by the one who ends this life
};

struct Registry {
    std::mutex mutex;
    std::shared_ptr<Life> current;
    bool at_exit_registered = false;
    bool exiting = false;
};

// Never destroyed: a thread may use the background loop while static destructors run.
Registry& registry() {
    static auto& instance = *new Registry;
    return instance;
}

// In a forked child the parent's background loop is there without its thread: it stays where it is, for good.
void forget_lost_life() {
    auto& current = registry().current;
    if (!current || current->loop->closed_reason() != LoopClosedReason::forked) return;
    static_cast<void>(new std::shared_ptr<Life>(std::move(current)));
    current = nullptr;
}

void serve(const std::shared_ptr<Life>& life) {
    try {
        life->loop = std::make_unique<EventLoop>();
        EventLoop& loop = *life->loop;
        life->started.open();
        for (;;) {
            try {
                loop.run_forever();
                break;
            } catch (...) {
                // exit_with() in a task of the background loop: the loop belongs to everybody, it goes on.
                loop.call_exception_handler({"an exception left the background loop, which goes on",
                                             std::current_exception(),
                                             {},
                                             {},
                                             Severity::error});
            }
        }
        // shutdown() asked for the end of all: the tasks that are left are expected, no report for each.
        loop.set_exception_handler([](EventLoop&, const ErrorContext& context) {
            if (context.severity == Severity::error)
                std::fprintf(stderr, "tandem: background loop: %s\n", context.message.c_str());
        });
        loop.close();
    } catch (...) {
        life->failure = std::current_exception();
        life->started.open();
    }
    life->ended.open();
}

double exit_grace_seconds() {
    const char* text = std::getenv("TANDEM_EXIT_GRACE");
    return text ? std::strtod(text, nullptr) : 2.0;
}

bool end(const std::shared_ptr<Life>& life, Duration limit) {
    try {
        life->loop->stop_threadsafe();
    } catch (const LoopClosed&) {  // somebody else ends it
    }
    const bool ended = life->ended.wait_for(limit);
    // Joined to its very end: what libraries keep per thread, OpenSSL's errors and random numbers say, is
    // freed by then.
    if (ended)
        life->thread.join();
    else
        life->thread.detach();
    return ended;
}

void at_exit() {
    std::shared_ptr<Life> life;
    {
        const std::lock_guard lock(registry().mutex);
        registry().exiting = true;
        forget_lost_life();
        life = std::exchange(registry().current, nullptr);
    }
    if (!life || life->thread.get_id() == std::this_thread::get_id()) return;
    end(life, to_duration(std::chrono::duration<double>(exit_grace_seconds())));
}

}  // namespace

EventLoop& background_loop() { return *share_background_loop(); }

std::shared_ptr<EventLoop> share_background_loop() {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    if (all.exiting)
        throw LoopClosed(LoopClosedReason::exited,
                         "the process is exiting: the background loop takes no more work");
    forget_lost_life();
    if (all.current) return {all.current, all.current->loop.get()};

    auto life = std::make_shared<Life>();
    life->thread = std::thread([life] { serve(life); });
    life->started.wait();
    if (life->failure) {
        life->thread.join();
        std::rethrow_exception(life->failure);
    }
    if (!all.at_exit_registered) {
        all.at_exit_registered = true;
        std::atexit(at_exit);
    }
    all.current = life;
    return {life, life->loop.get()};
}

void shutdown(Deadline deadline) {
    std::shared_ptr<Life> life;
    {
        const std::lock_guard lock(registry().mutex);
        forget_lost_life();
        life = registry().current;
        if (life && life->thread.get_id() == std::this_thread::get_id())
            throw WouldDeadlock(
                "shutdown() was called on the background loop's own thread, which would wait for itself: "
                "call it from "
                "plain code");
        registry().current = nullptr;
    }
    if (!life) return;
    const auto now = real_time().now();
    if (!end(life, deadline.resolve(now) - now))
        throw TimeoutError(
            "shutdown of the background loop: tasks did not end in time; its thread goes on by itself");
}

}  // namespace tandem::inline v1
