#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/task/task_node.hpp>

#include <string>
#include <string_view>

namespace tandem::inline v1 {

/// What it stands at has been asked to end, or it will find itself cancelled in its next step.
bool is_cancelling(const TaskNode& task);
/// " pending, waiting for sleep at page.cpp:12": what follows the name of a task that has not ended.
std::string describe_live(TaskNode::Status status, bool started, bool cancelling,
                          std::string_view waiting_for, const SourceLocation& at);

}  // namespace tandem::inline v1
