#include <tandem/inspect/stall_watch.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/base/fork.hpp>
#include <tandem/base/symbols.hpp>
#include <tandem/inspect/thread_probe_internal.hpp>
#include <tandem/loop/pulse.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

namespace tandem::inline v1::inspect {
namespace {

using Beats = std::vector<LoopPulse::Beat>;

constexpr Duration between_looks = std::chrono::milliseconds(50);
// Loops that have not moved during as many looks are left to wake us.
constexpr int looks_until_sleep = 20;
constexpr Duration patience = std::chrono::milliseconds(200);

TimePoint now() { return TimePoint(std::chrono::steady_clock::now().time_since_epoch()); }

bool same_step(const LoopPulse::Beat& a, const LoopPulse::Beat& b) {
    return a.loop == b.loop && a.turn == b.turn && a.entry == b.entry;
}

bool at_rest(const Beats& then, const Beats& now) {
    return std::equal(then.begin(), then.end(), now.begin(), now.end(),
                      [](const auto& a, const auto& b) { return same_step(a, b) && b.entry == nullptr; });
}

// What users did not write and cannot change: their function is the one that calls it.
bool is_c_library(const Symbol& symbol) {
    constexpr std::array<std::string_view, 8> images = {"libc.so", "libc-",    "libpthread", "libresolv",
                                                        "libnss_", "ld-linux", "linux-vdso", "libstdc++"};
    constexpr std::array<std::string_view, 7> names = {
        "___interceptor_", "__interceptor_", "__sanitizer_", "__tsan_", "__asan_", "std::", "__gthread_"};
    const auto begins = [](std::string_view text) {
        return [text](std::string_view start) { return text.starts_with(start); };
    };
    return std::any_of(images.begin(), images.end(), begins(symbol.image)) ||
           std::any_of(names.begin(), names.end(), begins(symbol.qualified()));
}

// Where the loop begins.
bool is_step(const std::string& name) {
    return name.starts_with("tandem::v1::TaskNode::") || name.starts_with("tandem::v1::EventLoop::");
}

void name_stack(const std::vector<std::uintptr_t>& addresses, StallRecord& stall) {
    for (auto& symbol : symbols_of(addresses)) {
        if (is_step(symbol.name)) return;
        if (symbol.name.empty()) symbol.name = symbol.image.empty() ? "?" : "? of " + symbol.image;
        if (stall.function.empty() && !is_c_library(symbol)) stall.function = symbol.name;
        stall.stack.push_back(std::move(symbol.name));
    }
}

void name_task(const TaskGlance& task, StallRecord& stall) {
    stall.task = task.id;
    if (task.id == 0) return;
    stall.task_name = task.name[0] != '\0' ? task.name.data() : "Task-" + std::to_string(task.id);
    for (std::size_t i = task.frame_count; i > 0; --i)
        stall.await_path.push_back({task.frames[i - 1].function, task.frames[i - 1].at});
}

}  // namespace

class StallWatch::Watcher {
public:
    Watcher(const StallWatchOptions& options, Handler handler)
        : options_(options), handler_(std::move(handler)) {
        watch_forks();
        generation_ = fork_generation();
        prepare_sights();
        thread_ = std::thread([this] { watch(); });
    }
    void end() {
        {
            const std::lock_guard lock(mutex_);
            over_ = true;
        }
        changed_.notify_all();
        LoopPulse::wake_watchers();
        thread_.join();
    }
    bool inherited() const { return generation_ != fork_generation(); }
    std::uint64_t stalls() const { return stalls_.load(std::memory_order_relaxed); }
    std::uint64_t looks() const { return looks_.load(std::memory_order_relaxed); }

private:
    struct Step {
        LoopPulse::Beat beat;
        TimePoint seen;                 // first
        Duration next;                  // told when it has lasted this long
        std::optional<CpuShare> share;  // of its thread, when it was seen for the second time
        bool told = false;
    };
    struct Printed {
        std::deque<TimePoint> times;
        std::uint64_t left_out = 0;
    };

    void watch() {
        Duration pause = between_looks;
        TimePoint last = now();
        for (int quiet = 0;;) {
            {
                std::unique_lock lock(mutex_);
                if (changed_.wait_for(lock, pause, [this] { return over_.load(); })) return;
            }
            // While even we were not let run nobody else was: the process was stopped, or nearly so.
            const Duration late = now() - last - pause;
            if (late > between_looks) {
                for (auto& [loop, step] : steps_) step.seen += late;
            }
            Beats beats = LoopPulse::of_all();
            quiet = at_rest(last_seen_, beats) ? quiet + 1 : 0;
            last_seen_ = std::move(beats);
            looks_.fetch_add(1, std::memory_order_relaxed);
            if (quiet >= looks_until_sleep) {
                LoopPulse::sleep_until_a_batch(
                    [](void* self) {
                        const auto& watcher = *static_cast<Watcher*>(self);
                        return !watcher.over_ && at_rest(watcher.last_seen_, LoopPulse::of_all());
                    },
                    this);
                quiet = 0;
            }
            pause = look();
            last = now();
        }
    }

    // How long until the next look.
    Duration look() {
        Duration pause = std::min(between_looks, options_.threshold / 2);
        const TimePoint at = now();
        for (const auto& beat : last_seen_) {
            const auto found = steps_.find(beat.loop);
            if (beat.entry == nullptr) {
                if (found != steps_.end()) steps_.erase(found);
                continue;
            }
            if (found == steps_.end() || !same_step(found->second.beat, beat)) {
                steps_.insert_or_assign(
                    beat.loop, Step{.beat = beat, .seen = at, .next = options_.threshold, .share = {}});
                continue;
            }
            Step& step = found->second;
            if (!step.share) step.share = cpu_share(beat.thread);
            const Duration lasted = at - step.seen;
            if (lasted >= step.next && tell(step, lasted)) {
                step.next = 2 * lasted;
                step.told = true;
            }
            pause = std::min(pause, step.next - lasted);
        }
        std::erase_if(steps_, [this](const auto& known) {
            return std::none_of(last_seen_.begin(), last_seen_.end(),
                                [&](const auto& beat) { return beat.loop == known.first; });
        });
        return std::max<Duration>(pause, std::chrono::milliseconds(1));
    }

    // False if the step has ended meanwhile, or cannot be seen.
    bool tell(const Step& step, Duration lasted) {
        const auto& beat = step.beat;
        StallRecord stall;
        stall.loop = beat.loop;
        stall.loop_made_at = beat.made_at;
        stall.lasted = lasted;
        stall.again = step.told;
        auto doing = thread_doing(beat.thread);
        std::optional<ThreadSight> sight;
        for (int tries = 0; doing && !sight && tries < 3; ++tries) {
            sight = doing->what == ThreadDoing::What::on_cpu
                        ? sight_of_running(beat.thread, beat.task_place, patience)
                        : sight_of_blocked(beat.thread, *doing, beat.task_place);
            if (!sight) doing = thread_doing(beat.thread);  // it has gone on, or to sleep
        }
        if (!doing || !goes_on(beat)) return false;
        if (sight) {
            name_stack(sight->stack, stall);
            name_task(sight->task, stall);
        }
        note_cause(*doing, step, stall);
        stalls_.fetch_add(1, std::memory_order_relaxed);
        hand_over(stall);
        return true;
    }

    static bool goes_on(const LoopPulse::Beat& beat) {
        const auto beats = LoopPulse::of_all();
        return std::any_of(beats.begin(), beats.end(),
                           [&](const auto& other) { return same_step(other, beat); });
    }

    static void note_cause(const ThreadDoing& doing, const Step& step, StallRecord& stall) {
        switch (doing.what) {
            case ThreadDoing::What::on_cpu: {
                const auto share = cpu_share(step.beat.thread);
                const bool others =
                    step.share && share.waited - step.share->waited >= share.ran - step.share->ran;
                stall.cause = others ? StallCause::descheduled : StallCause::on_cpu;
                break;
            }
            case ThreadDoing::What::stopped_elsewhere:
                stall.cause = StallCause::memory;
                break;
            case ThreadDoing::What::in_call:
                stall.cause = waits_for_lock(doing.call) ? StallCause::lock : StallCause::system_call;
                // After a stop of the whole process it is not known by its own number any more.
                stall.system_call = is_restarted(doing.call) && !stall.stack.empty()
                                        ? stall.stack.front()
                                        : name_of_call(doing.call);
                if (takes_descriptor(doing.call)) stall.descriptor = static_cast<int>(doing.first);
                break;
        }
    }

    void hand_over(const StallRecord& stall) {
        try {
            if (handler_)
                handler_(stall);
            else
                print(stall);
        } catch (const std::exception& error) {
            std::fprintf(stderr, "tandem: the handler of a StallWatch threw: %s\n", error.what());
        } catch (...) {
            std::fputs("tandem: the handler of a StallWatch threw\n", stderr);
        }
    }

    void print(const StallRecord& stall) {
        Printed& printed = printed_[stall.loop];
        const auto at = now();
        while (!printed.times.empty() && at - printed.times.front() >= std::chrono::minutes(1))
            printed.times.pop_front();
        if (printed.times.size() >= options_.printed_a_minute) {
            ++printed.left_out;
            return;
        }
        printed.times.push_back(at);
        std::string text = stall.text() + "\n";
        if (const auto count = std::exchange(printed.left_out, 0))
            text += "  " + std::to_string(count) + " more of this loop were not printed\n";
        std::fputs(text.c_str(), stderr);
    }

    const StallWatchOptions options_;
    const Handler handler_;
    std::uint32_t generation_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::atomic<bool> over_ = false;
    std::atomic<std::uint64_t> stalls_ = 0;
    std::atomic<std::uint64_t> looks_ = 0;
    // The watching thread's own.
    Beats last_seen_;
    std::map<std::uint64_t, Step> steps_;
    std::map<std::uint64_t, Printed> printed_;
    std::thread thread_;
};

StallWatch::StallWatch(const StallWatchOptions& options, Handler handler)
    : watcher_(std::make_unique<Watcher>(options, std::move(handler))) {}

StallWatch::~StallWatch() {
    // A forked child has no such thread, and what it had locked stays so.
    if (watcher_->inherited())
        static_cast<void>(watcher_.release());
    else
        watcher_->end();
}

std::uint64_t StallWatch::stalls() const noexcept { return watcher_->stalls(); }
std::uint64_t StallWatch::looks() const noexcept { return watcher_->looks(); }

}  // namespace tandem::inline v1::inspect
