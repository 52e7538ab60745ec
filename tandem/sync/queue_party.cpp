#include <tandem/sync/queue_party.hpp>

#include <tandem/base/errors.hpp>

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

namespace tandem::inline v1 {
namespace {

std::string place(const SourceLocation& where) {
    return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

constinit std::atomic<QueueWaits::Possible> task_possible = nullptr;
constinit std::atomic<QueueWaits::Wait> task_wait = nullptr;

}  // namespace

void QueueWaits::tell(Possible possible, Wait wait) noexcept {
    task_wait = wait;
    task_possible = possible;
}

bool QueueWaits::in_task() noexcept {
    const Possible possible = task_possible.load();
    return possible && possible();
}

void QueueWaits::wait(Task<void> task, Deadline limit, const SourceLocation& where, const char* call) {
    try {
        task_wait.load()(std::move(task), limit, where);
    } catch (const TimeoutError&) {
        throw_party_timeout(call, where);
    }
}

void throw_party_timeout(const char* call, const SourceLocation& where) {
    throw TimeoutError(std::string(call) + " of a UniversalQueue at " + place(where) +
                       " ran out of time: nobody came to the other side");
}

void refuse_to_block_a_loop(const char* call, const SourceLocation& where) {
    if (!this_loop_or_null()) return;
    throw WouldDeadlock(std::string(call) + " of a UniversalQueue at " + place(where) +
                        " would stop the event loop that runs on this thread: `co_await` the call without "
                        "_blocking, or wait for it with `.get()` on a fiber or in a worker");
}

TimePoint party_time() { return real_time().now(); }

bool ThreadParty::wait(TimePoint until) {
    if (until != TimePoint::max()) {
        const auto now = real_time().now();
        return gate_.wait_for(std::max(until, now) - now);
    }
    gate_.wait();
    return true;
}

void TaskParty::wake() noexcept {
    EventLoop& loop = task_->loop();
    if (this_loop_or_null() == &loop)
        task_->wake();
    else
        loop.try_post_threadsafe(*this);
}

}  // namespace tandem::inline v1
