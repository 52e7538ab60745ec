#include <tandem/bridge/caller.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/worker_job.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/current_task.hpp>

#include <string>

namespace tandem::inline v1 {

CallerKind caller_kind() noexcept {
    if (this_loop_or_null()) return CallerKind::loop_thread;
    return current_worker_job() ? CallerKind::worker : CallerKind::plain;
}

void refuse_to_block(const char* what, const SourceLocation& wanted, const SourceLocation& where) {
    if (caller_kind() != CallerKind::loop_thread) return;
    const auto place = [](const SourceLocation& at) {
        return std::string(at.file_name()) + ":" + std::to_string(at.line());
    };
    std::string text = std::string(what) + " at " + place(where) + " would block the event loop (" +
                       std::string(this_loop().backend_name()) + ") of this thread";
    if (wanted.line() != 0)
        text += std::string(" to wait for ") + wanted.function_name() + " (" + place(wanted) + ")";
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

}  // namespace tandem::inline v1
