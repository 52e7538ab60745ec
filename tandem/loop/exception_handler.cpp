#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>

#include <cstdio>
#include <string>

namespace tandem::inline v1 {
namespace {

void print(const ErrorContext& context) {
    std::string text = "tandem: " + context.message;
    if (!context.task.empty()) text += " (task " + context.task + ")";
    if (!context.handle.empty()) text += " (" + context.handle + ")";
    if (context.exception) text += ": " + describe(context.exception);
    if (context.source.line() != 0) {
        text += "\n  made at ";
        text += context.source.file_name();
        text += ':' + std::to_string(context.source.line());
    }
    text += '\n';
    std::fputs(text.c_str(), stderr);
}

}  // namespace

void EventLoop::call_exception_handler(const ErrorContext& context) noexcept {
    try {
        if (!exception_handler_) {
            if (context.severity == Severity::info) return;
            if (context.severity != Severity::suppressed || debug_) print(context);
            return;
        }
        const auto handler = exception_handler_;  // it may replace itself
        try {
            handler(*this, context);
        } catch (...) {
            print(
                {"unhandled error in exception handler", std::current_exception(), {}, {}, Severity::error});
            print(context);
        }
    } catch (...) {
        std::fputs("tandem: an error could not even be reported\n", stderr);
    }
}

}  // namespace tandem::inline v1
