#include <tandem/loop/event_loop.hpp>
#include <tandem/task/task.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace tandem::inline v1 {
namespace {

constinit std::atomic<std::uint64_t> count = 0;

bool debug_wanted() {
    const char* value = std::getenv("TANDEM_DEBUG");
    return value && *value != '\0' && std::string_view(value) != "0";
}

}  // namespace

std::uint64_t never_awaited_tasks() noexcept { return count.load(std::memory_order_relaxed); }

void note_never_awaited(const SourceLocation& born) noexcept {
    count.fetch_add(1, std::memory_order_relaxed);
    EventLoop* const loop = this_loop_or_null();
    if (loop ? !loop->debug() : !debug_wanted()) return;
    try {
        const std::string message = std::string("task was never awaited: ") + born.function_name() + " (" +
                                    born.file_name() + ":" + std::to_string(born.line()) +
                                    "): co_await it, start it, or call .get()";
        if (loop)
            loop->call_exception_handler({message, nullptr, {}, born, Severity::warning});
        else
            std::fprintf(stderr, "tandem: %s\n", message.c_str());
    } catch (...) {
        std::fputs("tandem: a task was never awaited, and there is no memory to say which\n", stderr);
    }
}

}  // namespace tandem::inline v1
