#include <tandem/base/time_text.hpp>
#include <tandem/inspect/stall_watch.hpp>

namespace tandem::inline v1::inspect {
namespace {

std::string place(const SourceLocation& at) {
    return std::string(at.file_name()) + ":" + std::to_string(at.line());
}

std::string reason(const StallRecord& stall) {
    switch (stall.cause) {
        case StallCause::on_cpu:
            return "computes";
        case StallCause::descheduled:
            return "computes, and others have the cpu";
        case StallCause::system_call:
            return "waits in " + stall.system_call +
                   (stall.descriptor >= 0 ? " of descriptor " + std::to_string(stall.descriptor) : "");
        case StallCause::lock:
            return "waits for a lock";
        case StallCause::memory:
            return "waits for memory";
    }
    return {};
}

const char* way_out(StallCause cause) {
    switch (cause) {
        case StallCause::on_cpu:
            return "split the work, or co_await to_thread(...)";
        case StallCause::descheduled:
            return "not this program alone: the machine has more to do than it can";
        case StallCause::system_call:
            return "await tandem's own call, or co_await to_thread(...)";
        case StallCause::lock:
            return "hold the lock for less, or use tandem's Mutex";
        case StallCause::memory:
            return "touch the memory before, or lock it";
    }
    return "";
}

}  // namespace

std::string StallRecord::text() const {
    std::string text =
        "tandem D2 stall: loop " + std::to_string(loop) + " made no step for " + time_text(lasted) + ": ";
    if (!function.empty()) text += function + " ";
    text += reason(*this);
    text += task != 0 ? ", in task " + std::to_string(task) + " \"" + task_name + "\"" : ", in a callback";
    if (again) text += ", still the same step";
    const char* link = "\n    ";
    for (const auto& frame : stack) {
        text += link + frame;
        link = "\n    <- ";
    }
    for (auto await = await_path.rbegin(); await != await_path.rend(); ++await)
        text += std::string("\n    ") + await->function.function_name() + "  " + place(await->at);
    return text + "\n  fix: " + way_out(cause);
}

}  // namespace tandem::inline v1::inspect
