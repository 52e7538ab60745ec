#include <tandem/bridge/background_loop.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/base/fork.hpp>
#include <tandem/base/thread_gate.hpp>
#include <tandem/bridge/exit_wait.hpp>
#include <tandem/bridge/hook_table.hpp>
#include <tandem/task/task_node.hpp>

#include <cxxabi.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace tandem::inline v1 {
namespace {

using namespace std::chrono_literals;

// One life of a background loop. Its thread owns a reference, so that a process that exits without waiting
// leaves it be.
struct Life {
    // It stops only to close.
    explicit Life(std::string n)
        : name(std::move(n)), loop(std::make_unique<EventLoop>(EventLoopOptions{.keep_pending = true})) {
        tasks = &TaskDomain::of(*loop);
        if (loop->debug()) attach_hooks();
    }
    bool serves() const noexcept {
        return made_in == fork_generation() && !retired.load(std::memory_order_acquire);
    }
    bool runs_here() const { return id == std::this_thread::get_id(); }

    const std::uint32_t made_in = fork_generation();
    const std::string name;
    std::unique_ptr<EventLoop> loop;  // closed by its thread, destroyed by whoever lets go last
    TaskDomain* tasks;                // until it is retired
    std::atomic<bool> retired = false;
    ThreadGate ended;
    std::thread thread;
    std::thread::id id;
    std::atomic<bool> let_go = false;  // somebody has joined the thread, or left it
};
using Lives = std::vector<std::shared_ptr<Life>>;

void forget_in_child();

struct Registry {
    Registry() {
        free_in_children(mutex, LockRank::outer);
        ::pthread_atfork(nullptr, nullptr, forget_in_child);
    }

    std::mutex mutex;
    Lives callers = Lives(1);  // null: not started yet
    Lives named;
    Lives ending;                    // retired, and not yet over
    Lives inherited;                 // in a forked child: the parent's, which stay
    std::size_t turn = 0;            // of the place that is looked at first
    std::atomic<int> shutdowns = 0;  // under way
    std::atomic<bool> exiting = false;
    bool ends_at_exit = false;  // a handler was registered, in this very process
};

// Never destroyed: a thread may use the background loop while static destructors run.
Registry& registry() {
    static auto& instance = *new Registry;
    return instance;
}

// Which one this thread was given. Seen as null by what a thread does after its thread-locals have gone.
struct Given {
    std::weak_ptr<Life> life;
};
constinit thread_local Given* given = nullptr;
constinit thread_local bool thread_ends = false;
struct ForgetGiven {
    ~ForgetGiven() {
        delete std::exchange(given, nullptr);
        thread_ends = true;
    }
};

void keep(const std::shared_ptr<Life>& life) {
    if (thread_ends) return;
    thread_local const ForgetGiven at_thread_end;
    static_cast<void>(at_thread_end);
    if (!given) given = new Given;
    given->life = life;
}

double exit_grace_seconds() {
    const char* text = std::getenv("TANDEM_EXIT_GRACE");
    const double seconds = text ? std::strtod(text, nullptr) : 2.0;
    return seconds > 0 ? seconds : 0;
}

// In a forked child the parent's loops are there without their threads: they stay where they are, for good,
// without their descriptors.
void forget_in_child() {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    for (Lives* lives : {&all.callers, &all.named, &all.ending}) {
        for (auto& life : *lives) {
            if (!life) continue;
            life->loop->close_inherited();
            all.inherited.push_back(std::move(life));
        }
    }
    all.named.clear();
    all.ending.clear();
    all.shutdowns = 0;
    all.ends_at_exit = false;
}

void run_to_its_end(EventLoop& loop) {
    for (;;) {
        try {
            loop.run_forever();
            break;
        } catch (const abi::__forced_unwind&) {
            throw;
        } catch (...) {
            if (loop.failed()) return;
            // exit_with() in a task of the background loop: the loop belongs to everybody, it goes on.
            loop.call_exception_handler({"an exception left the background loop, which goes on",
                                         std::current_exception(),
                                         {},
                                         {},
                                         Severity::error});
        }
    }
}

void close(Life& life) {
    EventLoop& loop = *life.loop;
    // Somebody asked for the end of all: tasks that are left are expected, and told in debug mode only.
    loop.set_exception_handler([&life](EventLoop& closing, const ErrorContext& context) {
        if (context.severity != Severity::error && !closing.debug()) return;
        std::string text = "tandem: " + life.name + ": ";
        if (!context.task.empty()) text += context.task + ": ";
        text += context.message;
        if (context.exception) text += ": " + describe(context.exception);
        if (context.source.line() != 0)
            text += std::string(", started at ") + context.source.file_name() + ":" +
                    std::to_string(context.source.line());
        std::fprintf(stderr, "%s\n", text.c_str());
    });
    loop.close();
    life.ended.open();
}

// It ends, though nobody asked: the next call starts another. False if somebody did ask meanwhile.
bool retire_failed(const std::shared_ptr<Life>& life) {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    if (life->retired.exchange(true)) return false;  // who ends it waits a while, and is told
    std::replace(all.callers.begin(), all.callers.end(), life, std::shared_ptr<Life>());
    std::erase(all.named, life);
    life->loop->closes_for(LoopClosedReason::failed);
    return true;
}

// Its thread was ended from within, by pthread_exit() say: another one sees to the end, so that whoever waits
// is told.
void bury(const std::shared_ptr<Life>& life) {
    if (!retire_failed(life)) return;
    try {
        std::thread([life] {
            life->thread.join();
            close(*life);
        }).detach();
    } catch (const std::system_error&) {  // no thread for that: who waits has to give up by himself
    }
}

void serve(const std::shared_ptr<Life>& life, bool for_callers) {
    ::pthread_setname_np(::pthread_self(), life->name.substr(0, 15).c_str());
    try {
        if (for_callers) keep(life);
        run_to_its_end(*life->loop);
        const bool fails = life->loop->failed() && retire_failed(life);
        close(*life);
        if (fails && !life->let_go.exchange(true)) life->thread.detach();
    } catch (const abi::__forced_unwind&) {
        bury(life);
        throw;
    }
}

void at_exit();

// With the registry's lock held. Its maker waits for nothing: what is posted meanwhile waits for the thread.
std::shared_ptr<Life> start(std::string name, bool for_callers) {
    auto life = std::make_shared<Life>(std::move(name));
    try {
        life->thread = std::thread([life, for_callers] { serve(life, for_callers); });
        life->id = life->thread.get_id();
    } catch (...) {
        life->loop->close();
        throw;
    }
    // Once more in a child, whose first use may come after what its parent registered.
    if (!std::exchange(registry().ends_at_exit, true)) std::atexit(at_exit);
    return life;
}

void require_open(const Registry& all) {
    if (all.exiting)
        throw LoopClosed(LoopClosedReason::exited,
                         "the process is exiting: the background loop takes no more work");
    if (all.shutdowns > 0)
        throw LoopClosed(LoopClosedReason::exited,
                         "shutdown() is under way: the background loop takes no more work until it is over");
}

// Fewest live tasks; of equal ones the next in turn. One that was not started yet has none.
std::shared_ptr<Life> choose(Registry& all) {
    const std::size_t count = all.callers.size();
    const auto live = [&](std::size_t place) {
        const auto& life = all.callers[place];
        return life ? life->tasks->live() : 0;
    };
    std::size_t best = all.turn % count;
    for (std::size_t i = 1; i < count; ++i) {
        const std::size_t place = (all.turn + i) % count;
        if (live(place) < live(best)) best = place;
    }
    if (!all.callers[best])
        all.callers[best] =
            start(count == 1 ? "tandem loop" : "tandem loop " + std::to_string(best + 1), true);
    all.turn = best + 1;
    return all.callers[best];
}

/// Asks all of them to end by `limit`, then waits. Whether none had to be left behind.
bool end(const Lives& lives, TimePoint limit) {
    for (const auto& life : lives) {
        life->loop->closes_for(LoopClosedReason::exited);
        try {
            life->loop->call_soon_threadsafe([&loop = *life->loop, limit] {
                loop.set_close_grace(std::max(limit - real_time().now(), Duration::zero()));
                loop.stop();
            });
        } catch (const LoopClosed&) {  // it has come to its end by itself
        }
    }
    bool all_ended = true;
    for (const auto& life : lives) {
        if (life->ended.wait_for(saturating_add(limit, 50ms) - real_time().now())) {
            // Joined to its very end: what libraries keep per thread, OpenSSL's errors and random numbers
            // say, is freed by then.
            if (!life->let_go.exchange(true)) life->thread.join();
            all_ended = all_ended && life->loop->close_record().leaked_tasks == 0;
        } else {
            if (!life->let_go.exchange(true)) life->thread.detach();
            all_ended = false;
        }
    }
    return all_ended;
}

// What still runs does not touch what static destructors destroy: it stops at the next entry of its loop.
void park(Life& life) {
    if (life.ended.is_open()) return;
    try {
        life.loop->call_soon_threadsafe([] {
            for (;;) ::pause();
        });
    } catch (const LoopClosed&) {
    }
}

void at_exit() {
    Registry& all = registry();
    Lives lives;
    {
        const std::lock_guard lock(all.mutex);
        if (all.exiting.exchange(true)) return;
        for (Lives* some : {&all.callers, &all.named, &all.ending}) {
            for (const auto& life : *some) {
                // On its own thread it runs nothing any more: it is busy exiting.
                if (life && !life->runs_here()) lives.push_back(life);
            }
        }
        for (const auto& life : lives) life->retired.store(true, std::memory_order_release);
    }
    end(lives,
        saturating_add(real_time().now(), to_duration(std::chrono::duration<double>(exit_grace_seconds()))));
    std::vector<const EventLoop*> stuck;
    for (const auto& life : lives) {
        park(*life);
        if (!life->ended.is_open()) stuck.push_back(life->loop.get());
    }
    if (!stuck.empty()) end_waits_at_exit(std::move(stuck));
}

// Moves those that `choose` takes from the registry to `ending`. With its lock held.
Lives retire(Registry& all, const std::string* name) {
    Lives lives;
    for (const auto& life : name ? Lives() : all.callers) {
        if (life) lives.push_back(life);
    }
    for (const auto& life : all.named) {
        if (!name || life->name == *name) lives.push_back(life);
    }
    for (const auto& life : lives) {
        if (!life->runs_here()) continue;
        throw WouldDeadlock(
            "shutdown() was called on the background loop's own thread, which would wait for itself: "
            "call it from plain code");
    }
    for (const auto& life : lives) {
        life->retired.store(true, std::memory_order_release);
        std::replace(all.callers.begin(), all.callers.end(), life, std::shared_ptr<Life>());
        std::erase(all.named, life);
        all.ending.push_back(life);
    }
    return lives;
}

bool shut_down(const std::string* name, Deadline deadline) {
    Registry& all = registry();
    std::unique_lock lock(all.mutex);
    const Lives lives = retire(all, name);
    if (lives.empty()) return false;
    if (!name) ++all.shutdowns;
    lock.unlock();
    const bool in_time = end(lives, deadline.resolve(real_time().now()));
    lock.lock();
    if (!name) --all.shutdowns;
    for (const auto& life : lives) std::erase(all.ending, life);
    lock.unlock();
    if (!in_time)
        throw TimeoutError(
            "shutdown of the background loop: tasks did not end in time; they are left behind, and a thread "
            "that is stuck goes on by itself");
    return true;
}

std::string full_name(std::string_view name) { return "tandem " + std::string(name); }

}  // namespace

EventLoop& background_loop() { return *share_background_loop(); }
EventLoop& background_loop(std::string_view name) { return *share_background_loop(name); }

std::shared_ptr<EventLoop> share_background_loop() {
    if (given) {
        if (auto life = given->life.lock(); life && life->serves()) return {life, life->loop.get()};
    }
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    require_open(all);
    const auto life = choose(all);
    keep(life);
    return {life, life->loop.get()};
}

std::shared_ptr<EventLoop> share_background_loop(std::string_view name) {
    const std::string full = full_name(name);
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    require_open(all);
    for (const auto& life : all.named) {
        if (life->name == full) return {life, life->loop.get()};
    }
    all.named.push_back(nullptr);
    try {
        all.named.back() = start(full, false);
    } catch (...) {
        all.named.pop_back();
        throw;
    }
    const auto& life = all.named.back();
    return {life, life->loop.get()};
}

void set_background_loops(std::size_t count) {
    if (count == 0) throw std::invalid_argument("set_background_loops(0): plain code needs at least one");
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    if (std::any_of(all.callers.begin(), all.callers.end(), [](const auto& life) { return life != nullptr; }))
        throw InvalidStateError("set_background_loops(" + std::to_string(count) +
                                ") came after the first use of the background loop: call it before, or after "
                                "shutdown()");
    all.callers.assign(count, nullptr);
    all.turn = 0;
}

void shutdown(Deadline deadline) { shut_down(nullptr, deadline); }

bool stop_background_loop(std::string_view name, Deadline deadline) {
    const std::string full = full_name(name);
    return shut_down(&full, deadline);
}

}  // namespace tandem::inline v1
