#pragma once

// Parties that wait for each other in a ring: each is a task on one of three loops in threads of their own,
// or on the background loop, and each waits for the next one in a manner of its own.

#include <tandem/bridge/pending.hpp>
#include <tandem/task/task_handle.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace deadlocks {

/// A loop and the thread that runs it.
class LoopThread {
public:
    LoopThread();
    ~LoopThread();
    LoopThread(const LoopThread&) = delete;
    LoopThread& operator=(const LoopThread&) = delete;
    tandem::EventLoop& loop() { return *loop_; }

private:
    std::unique_ptr<tandem::EventLoop> loop_;
    std::thread thread_;
};

/// How a party waits for the next one.
enum class How : unsigned char {
    handle,         // co_await its handle; on one loop
    pending,        // co_await its Pending
    worker_get,     // a thread job: Pending::get()
    worker_wait,    // Pending::wait()
    worker_error,   // Pending::exception()
    worker_cancel,  // Pending::get_or_cancel() with no end of time
    worker_asks,    // f().get(), f awaits the Pending
    worker_runs,    // run(f()) in the worker, f awaits the Pending
    strand_get,     // Pending::get() on a strand
    pool_get,       // Pending::get() in a pool of one thread
    fiber_get,      // on a fiber: Pending::get()
    fiber_asks,     // on a fiber: f().get(), f awaits the Pending
    elsewhere,      // run_on() its loop, awaits its handle there
    // The rest waits as the inner manner says, one layer deeper.
    group,
    gather,
    wait_all,
    nested,  // co_await of a coroutine of a coroutine
    shielded,
    layers,  // a thread job that asks for a thread job
    // No edges of the graph: each of these ends in 20 ms by itself, whatever becomes of the next party.
    deadline,         // timeout() around the await of the Pending
    far_deadline,     // the same, two coroutines further out
    worker_deadline,  // a thread job: Pending::get(20ms)
    worker_wait_for,  // Pending::wait(20ms)
    ask_deadline,     // f().get(20ms), f awaits the Pending
    race,             // of the await with a sleep
    first,            // wait() for the first of two
    scope,            // in a CancelScope with a deadline
    event,            // an Event that a timer sets
    lock,             // a Mutex whose holder, the next party so to speak, sleeps
    completion,       // a Completion that a thread completes
    queue,            // a UniversalQueue that a thread puts into
    rest,             // a sleep
};

struct Hop {
    How how;
    int loop = 0;  // of the party that waits: 0, 1 and 3 have threads, 2 is the background loop
    How inner = How::pending;
};

/// In which order they begin to wait.
enum class Order : unsigned char { together, forwards };

/// What became of a ring.
struct Ending {
    int refused = 0;                  // parties that were told
    int parties_over = 0;             // of those that have ended
    std::string text;                 // what the first was told
    std::size_t hops = 0;             // in its cycle()
    std::chrono::nanoseconds took{};  // from the last beginning to the first refusal
};

/// Lets them wait for each other; whoever is refused goes on, which frees the others.
Ending tie(const std::vector<Hop>& ring, Order order = Order::together);

/// The limit of a deadlock's life; more where sanitizers slow everything down.
std::chrono::milliseconds patience();

}  // namespace deadlocks
