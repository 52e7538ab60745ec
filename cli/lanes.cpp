#include <cli/lanes.hpp>

#include <cli/text.hpp>

#include <algorithm>

namespace tandem::cli {
namespace {

constexpr auto between_halvings = std::chrono::seconds(1);

std::optional<TokenBucket> bucket_of(const std::optional<Rate>& rate, unsigned burst) {
    if (!rate) return std::nullopt;
    return TokenBucket(*rate, burst);
}

unsigned limit_of(const FetchOptions& options, const http::Url& url) {
    auto limit = options.per_host;
    for (const auto& [pattern, own_limit] : options.per_host_for) {
        if (matches_wildcard(pattern, url.hostname())) limit = own_limit;
    }
    return limit;
}

}  // namespace

Lanes::Lanes(const FetchOptions& options)
    : options_(options), bucket_(bucket_of(options.rate, options.burst)) {}

Lane& Lanes::lane_for(const http::Url& url) {
    auto key = lane_of(url);
    if (const auto found = lanes_.find(key); found != lanes_.end()) return *found->second;

    auto lane = std::make_unique<Lane>();
    lane->key_ = key;
    lane->limit_ = lane->window_ = limit_of(options_, url);
    lane->bucket_ = bucket_of(options_.rate_host, options_.burst);
    return *lanes_.emplace(std::move(key), std::move(lane)).first->second;
}

void Lanes::put(std::unique_ptr<Job> job, TimePoint now, bool first) {
    Lane& lane = lane_for(job->url);
    job->lane = &lane;
    if (first)
        lane.queue_.push_front(std::move(job));
    else
        lane.queue_.push_back(std::move(job));
    ++queued_;
    if (lane.state_ == Lane::State::resting) place(lane, now);
}

void Lanes::add(std::unique_ptr<Job> job, TimePoint now) { put(std::move(job), now, false); }
void Lanes::add_first(std::unique_ptr<Job> job, TimePoint now) { put(std::move(job), now, true); }

void Lanes::add_later(std::unique_ptr<Job> job, TimePoint due) {
    job->lane = nullptr;  // it may be forgotten meanwhile
    job->due = due;
    later_.emplace(due, std::move(job));
}

void Lanes::leave_place(Lane& lane) {
    if (lane.state_ == Lane::State::ready) round_.erase(lane.in_round_);
    if (lane.state_ == Lane::State::waiting) waiting_lanes_.erase({lane.wakes_at_, &lane});
    lane.state_ = Lane::State::resting;
}

/// Puts the lane where it belongs now: into the round, at its end, among those that wait for a time, or out.
void Lanes::place(Lane& lane, TimePoint now) {
    leave_place(lane);
    if (lane.queue_.empty() || lane.in_flight_ >= lane.window_) return;

    auto start = lane.not_before_;
    if (lane.bucket_) start = std::max(start, lane.bucket_->next_start(now));
    if (start > now) {
        lane.state_ = Lane::State::waiting;
        lane.wakes_at_ = start;
        waiting_lanes_.emplace(start, &lane);
    } else {
        lane.state_ = Lane::State::ready;
        lane.in_round_ = round_.insert(round_.end(), &lane);
    }
}

void Lanes::wake_due(TimePoint now) {
    while (!later_.empty() && later_.begin()->first <= now) {
        auto job = std::move(later_.begin()->second);
        later_.erase(later_.begin());
        add_first(std::move(job), now);
    }
    while (!waiting_lanes_.empty() && waiting_lanes_.begin()->first <= now)
        place(*waiting_lanes_.begin()->second, now);
}

std::unique_ptr<Job> Lanes::next(TimePoint now) {
    wake_due(now);
    if (round_.empty() || (bucket_ && bucket_->next_start(now) > now)) return nullptr;

    Lane& lane = *round_.front();
    auto job = std::move(lane.queue_.front());
    lane.queue_.pop_front();
    --queued_;
    ++lane.in_flight_;
    if (bucket_) bucket_->take(now);
    if (lane.bucket_) lane.bucket_->take(now);
    place(lane, now);
    return job;
}

TimePoint Lanes::next_time(TimePoint now) const {
    auto at = TimePoint::max();
    if (!later_.empty()) at = later_.begin()->first;
    if (!waiting_lanes_.empty()) at = std::min(at, waiting_lanes_.begin()->first);
    if (!round_.empty()) at = std::min(at, now);
    if (bucket_ && at != TimePoint::max()) at = std::max(at, bucket_->next_start(now));
    return at;
}

void Lanes::ended(Lane& lane, LaneEvent event, unsigned redirects, TimePoint now) {
    --lane.in_flight_;
    if (redirects > 0) {
        if (bucket_) bucket_->take(now, redirects);
        if (lane.bucket_) lane.bucket_->take(now, redirects);
    }
    if (event == LaneEvent::overload) {
        lane.successes_ = 0;
        if (!lane.last_halving_ || now - *lane.last_halving_ >= between_halvings) {
            lane.window_ = std::max(1U, lane.window_ / 2);
            lane.last_halving_ = now;
        }
    } else if (event == LaneEvent::success && lane.window_ < lane.limit_ &&
               ++lane.successes_ >= lane.window_) {
        ++lane.window_;
        lane.successes_ = 0;
    }
    // One that is ready already keeps its place in the round.
    if (lane.state_ == Lane::State::resting) place(lane, now);
    forget_if_idle(lane, now);
}

void Lanes::hold(Lane& lane, TimePoint until, std::string reason, TimePoint now) {
    if (until <= lane.not_before_) return;
    lane.not_before_ = until;
    lane.wait_reason_ = std::move(reason);
    place(lane, now);
}

void Lanes::forget_if_idle(Lane& lane, TimePoint now) {
    const bool idle = lane.queue_.empty() && lane.in_flight_ == 0;
    const bool remembers =
        lane.window_ < lane.limit_ || lane.not_before_ > now || (lane.bucket_ && !lane.bucket_->is_full(now));
    if (!idle || remembers) return;
    leave_place(lane);
    lanes_.erase(lanes_.find(lane.key_));
}

std::vector<std::unique_ptr<Job>> Lanes::take_all() {
    std::vector<std::unique_ptr<Job>> jobs;
    for (auto& [due, job] : later_) jobs.push_back(std::move(job));
    later_.clear();
    for (auto& [key, lane] : lanes_) {
        for (auto& job : lane->queue_) jobs.push_back(std::move(job));
        lane->queue_.clear();
        leave_place(*lane);
    }
    queued_ = 0;
    std::sort(jobs.begin(), jobs.end(),
              [](const auto& left, const auto& right) { return left->seq < right->seq; });
    return jobs;
}

void Lanes::for_each(const std::function<void(const Lane&)>& visit) const {
    for (const auto& [key, lane] : lanes_) visit(*lane);
}

}  // namespace tandem::cli
