#pragma once

#include <cli/job.hpp>
#include <cli/options.hpp>
#include <cli/token_bucket.hpp>

#include <tandem/base/time.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tandem::cli {

/// What the end of a try says about how much an origin can take (F4.2).
enum class LaneEvent { success, overload, neutral };

/// Everything that goes to one origin: its queue, and what it may do when.
class Lane {
public:
    [[nodiscard]] const std::string& key() const noexcept { return key_; }
    [[nodiscard]] unsigned in_flight() const noexcept { return in_flight_; }
    [[nodiscard]] std::size_t queued() const noexcept { return queue_.size(); }
    [[nodiscard]] unsigned window() const noexcept { return window_; }
    [[nodiscard]] TimePoint not_before() const noexcept { return not_before_; }
    [[nodiscard]] const std::string& wait_reason() const noexcept { return wait_reason_; }

private:
    friend class Lanes;
    enum class State { resting, ready, waiting };  // no work or no slot; in the round; for a time

    std::string key_;
    std::deque<std::unique_ptr<Job>> queue_;
    unsigned limit_ = 1;
    unsigned window_ = 1;  // in [1, limit_]
    unsigned in_flight_ = 0;
    unsigned successes_ = 0;  // since the window last grew
    std::optional<TimePoint> last_halving_;
    TimePoint not_before_ = TimePoint::min();
    std::string wait_reason_;
    std::optional<TokenBucket> bucket_;
    State state_ = State::resting;
    TimePoint wakes_at_{};                   // while waiting
    std::list<Lane*>::iterator in_round_{};  // while ready
};

/// Decides which entry starts next: round robin over the lanes that may start, input order within each
/// (F4.12). A lane that waits holds back nobody. Times are told, never asked for.
///
///     while (active < most)
///         if (auto job = lanes.next(now)) start(std::move(job)); else break;
///
/// Errors      memory.
/// Threads     one at a time.
/// Lifetime    a `Lane` lives until it has nothing to do and nothing to remember; whoever has a job of it
///             may rely on it.
class Lanes {
public:
    explicit Lanes(const FetchOptions& options);

    /// Behind everything its lane has.
    void add(std::unique_ptr<Job> job, TimePoint now);
    /// A try again, before everything its lane has.
    void add_first(std::unique_ptr<Job> job, TimePoint now);
    /// Lets it wait on its own, then puts it first.
    void add_later(std::unique_ptr<Job> job, TimePoint due);

    /// The one that starts now; its slot is taken. Null if none may.
    std::unique_ptr<Job> next(TimePoint now);
    /// When `next()` may have something though nothing else happens; `TimePoint::max()` for never.
    [[nodiscard]] TimePoint next_time(TimePoint now) const;

    /// A try is over: its slot is free. `redirects` are starts too (F4.3).
    void ended(Lane& lane, LaneEvent event, unsigned redirects, TimePoint now);
    /// The lane starts nothing before `until`.
    void hold(Lane& lane, TimePoint until, std::string reason, TimePoint now);

    /// Everything that has not started, and nothing is left.
    [[nodiscard]] std::vector<std::unique_ptr<Job>> take_all();

    [[nodiscard]] std::size_t queued() const noexcept { return queued_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return later_.size(); }
    [[nodiscard]] bool empty() const noexcept { return queued_ + later_.size() == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return lanes_.size(); }
    void for_each(const std::function<void(const Lane&)>& visit) const;

private:
    Lane& lane_for(const http::Url& url);
    void put(std::unique_ptr<Job> job, TimePoint now, bool first);
    void place(Lane& lane, TimePoint now);
    void leave_place(Lane& lane);
    void forget_if_idle(Lane& lane, TimePoint now);
    void wake_due(TimePoint now);

    const FetchOptions& options_;
    std::unordered_map<std::string, std::unique_ptr<Lane>> lanes_;
    std::list<Lane*> round_;
    std::set<std::pair<TimePoint, Lane*>> waiting_lanes_;
    std::multimap<TimePoint, std::unique_ptr<Job>> later_;
    std::optional<TokenBucket> bucket_;
    std::size_t queued_ = 0;
};

}  // namespace tandem::cli
