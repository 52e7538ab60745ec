#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/base/time.hpp>
#include <tandem/bridge/caller.hpp>

namespace tandem::inline v1 {

class PendingCore;

/// What a wait that stops its caller is called, what it is for, and where it stands in the code: for
/// refusals, for the wait-for graph, and for whoever asks what a thread waits for.
struct BlockingWait {
    const char* verb;                          ///< "Pending::get()"
    SourceLocation where;                      ///< of the call
    SourceLocation wanted = SourceLocation();  ///< the coroutine that it waits for; line 0 for none
};

// The one way in which code that is no coroutine waits for a task. Each kind of caller waits in its own
// manner (sem:7.1); what none of them may do is refused here.

/// Throws `WouldDeadlock` if blocking here would stop a running loop, naming who waits for what and the ways
/// out. Gives what the caller is, if not that.
CallerKind refuse_to_block(const BlockingWait& wait);
/// Queues' blocking calls wait in a task from now on, where the caller has one or can be interrupted.
void tell_queues_of_tasks() noexcept;
/// Waits until `core` is done. Errors: `WouldDeadlock`.
void wait_for_end(PendingCore& core, const BlockingWait& wait);
/// At most `limit`. Whether it is done. Errors: `WouldDeadlock`.
bool wait_for_end(PendingCore& core, Deadline limit, const BlockingWait& wait);

}  // namespace tandem::inline v1
