#pragma once

#include <tandem/task/task.hpp>

namespace tandem::inline v1 {

/// Waits until every task of the running loop has ended that lives now, whoever started it, but the one that
/// asks and the library's own, which live as long as the loop: asyncio's
/// `gather(*[t for t in all_tasks() if not t.done()])` before the end. Looks at no result.
///
///     loop.run_until_complete(work());
///     loop.run_until_complete(join_all_tasks());
///     loop.close();
///
/// Errors      `WouldDeadlock` if one of them waits for the task that asks.
/// Cancelling  ends only the wait.
/// Threads     the loop's.
Task<void> join_all_tasks();

}  // namespace tandem::inline v1
