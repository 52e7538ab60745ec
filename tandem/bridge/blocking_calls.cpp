#include <tandem/bridge/blocking_calls.hpp>

#include <tandem/base/fork.hpp>
#include <tandem/base/symbols.hpp>
#include <tandem/base/time_text.hpp>
#include <tandem/bridge/hook_table.hpp>
#include <tandem/task/task_node.hpp>

#include <algorithm>
#include <mutex>
#include <new>

namespace tandem::inline v1 {
namespace {

struct Site {
    const char* call;
    const void* place;
    std::uint64_t calls = 0;
    std::int64_t blocked = 0;
    std::int64_t longest = -1;
    std::string task;
};

// Never destroyed: steps may run late.
struct Registry {
    static Registry& here() {
        static Registry& instance = *new Registry;
        return instance;
    }
    Registry() { free_in_children(mutex, LockRank::inner); }
    Site& site(const char* call, const void* place) {
        const auto found =
            std::find_if(sites.begin(), sites.end(), [&](const Site& known) { return known.place == place; });
        return found != sites.end() ? *found
                                    : sites.emplace_back(Site{.call = call, .place = place, .task = {}});
    }

    std::mutex mutex;
    std::vector<Site> sites;
};

}  // namespace

void count_blocking_call(const char* call, const void* place, std::int64_t nanoseconds) noexcept try {
    const TaskNode* const task = current_task_node();
    auto& registry = Registry::here();
    const std::lock_guard lock(registry.mutex);
    Site& site = registry.site(call, place);
    ++site.calls;
    site.blocked += nanoseconds;
    if (nanoseconds <= site.longest) return;
    site.longest = nanoseconds;
    site.task = task ? task->name() : std::string();
} catch (const std::bad_alloc&) {  // then it is not counted
}

std::vector<BlockingCallSite> blocking_calls() {
    attach_hooks();
    std::vector<BlockingCallSite> report;
    std::vector<std::uintptr_t> places;
    {
        auto& registry = Registry::here();
        const std::lock_guard lock(registry.mutex);
        for (const Site& site : registry.sites) {
            report.push_back({.call = site.call,
                              .function = {},
                              .calls = site.calls,
                              .blocked = Duration(site.blocked),
                              .longest = Duration(site.longest),
                              .task = site.task});
            places.push_back(reinterpret_cast<std::uintptr_t>(site.place));
        }
    }
    const auto names = symbols_of(places);
    for (std::size_t i = 0; i < report.size(); ++i) report[i].function = names[i].name;
    std::sort(report.begin(), report.end(),
              [](const auto& a, const auto& b) { return a.blocked > b.blocked; });
    return report;
}

std::string BlockingCallSite::text() const {
    return "tandem D1 blocking-call: " + call +
           (task.empty() ? " in a callback" : " in task \"" + task + "\"") +
           (function.empty() ? "" : ", called by " + function) + ", stopped its loop " +
           std::to_string(calls) + (calls == 1 ? " time, " : " times, ") + time_text(blocked) +
           " in all, longest " + time_text(longest) +
           "; use tandem's own call, co_await to_thread(fn), or a fiber with hook_blocking_calls";
}

std::string blocking_calls_text() {
    std::string text;
    for (const auto& site : blocking_calls()) text += site.text() + "\n";
    return text;
}

}  // namespace tandem::inline v1
