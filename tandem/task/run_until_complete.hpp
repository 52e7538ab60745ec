#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/task_handle.hpp>

#include <utility>

namespace tandem::inline v1 {

/// Drives the loop until `task` is done or the loop is stopped. Whether it is done.
bool drive_until_done(EventLoop& loop, TaskNode& task);

template <class T>
T EventLoop::run_until_complete(TaskHandle<T> task, SourceLocation) {
    require_open("run it");
    if (&task.node().domain() != &TaskDomain::of(*this))
        throw WrongLoop("run_until_complete of task " + task.name() +
                        ", which belongs to another event loop");
    if (!drive_until_done(*this, task.node()))
        throw InvalidStateError("event loop stopped before the task completed: " + task.state());
    return task.share_result();
}

template <class T>
T EventLoop::run_until_complete(Task<T> task, SourceLocation where) {
    return run_until_complete(create_task(std::move(task), where), where);
}

}  // namespace tandem::inline v1
