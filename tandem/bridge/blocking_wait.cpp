#include <tandem/bridge/blocking_wait.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/caller.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/task/current_task.hpp>

#include <string>

namespace tandem::inline v1 {
namespace {

std::string place(const SourceLocation& at) {
    return std::string(at.file_name()) + ":" + std::to_string(at.line());
}

}  // namespace

void refuse_to_block(const BlockingWait& wait) {
    if (caller_kind() != CallerKind::loop_thread) return;
    std::string text = std::string(wait.verb) + " at " + place(wait.where) + " would block the event loop (" +
                       std::string(this_loop().backend_name()) + ") of this thread";
    if (wait.wanted.line() != 0)
        text += std::string(" to wait for ") + wait.wanted.function_name() + " (" + place(wait.wanted) + ")";
    if (const auto task = current_task()) {
        text += "; waiting would be " + task->name;
        for (const auto& frame : task->await_path)
            text += std::string("\n  ") + frame.function_name() + " at " + place(frame);
    } else {
        text += "; the caller is a callback of that loop";
    }
    text +=
        "\nuse one of: co_await f() in a coroutine; co_await in_fiber(fn) around synchronous code; "
        "co_await to_thread(fn) to run it on a thread of its own";
    throw WouldDeadlock(text);
}

void wait_for_end(PendingCore& core, const BlockingWait& wait) {
    if (core.done()) return;
    if (caller_kind() == CallerKind::fiber) {
        core.wait_on_fiber({}, wait.where);
        return;
    }
    refuse_to_block(wait);
    core.wait();
}

bool wait_for_end(PendingCore& core, Deadline limit, const BlockingWait& wait) {
    if (limit.never()) {
        wait_for_end(core, wait);
        return true;
    }
    if (core.done()) return true;
    if (caller_kind() == CallerKind::fiber) return core.wait_on_fiber(limit, wait.where);
    refuse_to_block(wait);
    const auto now = real_time().now();
    return core.wait_for(limit.resolve(now) - now);
}

}  // namespace tandem::inline v1
