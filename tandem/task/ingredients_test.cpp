// What awaiting is made of, each ingredient alone: the others are stubs, and no loop runs but where the loop
// is the ingredient.
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/task.hpp>
#include <tandem/testing/drive.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <coroutine>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

/// Stands in for whatever one can wait for.
struct Leaf {
    bool ready = false;
    int value = 0;
    bool fails = false;
    int suspended = 0;
    std::coroutine_handle<> handle = {};

    bool await_ready() const { return ready; }
    void await_suspend(std::coroutine_handle<> suspending) {
        ++suspended;
        handle = suspending;
    }
    int await_resume() const {
        if (fails) throw std::runtime_error("the leaf fell");
        return value;
    }
};

Task<int> innermost(Leaf& leaf, Lines& lines) {
    lines.push_back("innermost begins");
    const int n = co_await leaf;
    lines.push_back("innermost ends");
    co_return n + 1;
}
Task<int> middle(Leaf& leaf, Lines& lines) {
    const int n = co_await innermost(leaf, lines);
    lines.push_back("middle ends");
    co_return 10 * n;
}
Task<int> outermost(Leaf& leaf, Lines& lines) {
    const int n = co_await middle(leaf, lines);
    lines.push_back("outermost ends");
    co_return n + 2;
}

/// Neither task nor coroutine: an entry of the ready queue, and no more.
class Stub final : public Runnable {
public:
    Stub(Lines& lines, std::string name) : lines_(lines), name_(std::move(name)) {}
    void run() override { lines_.push_back(name_); }
    void discard() noexcept override { lines_.push_back(name_ + " discarded"); }

private:
    Lines& lines_;
    std::string name_;
};

}  // namespace

TEST(K5, what_is_suspended_keeps_its_place_and_goes_on_there_when_it_is_resumed) {
    Leaf leaf{.value = 41};
    Lines lines;
    auto driven = tandem::testing::drive(innermost(leaf, lines));
    EXPECT_TRUE(lines.empty());
    driven.step();
    EXPECT_EQ(lines, (Lines{"innermost begins"}));
    EXPECT_FALSE(driven.step());  // nobody has resumed it
    leaf.handle.resume();
    EXPECT_EQ(lines, (Lines{"innermost begins"}));  // resuming is a post
    driven.step();
    EXPECT_EQ(lines, (Lines{"innermost begins", "innermost ends"}));
    EXPECT_EQ(driven.result(), 42);
}

TEST(K5, a_chain_of_awaits_that_need_not_wait_is_one_step_of_one_task) {
    Leaf leaf{.ready = true, .value = 3};
    Lines lines;
    auto driven = tandem::testing::drive(outermost(leaf, lines));
    driven.step();
    EXPECT_TRUE(driven.done());
    EXPECT_EQ(driven.result(), 42);
    EXPECT_EQ(leaf.suspended, 0);
}

TEST(K5, the_loop_runs_what_is_ready_in_its_order_and_then_what_is_due) {
    Lines lines;
    Stub first(lines, "first");
    Stub second(lines, "second");
    EventLoop loop;
    loop.call_later(1ms, [&] {
        lines.push_back("due");
        loop.stop();
    });
    loop.post(first);
    loop.post(second);
    loop.run_forever();
    loop.post(first);
    loop.close();
    EXPECT_EQ(lines, (Lines{"first", "second", "due", "first discarded"}));
}

TEST(K5, a_resumed_chain_goes_on_at_its_innermost_frame_and_ends_outwards_in_one_step) {
    Leaf leaf{.value = 3};
    Lines lines;
    auto driven = tandem::testing::drive(outermost(leaf, lines));
    driven.step();
    leaf.handle.resume();
    driven.step();
    EXPECT_TRUE(driven.done());
    EXPECT_EQ(lines, (Lines{"innermost begins", "innermost ends", "middle ends", "outermost ends"}));
    EXPECT_EQ(driven.result(), 42);
}

TEST(K5, a_leaf_says_whether_to_wait_and_what_came_of_it_value_or_error) {
    Lines lines;
    Leaf ready{.ready = true, .value = 1};
    auto at_once = tandem::testing::drive(innermost(ready, lines));
    at_once.step();
    EXPECT_EQ(at_once.result(), 2);

    Leaf failing{.fails = true};
    auto waits = tandem::testing::drive(innermost(failing, lines));
    waits.step();
    EXPECT_EQ(failing.suspended, 1);
    failing.handle.resume();
    waits.step();
    EXPECT_EQ(failing.suspended, 1);
    EXPECT_THROW(static_cast<void>(waits.result()), std::runtime_error);
}
