#include <tandem/loop/timer_heap.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <vector>

using namespace tandem;

namespace {

class Alarm final : public Timer {
public:
    void due() noexcept override {
        if (on_due) on_due();
    }
    std::function<void()> on_due;
};

TimePoint at(std::int64_t nanoseconds) { return TimePoint(Duration(nanoseconds)); }

}  // namespace

TEST(SemL11, random_adds_and_removes_come_out_by_deadline_and_then_by_registration) {
    std::minstd_rand random(7);
    for (int round = 0; round < 30; ++round) {
        TimerHeap heap;
        struct Planned {
            std::int64_t when;
            int number;
        };
        std::vector<std::unique_ptr<Alarm>> alarms;
        std::vector<Planned> expected;
        std::vector<int> fired;
        for (int i = 0; i < 2'000; ++i) {
            alarms.push_back(std::make_unique<Alarm>());
            alarms.back()->on_due = [&fired, i] { fired.push_back(i); };
            const auto when = static_cast<std::int64_t>(random() % 50);
            heap.add(*alarms.back(), at(when));
            expected.push_back({when, i});
            if (random() % 3 == 0) {
                const auto victim = random() % alarms.size();
                heap.remove(*alarms[victim]);
                std::erase_if(expected,
                              [&](const Planned& p) { return p.number == static_cast<int>(victim); });
            }
        }
        const auto earlier = [](const Planned& a, const Planned& b) { return a.when < b.when; };
        for (auto it = expected.begin(); it != expected.end(); ++it)
            std::rotate(std::upper_bound(expected.begin(), it, *it, earlier), it, it + 1);
        ASSERT_EQ(heap.live(), expected.size());
        for (int now = 0; now < 50; ++now) heap.run_due(at(now));
        ASSERT_EQ(fired.size(), expected.size());
        for (std::size_t i = 0; i < fired.size(); ++i) ASSERT_EQ(fired[i], expected[i].number) << i;
        ASSERT_TRUE(heap.empty());
    }
}

TEST(SemL2, what_a_due_timer_arms_waits_for_the_next_call_also_when_it_is_due_already) {
    TimerHeap heap;
    Alarm alarm;
    int fired = 0;
    alarm.on_due = [&] {
        ++fired;
        heap.add(alarm, at(1));
    };
    heap.add(alarm, at(5));
    heap.run_due(at(10));
    EXPECT_EQ(fired, 1);
    EXPECT_EQ(heap.next(), at(1));
    heap.run_due(at(10));
    EXPECT_EQ(fired, 2);
    heap.remove(alarm);
    EXPECT_TRUE(heap.empty());
}

TEST(SemL13, timers_that_crowd_share_a_wake_up_and_others_keep_their_own) {
    TimerHeap heap;
    const Duration slack(1'000);
    Alarm first;
    Alarm second;
    Alarm third;
    Alarm late;
    EXPECT_EQ(heap.next_with(slack), TimePoint::max());
    heap.add(first, at(10'000));
    heap.add(late, at(90'000));
    EXPECT_EQ(heap.next_with(slack), at(10'000));
    heap.add(second, at(10'200));
    EXPECT_EQ(heap.next_with(slack), at(10'000));
    heap.add(third, at(10'250));
    EXPECT_EQ(heap.next_with(slack), at(11'000));
    heap.remove(second);
    EXPECT_EQ(heap.next_with(slack), at(10'000));
    for (Alarm* alarm : {&first, &third, &late}) heap.remove(*alarm);
}

TEST(SemL16, a_due_timer_may_remove_others_that_are_due_in_the_same_call) {
    TimerHeap heap;
    Alarm first;
    Alarm second;
    int fired = 0;
    first.on_due = [&] { heap.remove(second); };
    second.on_due = [&] { ++fired; };
    heap.add(first, at(1));
    heap.add(second, at(1));
    heap.run_due(at(1));
    EXPECT_EQ(fired, 0);
    EXPECT_FALSE(second.armed());
    heap.remove(second);
}

TEST(SemL15, a_hundred_thousand_cancelled_far_timers_leave_nothing_behind) {
    TimerHeap heap;
    std::vector<std::unique_ptr<Alarm>> alarms;
    for (int i = 0; i < 100'000; ++i) {
        alarms.push_back(std::make_unique<Alarm>());
        heap.add(*alarms.back(), at(1'000'000 + i % 97));
    }
    for (auto& alarm : alarms) heap.remove(*alarm);
    EXPECT_TRUE(heap.empty());
    EXPECT_EQ(heap.next(), TimePoint::max());
}
