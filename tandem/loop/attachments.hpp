#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/base/time.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace tandem::inline v1 {

class EventLoop;
enum class LoopClosedReason : std::uint8_t;

// What other rooms hang on a loop. All of it is for the library only.

/// A callback that waits for its time; the loop drops what is left of them when it closes.
struct PlannedCall {
    ListLink<PlannedCall> planned_link;
    virtual void drop() noexcept = 0;

protected:
    ~PlannedCall() = default;
};

/// Somebody outside a loop waits for what only the loop can bring.
struct OutsideCaller {
    ListLink<OutsideCaller> outside_link;
    /// The loop does not go on with it, for this reason. Off its list; on the thread that drove the loop.
    virtual void loop_left(LoopClosedReason reason) noexcept = 0;

protected:
    ~OutsideCaller() = default;
};

/// What the room above hangs on a loop to own its tasks.
class LoopTenant {
public:
    virtual ~LoopTenant() = default;
    /// Asks every task to end. Called once when the loop closes; then the loop is driven until `live()` is 0.
    virtual void cancel_all() noexcept = 0;
    virtual std::size_t live() const noexcept = 0;
    /// Asked when `live()` is 0: starts what can only end now, and whether there is any.
    virtual bool more_to_end() { return false; }
    /// The tasks and what they wait for, if none of them is ready or waits for something outside the loop;
    /// empty otherwise.
    virtual std::string describe_if_stuck() const { return {}; }
    /// The grace is over: what still lives is reported and leaked on purpose (sem:L23).
    virtual void abandon() noexcept = 0;
};

/// The jobs that threads do for a loop, as the room of threads keeps them.
class LoopWorkers {
public:
    virtual ~LoopWorkers() = default;
    /// A job runs, and its end will be posted here.
    virtual bool busy() const noexcept = 0;
    /// Takes no more jobs, drives the loop until those there are have ended, at most `limit` of real time,
    /// then warns. Called when the loop ends and is not running.
    virtual void finish(EventLoop& loop, Duration limit) noexcept = 0;
};

/// What a loop's fibers run on, as the room of fibers keeps it.
class LoopFibers {
public:
    virtual ~LoopFibers() = default;
};

/// Runs a loop's turns on stacks on which its steps may wait (sem:T5), as the room of fibers keeps it.
class LoopPortal {
public:
    virtual ~LoopPortal() = default;
    /// One turn: `EventLoop::begin_turn()`, and `finish_turn()` until it is over.
    virtual void turn(TimePoint limit) = 0;
    /// Steps that wait on their stacks.
    virtual std::size_t parked() const noexcept = 0;

    const void* dispatcher = nullptr;  ///< the stack that takes the entries of the batch; null: it waits
    bool in_entry = false;             ///< one of them runs, and may wait
};

}  // namespace tandem::inline v1
