// A loop's own work needs no memory: what a turn finds ready is linked, never copied (sem:L35).
#include "failing_allocation.hpp"

#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <thread>

using namespace tandem;
using namespace std::chrono_literals;
using exploration::FailingAllocation;

namespace {

struct Counts {
    int timers = 0;
    int posts = 0;
    int reads = 0;
};

/// Timers that are due, posts of another thread, and a descriptor that is ready, all found in one turn.
std::int64_t allocations_of_one_turn(EventLoop& loop, int write_end, Counts& counts) {
    for (int i = 0; i < 8; ++i) loop.call_later(0s, [&counts] { ++counts.timers; });
    std::thread([&] {
        for (int i = 0; i < 8; ++i) loop.call_soon_threadsafe([&counts] { ++counts.posts; });
    }).join();
    EXPECT_EQ(::write(write_end, "x", 1), 1);
    std::this_thread::sleep_for(1ms);
    const FailingAllocation counting(FailingAllocation::none);
    loop.poll_once();
    return FailingAllocation::count();
}

void expect_no_allocation(BackendChoice backend) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe(ends), 0);
    {
        EventLoopOptions options;
        options.backend = backend;
        EventLoop loop(options);
        Counts counts;
        loop.add_reader(ends[0], [&counts, from = ends[0]] {
            char byte = 0;
            counts.reads += static_cast<int>(::read(from, &byte, 1));
        });
        for (int i = 0; i < 4; ++i) loop.poll_once();  // what grows once has grown
        static_cast<void>(allocations_of_one_turn(loop, ends[1], counts));
        for (int i = 0; i < 4; ++i) loop.poll_once();
        const Counts before = counts;
        const auto allocations = allocations_of_one_turn(loop, ends[1], counts);

        EXPECT_EQ(allocations, 0);
        EXPECT_EQ(counts.timers - before.timers, 8);
        EXPECT_EQ(counts.posts - before.posts, 8);
        loop.remove_reader(ends[0]);
        loop.close();
    }
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace

TEST(SemL35, a_turn_with_timers_posts_and_a_ready_descriptor_allocates_nothing) {
    if (!FailingAllocation::possible) GTEST_SKIP() << "ThreadSanitizer has allocation functions of its own";
    expect_no_allocation(BackendChoice::epoll);
    try {
        expect_no_allocation(BackendChoice::uring);
    } catch (const BackendUnavailable& error) {
        GTEST_SKIP() << error.what();
    }
}
