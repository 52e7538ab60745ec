#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/testing/leftovers.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::open_descriptors;

/// Runs `body` in a forked child; its exit status, or minus the signal that ended it.
int in_child(const std::function<int()>& body) {
    const auto child = ::fork();
    if (child == 0) {
        ::alarm(20);
        ::_exit(body());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// 1 if `call` throws `LoopClosed` because of a fork.
int refused_as_forked(const std::function<void()>& call) {
    try {
        call();
    } catch (const LoopClosed& error) {
        return error.reason() == LoopClosedReason::forked ? 1 : 0;
    } catch (...) {
    }
    return 0;
}

}  // namespace

TEST(SemL17, a_loop_says_which_state_it_is_in) {
    EventLoop loop;
    EXPECT_EQ(loop.state(), LoopState::created);
    EXPECT_FALSE(loop.is_running());
    std::optional<LoopState> inside;
    loop.call_soon([&] {
        inside = loop.state();
        loop.stop();
    });
    loop.run_forever();
    EXPECT_EQ(inside, LoopState::running);
    EXPECT_EQ(loop.state(), LoopState::stopped);
    loop.close();
    EXPECT_EQ(loop.state(), LoopState::closed);
    EXPECT_TRUE(loop.is_closed());
}

TEST(SemL17, in_a_forked_child_every_inherited_loop_is_lost_and_a_new_one_works) {
    EventLoop loop;
    loop.call_later(1h, [] {});
    const int status = in_child([&] {
        int right = loop.state() == LoopState::lost;
        right += refused_as_forked([&] { loop.call_soon([] {}); });
        right += refused_as_forked([&] { loop.run_forever(); });
        right += refused_as_forked([&] { loop.poll_once(); });
        right += refused_as_forked([&] { loop.add_reader(0, [] {}); });
        bool ran = false;
        EventLoop fresh;
        fresh.call_later(1ms, [&] {
            ran = true;
            fresh.stop();
        });
        fresh.run_forever();
        return right + ran;
    });
    EXPECT_EQ(status, 6);
    // The parent's is unharmed.
    EXPECT_EQ(loop.state(), LoopState::created);
    bool ran = false;
    loop.call_soon([&] {
        ran = true;
        loop.stop();
    });
    loop.run_forever();
    EXPECT_TRUE(ran);
}

TEST(SemLt10, a_post_from_a_forked_child_is_refused_also_out_of_a_callback) {
    EventLoop loop;
    int outside = 0;
    int inside = 0;
    outside = in_child([&] { return refused_as_forked([&] { loop.call_soon_threadsafe([] {}); }); });
    loop.call_soon([&] {
        inside = in_child([&] {
            const int right = refused_as_forked([&] { loop.call_soon_threadsafe([] {}); });
            return right + (this_loop_or_null() == nullptr);
        });
        loop.stop();
    });
    loop.run_forever();
    EXPECT_EQ(outside, 1);
    EXPECT_EQ(inside, 2);
}

TEST(SemL17, a_lost_loop_is_destroyed_in_the_child_without_touching_the_parents_ring) {
    auto loop = std::make_unique<EventLoop>();
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
    int reads = 0;
    loop->add_reader(pipe[0], [&] {
        ++reads;
        loop->stop();
    });
    loop->poll_once();
    EXPECT_EQ(in_child([&] {
                  loop.reset();
                  return 7;
              }),
              7);
    EXPECT_EQ(::write(pipe[1], "x", 1), 1);
    loop->call_later(10s, [&] { loop->stop(); });
    loop->run_forever();
    EXPECT_EQ(reads, 1);
    loop.reset();
    ::close(pipe[0]);
    ::close(pipe[1]);
}

TEST(SemL21, a_completion_reported_before_stop_runs_exactly_once) {
    EventLoop loop;
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
    int calls = 0;
    loop.add_reader(pipe[0], [&] {
        ++calls;
        loop.remove_reader(pipe[0]);
    });
    loop.poll_once();
    EXPECT_EQ(::write(pipe[1], "x", 1), 1);
    loop.call_soon_threadsafe([&] { loop.stop(); });  // ahead of the completion in the same batch
    loop.run_forever();
    loop.poll_once();
    loop.poll_once();
    EXPECT_EQ(calls, 1);
    ::close(pipe[0]);
    ::close(pipe[1]);
}

TEST(SemL23, the_close_record_counts_what_was_dropped) {
    EventLoop loop;
    loop.call_soon([] {});
    loop.call_soon([] {});
    loop.call_soon_threadsafe([] {});
    loop.call_later(1h, [] {});
    loop.call_later(1h, [] {}).cancel();
    loop.close();
    EXPECT_EQ(loop.close_record().callbacks, 3U);
    EXPECT_EQ(loop.close_record().timers, 1U);
    EXPECT_EQ(loop.close_record().pending_tasks, 0U);
}

TEST(SemL25, a_loop_destroyed_unclosed_says_so_in_debug_mode_only) {
    ::testing::internal::CaptureStderr();
    {
        EventLoop loop;
        loop.set_debug(true);
    }
    const auto said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("closes itself"), std::string::npos) << said;
    EXPECT_NE(said.find("close_rules_test.cpp"), std::string::npos) << said;
    ::testing::internal::CaptureStderr();
    {
        const EventLoop quiet;
        EventLoop closed;
        closed.set_debug(true);
        closed.close();
    }
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(SemL28, what_was_posted_and_never_ran_is_counted_as_dropped) {
    EventLoop loop;
    int ran = 0;
    constexpr int posts = 1'000;
    std::thread([&] {
        for (int i = 0; i < posts; ++i)
            loop.call_soon_threadsafe([&] {
                if (++ran == 400) exit_with(0);
            });
    }).join();
    EXPECT_THROW(loop.run_forever(), SystemExit);
    loop.close();
    EXPECT_EQ(ran, 400);
    EXPECT_EQ(loop.close_record().callbacks, static_cast<std::size_t>(posts - ran));
}

TEST(SemL34, what_leaves_the_loop_leaves_the_rest_of_the_batch_in_order) {
    EventLoop loop;
    std::vector<int> order;
    loop.call_soon([&] { order.push_back(1); });
    loop.call_soon([&] {
        loop.call_soon([&] { order.push_back(4); });
        throw Interrupted();
    });
    loop.call_soon([&] { order.push_back(2); });
    loop.call_soon([&] { order.push_back(3); });
    EXPECT_THROW(loop.run_forever(), Interrupted);
    EXPECT_EQ(order, std::vector<int>{1});
    loop.call_later(1ms, [&] { loop.stop(); });
    loop.run_forever();
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
}

TEST(SemLt9, a_constructor_that_runs_out_of_descriptors_at_any_of_them_leaves_none_behind) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
    GTEST_SKIP() << "UndefinedBehaviorSanitizer needs a descriptor to look at the type of an exception";
#endif
#endif
    EventLoop first;  // what is probed once per process is probed before
    const auto before = open_descriptors();
    rlimit usual{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
    for (const auto backend : {BackendChoice::epoll, BackendChoice::uring, BackendChoice::automatic}) {
        int failures = 0;
        for (rlim_t extra = 0; extra < 8; ++extra) {
            // The numbers below the limit may have holes: they are filled.
            std::vector<int> fillers;
            const int highest = ::dup(0);
            fillers.push_back(highest);
            rlimit tight = usual;
            tight.rlim_cur = static_cast<rlim_t>(highest) + 1 + extra;
            ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
            try {
                EventLoopOptions options;
                options.backend = backend;
                EventLoop loop(options);
                loop.poll_once();
                if (loop.pollable_fd() < 0) ADD_FAILURE();
            } catch (const std::system_error&) {
                ++failures;
            } catch (const BackendUnavailable&) {
                ++failures;
            }
            ::setrlimit(RLIMIT_NOFILE, &usual);
            for (const int fd : fillers) ::close(fd);
            ASSERT_EQ(open_descriptors(), before) << "with " << extra << " descriptors";
        }
        EXPECT_GE(failures, 1);
    }
}

TEST(SemLt13, running_a_loop_inside_itself_throws_and_leaves_it_running) {
    EventLoop loop;
    int thrown = 0;
    const auto refused = [&](const std::function<void()>& call) {
        try {
            call();
        } catch (const WouldDeadlock&) {
            ++thrown;
        }
    };
    loop.call_soon([&] {
        refused([&] { loop.run_forever(); });
        refused([&] { loop.poll_once(); });
        EventLoop other;
        refused([&] { other.run_forever(); });
        refused([&] { other.poll_once(); });
        EXPECT_TRUE(loop.is_running());
        EXPECT_EQ(&this_loop(), &loop);
        loop.call_soon([&] { loop.stop(); });
    });
    loop.run_forever();
    EXPECT_EQ(thrown, 4);
}

TEST(SemL26, loops_one_after_another_share_no_handlers_and_no_callbacks) {
    int reports = 0;
    int strays = 0;
    {
        EventLoop first;
        first.set_exception_handler([&](EventLoop&, const ErrorContext&) { ++reports; });
        first.call_soon([&] { ++strays; });
    }
    EventLoop second;
    ::testing::internal::CaptureStderr();
    second.call_soon([&] { throw std::runtime_error("for stderr"); });
    second.call_soon([&] { second.stop(); });
    second.run_forever();
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("for stderr"), std::string::npos);
    EXPECT_EQ(reports, 0);
    EXPECT_EQ(strays, 0);
}
