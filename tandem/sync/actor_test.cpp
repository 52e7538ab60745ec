#include <tandem/sync/actor.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

struct Job {
    explicit Job(int value, std::optional<Reply<int>> answer = std::nullopt)
        : n(value), reply(std::move(answer)) {}
    int n;
    std::optional<Reply<int>> reply;
};
Job question(Reply<int> reply, int n) { return Job(n, std::move(reply)); }

/// Takes a second for each; fails at negative numbers.
class Doubler {
public:
    using Message = Job;
    explicit Doubler(std::vector<int>& handled) : handled_(handled) {}
    Task<void> receive(Job job) {
        co_await sleep(1s);
        handled_.push_back(job.n);
        if (job.n < 0) throw std::runtime_error("negative");
        if (job.reply) (*job.reply)(2 * job.n);
    }

private:
    std::vector<int>& handled_;
};

}  // namespace

ASYNC_TEST(SemSt13, a_question_gets_its_answer_when_it_is_its_turn) {
    std::vector<int> handled;
    Actor<Doubler> doubler({}, std::ref(handled));
    auto life = create_task(doubler.run());
    const auto start = this_loop().time();
    co_await doubler.tell(Job(1));
    const int answer = co_await doubler.ask<int>(question, 21);
    const auto took = this_loop().time() - start;
    doubler.stop();
    co_await life;

    EXPECT_EQ(answer, 42);
    EXPECT_EQ(took, 2s);
    EXPECT_EQ(handled, (std::vector<int>{1, 21}));
}

ASYNC_TEST(Actor, what_waits_when_it_gives_up_is_told_so_and_nothing_more_goes_in) {
    std::vector<int> handled;
    Actor<Doubler> doubler({}, std::ref(handled));
    auto life = create_task(doubler.run());
    co_await doubler.tell(Job(-1));
    auto asked = create_task(doubler.ask<int>(question, 1));
    const auto end = co_await life.join();
    const auto answer = co_await asked.join();
    const auto late = co_await as_result(doubler.ask<int>(question, 2));

    EXPECT_THROW(static_cast<void>(end.value()), std::runtime_error);
    EXPECT_THROW(static_cast<void>(answer.value()), CompletionDropped);
    EXPECT_THROW(static_cast<void>(late.value()), QueueShutDown);
    EXPECT_EQ(handled, (std::vector<int>{-1}));
}

ASYNC_TEST(Actor, the_asker_of_what_it_fails_at_hears_that_no_answer_comes_and_the_next_one_gets_his) {
    std::vector<std::string> log;
    this_loop().set_exception_handler(
        [&log](EventLoop&, const ErrorContext& context) { log.push_back(context.message); });
    std::vector<int> handled;
    Actor<Doubler> doubler({.give_up_after = 0}, std::ref(handled));
    auto life = create_task(doubler.run());
    const auto failed = co_await as_result(doubler.ask<int>(question, -1));
    const auto next = co_await as_result(doubler.ask<int>(question, 4));
    doubler.stop();
    co_await life;
    this_loop().set_exception_handler(nullptr);

    EXPECT_THROW(static_cast<void>(failed.value()), CompletionDropped);
    EXPECT_EQ(next.value(), 8);
    EXPECT_EQ(log, (std::vector<std::string>{"an actor failed and starts afresh, error 1"}));
}

ASYNC_TEST(Actor, a_full_inbox_makes_the_sender_wait_and_a_cancelled_sender_sends_nothing) {
    std::vector<int> handled;
    Actor<Doubler> doubler({.inbox_room = 1}, std::ref(handled));
    co_await doubler.tell(Job(1));
    const bool refused = !doubler.try_tell(Job(2));
    auto waits =
        create_task([](Actor<Doubler>& to) -> Task<void> { co_await to.tell(Job(3)); }, std::ref(doubler));
    co_await sleep(1s);
    const bool waited = !waits.done();
    waits.cancel();
    auto life = create_task(doubler.run());
    co_await waits.join();
    doubler.stop();
    co_await life;

    EXPECT_TRUE(refused);
    EXPECT_TRUE(waited);
    EXPECT_TRUE(waits.cancelled());
    EXPECT_EQ(handled, (std::vector<int>{1}));
}
