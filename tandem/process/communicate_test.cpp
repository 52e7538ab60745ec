// Talking to children all at once: IO51, IOt10.
#include <tandem/process/process.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/io/read.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <system_error>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using process::Command;
using process::PIPE;

namespace {

Command with_pipes(const std::string& text) {
    return Command::shell(text).stdin_from(PIPE).stdout_to(PIPE).stderr_to(PIPE);
}

std::string numbers(std::size_t size) {
    std::string text;
    for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + '\n';
    text.resize(size);
    return text;
}

Task<void> tick(int& ticks) {
    for (;;) {
        co_await sleep(1ms);
        ++ticks;
    }
}

}  // namespace

ASYNC_TEST_REAL_TIME(SemIO51, input_and_both_outputs_flow_at_once) {
    const std::string text = numbers(1 << 20);
    auto child = co_await process::exec(with_pipes("tee /dev/stderr"));

    const process::Output output = co_await child.communicate(text);

    EXPECT_EQ(output.returncode, 0);
    EXPECT_TRUE(output.out == text);
    EXPECT_TRUE(output.err == text);
}

ASYNC_TEST_REAL_TIME(SemIO51, ten_mebibytes_go_through_cat_and_back) {
    const std::string text = numbers(10 << 20);

    const std::string got = co_await process::output("cat", text);

    EXPECT_TRUE(got == text);
}

ASYNC_TEST_REAL_TIME(SemIO51, a_child_that_floods_both_pipes_is_read_to_the_end) {
    auto child = co_await process::exec(
        with_pipes("head -c 3000000 /dev/zero >&2; head -c 2000000 /dev/zero; exit 6"));

    const process::Output output = co_await child.communicate();

    EXPECT_EQ(output.returncode, 6);
    EXPECT_EQ(output.out.size(), 2'000'000U);
    EXPECT_EQ(output.err.size(), 3'000'000U);
}

ASYNC_TEST_REAL_TIME(SemIO51, a_child_that_does_not_read_its_input_is_no_error) {
    auto child = co_await process::exec(with_pipes("exec <&-; echo done"));

    const process::Output output = co_await child.communicate(numbers(1 << 20));

    EXPECT_EQ(output.returncode, 0);
    EXPECT_EQ(output.out, "done\n");
}

ASYNC_TEST_REAL_TIME(SemIO51, empty_input_and_what_is_no_pipe) {
    auto reads = co_await process::exec(Command("cat").stdin_from(PIPE).stdout_to(PIPE));
    auto plain = co_await process::exec("true");

    const process::Output nothing = co_await reads.communicate();
    const process::Output none = co_await plain.communicate("ignored");

    EXPECT_EQ(nothing.out, "");
    EXPECT_EQ(nothing.returncode, 0);
    EXPECT_EQ(none.returncode, 0);
    EXPECT_THROW(plain.stdin_stream(), InvalidStateError);
    EXPECT_THROW(plain.stdout_stream(), InvalidStateError);
    EXPECT_THROW(reads.stderr_stream(), InvalidStateError);
}

ASYNC_TEST_REAL_TIME(SemIO51, input_that_a_cancel_held_back_is_written_by_the_next_one) {
    const std::string text = numbers(1 << 20);
    auto child = co_await process::exec(with_pipes("sleep 0.3; cat"));

    const auto cancelled = co_await move_on_after(10ms, child.communicate(text));
    const process::Output all = co_await child.communicate("and more");

    EXPECT_FALSE(cancelled);
    EXPECT_TRUE(all.out == text + "and more");
}

ASYNC_TEST_REAL_TIME(SemIO51, the_output_of_a_slow_child_stays_over_a_cancel) {
    auto child = co_await process::exec(with_pipes("echo early; echo worse >&2; sleep 0.6; echo late"));

    const auto cancelled = co_await move_on_after(300ms, child.communicate());
    const std::string read = child.partial_output().out;
    const std::string errors = child.partial_output().err;
    const process::Output all = co_await child.communicate();

    EXPECT_FALSE(cancelled);
    EXPECT_EQ(read, "early\n");
    EXPECT_EQ(errors, "worse\n");
    EXPECT_EQ(all.out, "early\nlate\n");
    EXPECT_EQ(all.err, "worse\n");
}

ASYNC_TEST_REAL_TIME(SemIO51, a_second_communicate_at_the_same_time_is_refused) {
    auto child = co_await process::exec(with_pipes("cat"));
    auto first = create_task(child.communicate(numbers(1 << 20)));
    co_await sleep(0s);

    const auto second = co_await as_result(child.communicate());
    const process::Output output = co_await std::move(first);

    TANDEM_CO_ASSERT_TRUE(second.has_error());
    EXPECT_TRUE(second.error().is<InvalidStateError>());
    EXPECT_EQ(output.out.size(), std::size_t{1} << 20);
}

ASYNC_TEST_REAL_TIME(SemIO51, a_grandchild_that_keeps_the_pipe_open_is_read_to_its_end) {
    auto child = co_await process::exec(with_pipes("(sleep 0.15; echo grandchild) & echo child"));

    const int code = co_await child.wait();
    const process::Output output = co_await child.communicate();

    EXPECT_EQ(code, 0);
    EXPECT_EQ(output.out, "child\ngrandchild\n");
}

ASYNC_TEST_REAL_TIME(SemIOt10, two_programs_and_five_periodic_lines_at_once) {
    int ticks = 0;
    auto ticker = create_task(tick(ticks));

    auto [one, two] = co_await gather(process::output(Command::shell("sleep 0.05; echo one")),
                                      process::output(Command::shell("sleep 0.05; echo two")));
    ticker.cancel();
    co_await ticker.join();

    EXPECT_EQ(one, "one\n");
    EXPECT_EQ(two, "two\n");
    EXPECT_GE(ticks, 5);
}

ASYNC_TEST_REAL_TIME(SemIOt10, output_that_nobody_reads_holds_the_child_until_somebody_does) {
    auto child = co_await process::exec(with_pipes("head -c 300000 /dev/zero; exit 2"));
    const auto early = co_await move_on_after(50ms, child.wait());

    const std::string text = co_await io::read_all(child.stdout_stream());
    const int code = co_await child.wait();

    EXPECT_FALSE(early);
    EXPECT_EQ(text.size(), 300'000U);
    EXPECT_EQ(code, 2);
}

ASYNC_TEST_REAL_TIME(SemIOt10, a_child_killed_while_it_is_talked_to_ends_the_talk) {
    auto child = co_await process::exec(Command("cat").stdin_from(PIPE).stdout_to(PIPE));
    auto talk = create_task(child.communicate(numbers(50'000'000)));
    co_await sleep(5ms);

    child.kill();
    const process::Output output = co_await std::move(talk);

    EXPECT_EQ(output.returncode, -SIGKILL);
    EXPECT_LT(output.out.size(), 50'000'000U);
}

ASYNC_TEST_REAL_TIME(SemIOt10, writing_to_a_child_that_closed_its_input_is_broken_pipe) {
    auto child = co_await process::exec(with_pipes("exec <&-; echo closed; sleep 10"));
    char buffer[16];
    co_await child.stdout_stream().read_some(buffer);

    const auto outcome = co_await as_result(child.stdin_stream().write_all("anybody?"));
    const int code = co_await child.stop();

    TANDEM_CO_ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().code(), std::errc::broken_pipe);
    EXPECT_EQ(code, -SIGTERM);
}
