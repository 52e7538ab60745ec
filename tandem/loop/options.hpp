#pragma once

#include <tandem/backend/backend.hpp>
#include <tandem/base/time.hpp>
#include <tandem/loop/clock.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace tandem::inline v1 {

class Instrument;

/// What a loop does that has live tasks and nothing that could ever wake one of them: no timer, no operation,
/// no watched descriptor, no signal handler, no thread job, nobody outside that a task waits for, no waker.
enum class Quiescence : std::uint8_t {
    ignore,
    report,  ///< tells the handler, once, after a second of it: a thread may still post
    raise,   ///< `WouldDeadlock` leaves the run, after the same second
};

/// What a blocking wait does, `f().get()` say, in a plain step of a loop: in a callback, or in a coroutine
/// that calls synchronous code.
enum class Blocking : std::uint8_t {
    refuse,  ///< throws `WouldDeadlock`
    /// Suspends the step where it stands, on its own stack, and the loop goes on with others on another one
    /// (sem:T5). The price: two switches of stacks in each turn, 256 KiB of address space for each step that
    /// waits, and steps are not atomic any more: whatever a step calls may wait, and then other steps of this
    /// loop run before it goes on.
    portal,
};

/// How a loop is made. An aggregate that needs no destructor, since it is passed in `co_await` expressions
/// too.
struct EventLoopOptions {
    BackendChoice backend = BackendChoice::automatic;
    LoopTime* time = nullptr;     ///< the clock, real if null (virtual on `sim`); must outlive the loop
    SimHost* sim_host = nullptr;  ///< the machine of a simulated world that it runs on; overrules `backend`
    bool debug = false;           ///< also set by `TANDEM_DEBUG=1`
    Duration close_grace = std::chrono::seconds(5);
    /// For tests: an order that nobody promises is drawn from this seed instead of always being the same.
    std::optional<std::uint64_t> shuffle_seed = std::nullopt;
    Instrument* instrument = nullptr;  ///< hears what the loop does; must outlive it
    /// Unless set: `raise` where the clock jumps, as in tests and simulations, else `report`.
    std::optional<Quiescence> quiescence = std::nullopt;
    /// Whoever waits from outside for work of this loop goes on waiting when it is stopped, until its next
    /// run or its close, instead of getting `LoopClosed` (sem:B24).
    bool keep_pending = false;
    Blocking blocking = Blocking::refuse;
};

/// What a loop dropped when it closed (sem:L23).
struct CloseRecord {
    std::size_t pending_tasks = 0;  ///< were live, and were cancelled
    std::size_t leaked_tasks = 0;   ///< of these, did not end within the grace
    std::size_t callbacks = 0;      ///< queued, of `call_soon` and `call_soon_threadsafe`
    std::size_t timers = 0;
};

/// What a loop can be in. `lost`: the process was forked, and the loop belongs to the parent.
enum class LoopState : std::uint8_t { created, running, stopped, closed, lost };

}  // namespace tandem::inline v1
