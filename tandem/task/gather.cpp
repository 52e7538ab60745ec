#include <tandem/task/gather.hpp>

namespace tandem::inline v1 {

void GatherGroup::conclude() {
    if (failed()) {
        // Later errors belong to work that was being cancelled: told, not thrown (sem:G6).
        for (std::size_t i = 1; i < failures().size(); ++i) {
            this_loop().call_exception_handler({"a gathered task failed after another had failed",
                                                failures()[i],
                                                {},
                                                {},
                                                Severity::suppressed});
        }
        std::rethrow_exception(failures().front());
    }
    if (outer_cancelled()) current_task_node()->throw_cancelled();
}

void OutcomeGroup::conclude() {
    if (outer_cancelled()) current_task_node()->throw_cancelled();
}

}  // namespace tandem::inline v1
