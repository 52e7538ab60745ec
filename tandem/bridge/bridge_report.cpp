#include <tandem/bridge/bridge_report.hpp>

#include <tandem/base/fork.hpp>
#include <tandem/base/symbols.hpp>
#include <tandem/base/time_text.hpp>
#include <tandem/bridge/counted_wait.hpp>
#include <tandem/bridge/submitted_task.hpp>

#include <execinfo.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

namespace tandem::inline v1 {
namespace {

/// What one thread has counted at one place, or all threads that have ended have.
struct Counts {
    // Written by one thread, read by whoever asks.
    std::atomic<std::uint64_t> calls = 0;
    std::atomic<std::int64_t> blocked = 0;
    std::atomic<std::int64_t> longest = 0;

    void add(std::uint64_t more, std::int64_t time, std::int64_t most) noexcept {
        constexpr auto relaxed = std::memory_order_relaxed;
        calls.store(calls.load(relaxed) + more, relaxed);
        if (time == 0) return;
        blocked.store(blocked.load(relaxed) + time, relaxed);
        if (most > longest.load(relaxed)) longest.store(most, relaxed);
    }
    void add(const Counts& other) noexcept { add(other.calls, other.blocked, other.longest); }
};

struct Site {
    const char* verb;
    SourceLocation where;
    Counts counts;  // of threads that count elsewhere now, under the registry's lock
    std::array<void*, 64> stack{};
    int depth = 0;
};

// A place is known by the address of its constant data.
std::uintptr_t key_of(const SourceLocation& where) noexcept {
    std::uintptr_t key = 0;
    static_assert(sizeof where == sizeof key);
    std::memcpy(&key, &where, sizeof key);
    return key;
}

struct Slot {
    std::uintptr_t key = 0;
    std::atomic<Site*> site = nullptr;
    Counts counts;
};

class ThreadCounts;

// Never destroyed: threads end late.
struct Registry {
    static Registry& here() {
        static Registry& instance = *new Registry;
        return instance;
    }
    Registry() { free_in_children(mutex, LockRank::inner); }
    Site& site(const BlockingWait& wait);

    std::mutex mutex;
    std::vector<std::unique_ptr<Site>> sites;
    std::vector<ThreadCounts*> threads;
};

/// What this thread counts: each place has its slot, where another may have been before.
class ThreadCounts {
public:
    static constexpr std::size_t slots = 64;

    Slot& slot(std::uintptr_t key) noexcept { return slots_[(key >> 4 ^ key >> 10) % slots]; }
    ThreadCounts() {
        const std::lock_guard lock(Registry::here().mutex);
        Registry::here().threads.push_back(this);
    }
    ~ThreadCounts() {
        const std::lock_guard lock(Registry::here().mutex);
        std::erase(Registry::here().threads, this);
        for (auto& slot : slots_) give_up(slot);
    }
    ThreadCounts(const ThreadCounts&) = delete;
    ThreadCounts& operator=(const ThreadCounts&) = delete;

    /// The slot is that place's from now on.
    void take(Slot& slot, const BlockingWait& wait) {
        const std::lock_guard lock(Registry::here().mutex);
        Site& site = Registry::here().site(wait);
        give_up(slot);
        slot.key = key_of(wait.where);
        slot.site = &site;
    }
    void add_to(const Site& site, BridgeSite& sum) const {
        for (const auto& slot : slots_) {
            if (slot.site.load(std::memory_order_relaxed) == &site) add(slot.counts, sum);
        }
    }
    static void add(const Counts& counts, BridgeSite& sum) {
        sum.calls += counts.calls.load(std::memory_order_relaxed);
        sum.blocked += Duration(counts.blocked.load(std::memory_order_relaxed));
        sum.longest = std::max(sum.longest, Duration(counts.longest.load(std::memory_order_relaxed)));
    }

private:
    // Under the lock.
    static void give_up(Slot& slot) noexcept {
        if (Site* const site = slot.site.exchange(nullptr)) site->counts.add(slot.counts);
        slot.counts.calls = 0;
        slot.counts.blocked = 0;
        slot.counts.longest = 0;
    }

    std::array<Slot, slots> slots_;
};

constinit thread_local ThreadCounts* own_counts = nullptr;
constinit thread_local bool counted_out = false;

/// Ends a thread's counting with the thread.
struct CountsOwner {
    CountsOwner() = default;
    CountsOwner(const CountsOwner&) = delete;
    CountsOwner& operator=(const CountsOwner&) = delete;
    ~CountsOwner() {
        counted_out = true;
        delete std::exchange(own_counts, nullptr);
    }
    void start() {}
};
thread_local CountsOwner owner;

Site& Registry::site(const BlockingWait& wait) {
    const auto same = [&](const std::unique_ptr<Site>& known) {
        return known->where.line() == wait.where.line() && known->where.column() == wait.where.column() &&
               std::strcmp(known->where.file_name(), wait.where.file_name()) == 0;
    };
    const auto found = std::find_if(sites.begin(), sites.end(), same);
    if (found != sites.end()) return **found;
    auto made = std::make_unique<Site>();
    made->verb = wait.verb;
    made->where = wait.where;
    made->depth = ::backtrace(made->stack.data(), static_cast<int>(made->stack.size()));
    return *sites.emplace_back(std::move(made));
}

// Null if there is no memory to count, or the thread ends.
Slot* find_slot(const BlockingWait& wait) noexcept {
    const auto key = key_of(wait.where);
    if (own_counts) [[likely]] {
        Slot& slot = own_counts->slot(key);
        if (slot.key == key) [[likely]]
            return &slot;
    }
    if (counted_out) return nullptr;
    try {
        if (!own_counts) {
            owner.start();
            own_counts = new ThreadCounts;
        }
        Slot& slot = own_counts->slot(key);
        own_counts->take(slot, wait);
        return &slot;
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

// From the function that has the call out to the thread's first.
std::size_t functions_above(const Site& site) {
    std::vector<std::uintptr_t> addresses;
    for (int i = 0; i < site.depth; ++i)
        addresses.push_back(reinterpret_cast<std::uintptr_t>(site.stack[static_cast<std::size_t>(i)]));
    const auto names = symbols_of(addresses);
    const auto ours = [](const Symbol& symbol) { return symbol.qualified().starts_with("tandem::v1::"); };
    const auto c_library = [](const Symbol& symbol) {
        return symbol.name.empty() || symbol.name == "_start" || symbol.image.starts_with("libc.so") ||
               symbol.image.starts_with("libstdc++") || symbol.image.starts_with("libpthread");
    };
    // get() itself stands innermost, whether it was inlined or not.
    const auto last = std::find_if(names.begin(), names.end(),
                                   [&](const Symbol& symbol) { return !ours(symbol) && !c_library(symbol); });
    return static_cast<std::size_t>(
        std::count_if(last, names.end(), [&](const Symbol& symbol) { return !c_library(symbol); }));
}

std::string counted(std::uint64_t count, const char* thing) {
    return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

}  // namespace

void count_wait(const BlockingWait& wait) noexcept {
    if (Slot* const slot = find_slot(wait)) slot->counts.add(1, 0, 0);
}

CountedWait::CountedWait(const BlockingWait& wait) noexcept : wait_(wait) { count_wait(wait); }

void CountedWait::slept() noexcept {
    const auto time = nanoseconds_asleep - before_;
    if (Slot* const slot = find_slot(wait_)) slot->counts.add(0, time, time);
}

void wait_counted(SubmittedTask& call, const BlockingWait& wait) noexcept {
    const CountedWait counted(wait);
    call.wait();
}

std::vector<BridgeSite> bridge_report() {
    std::vector<BridgeSite> report;
    std::vector<const Site*> sites;
    {
        auto& registry = Registry::here();
        const std::lock_guard lock(registry.mutex);
        for (const auto& site : registry.sites) {
            BridgeSite& sum = report.emplace_back(BridgeSite{.verb = site->verb, .where = site->where});
            ThreadCounts::add(site->counts, sum);
            for (const auto* thread : registry.threads) thread->add_to(*site, sum);
            sites.push_back(site.get());
        }
    }
    for (std::size_t i = 0; i < report.size(); ++i) report[i].functions_above = functions_above(*sites[i]);
    std::sort(report.begin(), report.end(),
              [](const auto& a, const auto& b) { return a.blocked > b.blocked; });
    return report;
}

std::string BridgeSite::text() const {
    return std::string(verb) + " at " + where.file_name() + ":" + std::to_string(where.line()) + ": " +
           counted(calls, "call") + ", " + time_text(blocked) + " blocked, longest " + time_text(longest) +
           "; " + counted(functions_above, "function") + " above it stay" +
           (functions_above == 1 ? "s" : "") + " plain";
}

std::string bridge_report_text() {
    std::string text;
    for (const auto& site : bridge_report()) text += site.text() + "\n";
    return text;
}

}  // namespace tandem::inline v1
