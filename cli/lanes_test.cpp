#include <cli/lanes.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace tandem::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint start = TimePoint(seconds(1000));

std::unique_ptr<Job> job_of(const std::string& url, std::uint64_t seq = 0) {
    Entry entry;
    entry.url = url;
    auto job = std::make_unique<Job>(std::move(entry), http::Url(url));
    job->seq = seq;
    return job;
}

/// The order in which entries start if every try ends at once.
std::vector<std::string> drain(Lanes& lanes, TimePoint now) {
    std::vector<std::string> order;
    while (auto job = lanes.next(now)) {
        order.push_back(job->entry.url);
        lanes.ended(*job->lane, LaneEvent::success, 0, now);
    }
    return order;
}

TEST(FetchF4_12, lanes_take_turns_and_keep_their_own_order) {
    FetchOptions options;
    Lanes lanes(options);
    for (const auto* url :
         {"http://a/1", "http://a/2", "http://a/3", "http://b/1", "http://c/1", "http://c/2"})
        lanes.add(job_of(url), start);
    const std::vector<std::string> expected = {"http://a/1", "http://b/1", "http://c/1",
                                               "http://a/2", "http://c/2", "http://a/3"};
    EXPECT_EQ(drain(lanes, start), expected);
    EXPECT_TRUE(lanes.empty());
    EXPECT_EQ(lanes.size(), 0U);  // an idle lane with nothing to remember costs nothing
}

TEST(FetchF4_1, a_lane_has_at_most_its_limit_in_flight_whatever_others_do) {
    FetchOptions options;
    options.per_host = 2;
    options.per_host_for = {{"big", 3}};
    Lanes lanes(options);
    std::vector<std::unique_ptr<Job>> flying;
    for (int i = 0; i < 5; ++i) {
        lanes.add(job_of("http://small/" + std::to_string(i)), start);
        lanes.add(job_of("http://big/" + std::to_string(i)), start);
    }
    while (auto job = lanes.next(start)) flying.push_back(std::move(job));
    EXPECT_EQ(flying.size(), 5U);
    EXPECT_EQ(lanes.next_time(start), TimePoint::max());

    lanes.ended(*flying[0]->lane, LaneEvent::success, 0, start);
    const auto next = lanes.next(start);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->entry.url, "http://small/2");
    EXPECT_FALSE(lanes.next(start));
}

TEST(FetchF4_2, overload_halves_the_window_once_a_second_and_successes_bring_it_back) {
    FetchOptions options;
    options.per_host = 8;
    Lanes lanes(options);
    for (int i = 0; i < 100; ++i) lanes.add(job_of("http://a/" + std::to_string(i)), start);
    std::vector<std::unique_ptr<Job>> flying;
    while (auto job = lanes.next(start)) flying.push_back(std::move(job));
    ASSERT_EQ(flying.size(), 8U);
    Lane& lane = *flying[0]->lane;

    for (int i = 0; i < 4; ++i) lanes.ended(lane, LaneEvent::overload, 0, start + milliseconds(i));
    EXPECT_EQ(lane.window(), 4U);
    EXPECT_FALSE(lanes.next(start));
    lanes.ended(lane, LaneEvent::overload, 0, start + seconds(1));
    EXPECT_EQ(lane.window(), 2U);

    lanes.ended(lane, LaneEvent::success, 0, start + seconds(1));
    EXPECT_EQ(lane.window(), 2U);
    lanes.ended(lane, LaneEvent::success, 0, start + seconds(1));
    EXPECT_EQ(lane.window(), 3U);
}

TEST(FetchF4_3, a_burst_starts_at_once_and_the_rest_at_the_rate) {
    FetchOptions options;
    options.rate = Rate{5, milliseconds(1000)};
    options.burst = 3;
    options.per_host = 100;
    Lanes lanes(options);
    for (int i = 0; i < 10; ++i) lanes.add(job_of("http://a/" + std::to_string(i)), start);
    auto now = start;
    EXPECT_EQ(drain(lanes, now).size(), 3U);
    for (int i = 0; i < 7; ++i) {
        const auto next = lanes.next_time(now);
        EXPECT_EQ(next - now, milliseconds(200));
        now = next;
        EXPECT_EQ(drain(lanes, now).size(), 1U);
    }
}

TEST(FetchF4_3, redirects_take_tokens_too) {
    FetchOptions options;
    options.rate_host = Rate{10, milliseconds(1000)};
    Lanes lanes(options);
    lanes.add(job_of("http://a/1"), start);
    lanes.add(job_of("http://a/2"), start);
    const auto job = lanes.next(start);
    ASSERT_TRUE(job);
    lanes.ended(*job->lane, LaneEvent::success, 3, start);
    EXPECT_FALSE(lanes.next(start + milliseconds(399)));
    EXPECT_TRUE(lanes.next(start + milliseconds(400)));
}

TEST(FetchF4_4, a_held_lane_starts_nothing_before_its_time_and_holds_back_no_other) {
    FetchOptions options;
    Lanes lanes(options);
    lanes.add(job_of("http://a/1"), start);
    lanes.add(job_of("http://a/2"), start);
    lanes.add(job_of("http://b/1"), start);
    auto first = lanes.next(start);
    Lane& lane = *first->lane;
    lanes.hold(lane, start + seconds(30), "Retry-After (503)", start);
    lanes.add_later(std::move(first), start + seconds(30));
    lanes.ended(lane, LaneEvent::overload, 0, start);

    EXPECT_EQ(drain(lanes, start), std::vector<std::string>{"http://b/1"});
    EXPECT_EQ(lanes.next_time(start), start + seconds(30));
    EXPECT_EQ(lanes.waiting(), 1U);
    const std::vector<std::string> expected = {"http://a/1", "http://a/2"};
    EXPECT_EQ(drain(lanes, start + seconds(30)), expected);
}

TEST(FetchF4_6, an_entry_that_waits_for_its_next_try_holds_back_none_of_its_lane) {
    FetchOptions options;
    options.per_host = 1;
    Lanes lanes(options);
    for (int i = 0; i < 3; ++i) lanes.add(job_of("http://a/" + std::to_string(i)), start);
    auto failed = lanes.next(start);
    Lane& lane = *failed->lane;
    lanes.add_later(std::move(failed), start + seconds(1));
    lanes.ended(lane, LaneEvent::neutral, 0, start);
    EXPECT_EQ(drain(lanes, start).size(), 2U);
    EXPECT_EQ(drain(lanes, start + milliseconds(999)).size(), 0U);
    EXPECT_EQ(drain(lanes, start + seconds(1)).size(), 1U);
}

TEST(FetchF1_1, what_has_not_started_can_be_taken_out_in_the_order_of_the_input) {
    FetchOptions options;
    Lanes lanes(options);
    lanes.add(job_of("http://b/", 2), start);
    lanes.add(job_of("http://a/", 3), start);
    lanes.add_later(job_of("http://c/", 1), start + seconds(5));
    const auto jobs = lanes.take_all();
    ASSERT_EQ(jobs.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(jobs[i]->seq, i + 1);
    EXPECT_TRUE(lanes.empty());
    EXPECT_EQ(lanes.next_time(start), TimePoint::max());
}

}  // namespace
}  // namespace tandem::cli
