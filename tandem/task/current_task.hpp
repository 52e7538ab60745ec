#pragma once

#include <tandem/base/time.hpp>
#include <tandem/task/task_node.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::inline v1 {

/// The running task as a value: who am I?
struct TaskInfo {
    std::uint64_t id;
    std::string name;
    std::string state;
    SourceLocation spawned_at;
    std::vector<SourceLocation> await_path;  ///< root first; the last is where it stands
};

/// The task that runs on this thread, also inside coroutines that it awaits; nothing in plain code and
/// callbacks.
std::optional<TaskInfo> current_task();
/// Every live task of a loop.
///
/// Threads     any; another than the loop's waits for its answer, which comes between two steps. A loop that
/// nobody
///             runs yet, or any more, is read as it stands: nothing may be done to it meanwhile.
std::vector<TaskInfo> all_tasks(EventLoop& loop);
TaskInfo describe_task(const TaskNode& task);

/// The tree of tasks, each with the chain of its awaits and what it waits for, as text.
///
///     Task-1 pending, spawned at main.cpp:12
///       page (page.cpp:4) at page.cpp:8
///       connect (connect.cpp:30) at connect.cpp:71, waiting for connect
///
/// Threads     the loop's own.
std::string dump_tree(EventLoop& loop);

/// True if this code should end: its scope was cancelled. Costs one load.
bool is_cancelled() noexcept;
/// When the code that asks will be cancelled by the nearest timeout around it; `TimePoint::max()` for never.
TimePoint current_deadline() noexcept;

/// " in Task-3 at page.cpp:12": the task that runs here and its latest await, for messages; empty outside a
/// task.
std::string calling_place();

}  // namespace tandem::inline v1
