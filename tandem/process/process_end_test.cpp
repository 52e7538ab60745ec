// How children end, and what is left of them, which is nothing: IO53, IO54, C71, C72.
#include <tandem/process/process.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/io/line_reader.hpp>
#include <tandem/process/spawn_internal.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/leftovers.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace tandem;
using namespace std::chrono_literals;
using process::Command;
using process::PIPE;

namespace {

using tandem::testing::childless;
using tandem::testing::open_descriptors;

Task<bool> childless_soon() {
    for (int i = 0; i < 1000 && !childless(); ++i) co_await sleep(1ms);
    co_return childless();
}

// Says when its trap stands.
Command stubborn(const std::string& on_term = "''") {
    return Command::shell("trap " + on_term + " TERM; echo ready; while :; do sleep 0.01; done")
        .stdout_to(PIPE)
        .stop_grace(30ms);
}

Task<process::Process> started(Command command) {
    auto child = co_await process::exec(std::move(command));
    char buffer[16];
    co_await child.stdout_stream().read_some(buffer);
    co_return child;
}

/// What the loop's exception handler hears.
class Reports {
public:
    Reports() {
        this_loop().set_exception_handler(
            [this](EventLoop&, const ErrorContext& context) { text += context.message + "\n"; });
    }
    ~Reports() { this_loop().set_exception_handler(nullptr); }
    Reports(const Reports&) = delete;
    Reports& operator=(const Reports&) = delete;
    std::string text;
};

Task<void> drop_after(Command command, Duration time) {
    auto child = co_await process::exec(std::move(command));
    co_await sleep(time);
}

}  // namespace

ASYNC_TEST_REAL_TIME(SemC71, a_cancelled_wait_leaves_the_child_running) {
    auto child = co_await process::exec(Command("cat").stdin_from(PIPE));

    const auto code = co_await move_on_after(5ms, child.wait());
    const auto still = child.returncode();
    co_await child.stdin_stream().close();
    const int end = co_await child.wait();

    EXPECT_FALSE(code);
    EXPECT_FALSE(still);
    EXPECT_EQ(end, 0);
}

ASYNC_TEST_REAL_TIME(SemC71, stop_terminates_and_kills_who_does_not_listen) {
    Reports reports;
    auto polite = co_await process::exec(Command("sleep", "10"));
    auto deaf = co_await started(stubborn());

    const int first = co_await polite.stop();
    const int second = co_await deaf.stop();
    const int again = co_await deaf.stop();

    EXPECT_EQ(first, -SIGTERM);
    EXPECT_EQ(second, -SIGKILL);
    EXPECT_EQ(again, -SIGKILL);
    EXPECT_NE(reports.text.find("was killed: it had not ended 0.03"), std::string::npos) << reports.text;
    EXPECT_TRUE(childless());
}

ASYNC_TEST_REAL_TIME(SemC71, a_cancelled_stop_is_done_before_the_cancel_goes_on) {
    Reports reports;
    auto deaf = co_await started(stubborn());

    auto stopping = create_task(deaf.stop());
    co_await sleep(1ms);
    stopping.cancel();
    co_await stopping.join();

    EXPECT_EQ(deaf.returncode(), -SIGKILL);
}

ASYNC_TEST_REAL_TIME(SemC71, a_cancelled_run_has_ended_its_command) {
    const auto text = co_await move_on_after(20ms, process::output(Command("sleep", "10")));

    EXPECT_FALSE(text);
    EXPECT_TRUE(childless());
}

ASYNC_TEST_REAL_TIME(SemC72, a_start_that_is_cancelled_before_it_begins_starts_nothing) {
    auto starting = create_task(process::exec(Command("sleep", "10")));
    starting.cancel();
    co_await starting.join();

    EXPECT_TRUE(starting.cancelled());
    EXPECT_TRUE(childless());
}

ASYNC_TEST_REAL_TIME(SemC72, a_start_cancelled_at_any_moment_leaves_neither_child_nor_descriptor) {
    co_await process::run("true");  // what the backend opens at first
    const auto before = open_descriptors();
    for (int step = 0; step < 40; ++step) {
        auto command = Command("cat").stdin_from(PIPE).stdout_to(PIPE).stop_grace(1s);
        auto running = create_task(process::run(std::move(command), std::string(200'000, 'x')));
        for (int i = 0; i < step; ++i) co_await sleep(step < 10 ? 0us : 30us);
        running.cancel();
        co_await running.join();
    }
    const bool none = co_await childless_soon();

    EXPECT_TRUE(none);
    EXPECT_EQ(open_descriptors(), before);
}

ASYNC_TEST_REAL_TIME(SemC72, without_descriptors_a_start_fails_and_leaves_nothing) {
    co_await process::run("true");
    rlimit usual{};
    ::getrlimit(RLIMIT_NOFILE, &usual);
    const auto before = open_descriptors();
    int failures = 0;
    for (std::size_t room = 0; room < 12; ++room) {
        const rlimit tight{static_cast<rlim_t>(before.size() + room), usual.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &tight);
        auto command = Command("cat").stdin_from(PIPE).stdout_to(PIPE).stderr_to(PIPE);
        auto outcome = co_await as_result(process::run(std::move(command)));
        ::setrlimit(RLIMIT_NOFILE, &usual);
        if (!outcome.has_error()) continue;
        ++failures;
        EXPECT_EQ(outcome.error().code(), std::errc::too_many_files_open) << outcome.error().what();
    }

    EXPECT_GE(failures, 5);
    EXPECT_LT(failures, 12);
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_TRUE(childless());
}

ASYNC_TEST_REAL_TIME(SemIO53, a_child_dropped_alive_is_terminated_and_reaped) {
    Reports reports;
    co_await drop_after(Command("sleep", "10"), 1ms);

    const bool none = co_await childless_soon();

    EXPECT_TRUE(none);
    EXPECT_EQ(reports.text, "");
}

ASYNC_TEST_REAL_TIME(SemIO53, one_that_ignores_it_is_killed_and_that_is_told) {
    Reports reports;
    {
        const auto child = co_await started(stubborn());
    }

    const bool at_once = childless();
    const bool none = co_await childless_soon();

    EXPECT_FALSE(at_once);
    EXPECT_TRUE(none);
    EXPECT_NE(reports.text.find("was killed: it had not ended"), std::string::npos) << reports.text;
}

ASYNC_TEST_REAL_TIME(SemIO53, a_group_of_its_own_is_stopped_with_its_grandchildren) {
    auto command = Command::shell("sleep 10 & echo $!; wait").stdout_to(PIPE).new_process_group();
    auto child = co_await process::exec(std::move(command));
    auto lines = io::LineReader(child.stdout_stream());
    const auto line = co_await lines.next();
    const int grandchild = std::stoi(line.value_or("0"));

    co_await child.stop();
    const auto rest = co_await lines.next();  // the pipe ends when nobody has it any more

    EXPECT_GT(grandchild, 1);
    EXPECT_FALSE(rest);
}

TEST(SemIO53, what_main_leaves_alive_has_its_grace_and_is_gone_after_run) {
    std::string said;
    const auto main = [&said]() -> Task<void> {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        auto command =
            Command::shell("trap 'echo goodbye; exit' TERM; echo ready; while :; do sleep 0.01; done");
        command.stdout_to_descriptor(ends[1]);
        auto child = co_await process::exec(std::move(command));
        ::close(ends[1]);
        char buffer[32];
        static_cast<void>(!::read(ends[0], buffer, sizeof buffer));
        said = std::to_string(::fcntl(ends[0], F_DUPFD_CLOEXEC, 0));
        ::close(ends[0]);
    };

    run(main());

    const int fd = std::stoi(said);
    char buffer[32] = {};
    const auto count = ::read(fd, buffer, sizeof buffer - 1);
    ::close(fd);
    EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(count < 0 ? 0 : count)), "goodbye\n");
    EXPECT_TRUE(childless());
}

TEST(SemIO53, one_dropped_by_plain_code_is_ended_by_its_loop) {
    auto child = process::exec(Command("sleep", "10")).get();
    const int pid = child.pid();

    child = process::Process();
    for (int i = 0; i < 500 && ::kill(pid, 0) == 0; ++i) ::usleep(2000);

    EXPECT_TRUE(childless());
}

TEST(SemIO53, one_that_outlives_its_loop_is_killed_where_it_is_dropped) {
    process::Process child;
    const auto main = [&child]() -> Task<void> { child = co_await process::exec(Command("sleep", "10")); };
    run(main());
    const bool alive = !child.returncode();

    child = process::Process();

    EXPECT_TRUE(alive);
    EXPECT_TRUE(childless());
}

TEST(SemIO53, a_forked_child_leaves_its_parents_children_alone) {
    auto child = process::exec(Command("cat").stdin_from(PIPE)).get();

    const auto copy = ::fork();
    if (copy == 0) {
        const bool sent = child.kill();
        child = process::Process();
        ::_exit(sent ? 1 : 0);
    }
    int status = -1;
    ::waitpid(copy, &status, 0);
    const auto code = child.returncode();
    child.stdin_stream().close().get();

    EXPECT_EQ(status, 0);
    EXPECT_FALSE(code);
    EXPECT_EQ(child.wait().get(), 0);
}

ASYNC_TEST_REAL_TIME(SemIO54, two_hundred_children_at_once_are_each_reaped_once) {
    std::vector<Task<process::Output>> all;
    for (int i = 0; i < 200; ++i)
        all.push_back(process::run(Command::shell("exit " + std::to_string(i % 100))));

    const auto outputs = co_await gather(std::move(all));

    for (std::size_t i = 0; i < outputs.size(); ++i)
        EXPECT_EQ(outputs[i].returncode, static_cast<int>(i) % 100);
    EXPECT_TRUE(childless());
}

ASYNC_TEST_REAL_TIME(SemIO54, one_reaped_elsewhere_has_an_unknown_status_and_that_is_told) {
    Reports reports;
    auto child = co_await process::exec("true");
    int status = 0;
    EXPECT_EQ(::waitpid(child.pid(), &status, 0), child.pid());

    const int code = co_await child.wait();
    const int again = co_await child.wait();

    EXPECT_EQ(code, process::Process::unknown_status);
    EXPECT_EQ(again, code);
    EXPECT_FALSE(child.kill());
    EXPECT_NE(reports.text.find("somebody else reaped it"), std::string::npos) << reports.text;
    EXPECT_EQ(reports.text.find("somebody else"), reports.text.rfind("somebody else"));
}

ASYNC_TEST_REAL_TIME(SemIO54, children_that_the_system_reaps_itself_end_too) {
    Reports reports;
    std::signal(SIGCHLD, SIG_IGN);
    auto child = co_await process::exec("true");
    const int code = co_await child.wait();
    std::signal(SIGCHLD, SIG_DFL);

    EXPECT_EQ(code, process::Process::unknown_status);
}

ASYNC_TEST_REAL_TIME(SemIO54, without_pidfds_a_thread_waits) {
    process::pretend_there_are_no_pidfds = true;
    auto child = co_await process::exec(Command("cat").stdin_from(PIPE));
    std::vector<Task<process::Output>> all;
    for (int i = 0; i < 10; ++i) all.push_back(process::run(Command::shell("exit " + std::to_string(i))));
    const auto early = co_await move_on_after(5ms, child.wait());
    const auto outputs = co_await gather(std::move(all));
    child.terminate();
    const int code = co_await child.wait();
    process::pretend_there_are_no_pidfds = false;

    EXPECT_FALSE(early);
    EXPECT_EQ(code, -SIGTERM);
    for (std::size_t i = 0; i < outputs.size(); ++i) EXPECT_EQ(outputs[i].returncode, static_cast<int>(i));
    EXPECT_TRUE(childless());
}
