#include <tandem/task/gather.hpp>

#include <string>

namespace tandem::inline v1 {

void throw_cancelled_here() { current_task_node()->throw_cancelled(); }

void require_own_loop(const TaskNode& handed_over) {
    const TaskNode* const here = current_task_node();
    if (!here || handed_over.done() || &handed_over.domain() == &here->domain()) return;
    const SourceLocation& at = handed_over.spawned_at();
    throw WrongLoop(here->name() + " gave task " + handed_over.name() + ", started at " + at.file_name() +
                    ":" + std::to_string(at.line()) +
                    ", to a combinator, but it belongs to another event loop: give its Pending, or "
                    "run_on(loop, f())");
}

void GatherGroup::conclude() {
    const auto failures = take_failures();
    if (fatal()) std::rethrow_exception(fatal());
    if (!failures.empty()) {
        // Later errors belong to work that was being cancelled: told, not thrown (sem:G6).
        for (std::size_t i = 1; i < failures.size(); ++i) {
            this_loop().call_exception_handler(
                {"a gathered task failed after another had failed with " + describe(failures.front()),
                 failures[i],
                 {},
                 {},
                 Severity::suppressed});
        }
        std::rethrow_exception(failures.front());
    }
    if (outer_cancelled()) current_task_node()->throw_cancelled();
}

void GatherGroup::could_not_start() {
    add_failure(std::current_exception());
    cancel_children("a sibling could not be started");
}

void OutcomeGroup::could_not_start() {
    not_started_ = std::current_exception();
    cancel_children("a sibling could not be started");
}

void OutcomeGroup::conclude() {
    if (not_started_) std::rethrow_exception(not_started_);
    if (outer_cancelled()) current_task_node()->throw_cancelled();
}

}  // namespace tandem::inline v1
