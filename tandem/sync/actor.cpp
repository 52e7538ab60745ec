#include <tandem/sync/actor.hpp>

namespace tandem::inline v1 {

void report_actor_error(std::exception_ptr error, std::size_t errors, std::size_t give_up_after) {
    const TaskNode& task = *current_task_node();
    std::string message = "an actor failed and starts afresh, error " + std::to_string(errors);
    if (give_up_after != 0) message += " of " + std::to_string(give_up_after);
    task.loop().call_exception_handler(
        {message, std::move(error), task.name(), task.spawned_at(), Severity::error});
}

}  // namespace tandem::inline v1
