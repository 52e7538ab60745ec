#include <tandem/process/protocol.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/leftovers.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using process::Command;

namespace {

using tandem::testing::childless;

/// Notes every callback, pieces of data as one, and then does what the test wants there.
class Recorder final : public process::Protocol {
public:
    std::vector<std::string> calls;
    std::string out;
    std::string err;
    process::Process* child = nullptr;
    bool lost_with_error = false;
    std::function<void(const std::string&)> on_call = [](const std::string&) {};

    void connection_made(process::Process& process) override {
        child = &process;
        note("made");
    }
    void pipe_data_received(int fd, Bytes data) override {
        (fd == 1 ? out : err) += data.text();
        const auto call = "data " + std::to_string(fd);
        if (calls.back() != call) note(call);
    }
    void pipe_connection_lost(int fd, std::exception_ptr error) override {
        EXPECT_EQ(error, nullptr);
        note("lost " + std::to_string(fd));
    }
    void process_exited() override { note("exited " + std::to_string(child->returncode().value_or(-1000))); }
    void connection_lost(std::exception_ptr error) override {
        lost_with_error = error != nullptr;
        note("lost");
        child = nullptr;
    }
    int count(const std::string& call) const {
        return static_cast<int>(std::count(calls.begin(), calls.end(), call));
    }
    std::size_t place(const std::string& call) const {
        return static_cast<std::size_t>(std::find(calls.begin(), calls.end(), call) - calls.begin());
    }

private:
    void note(std::string call) {
        calls.push_back(call);
        on_call(calls.back());
    }
};

}  // namespace

ASYNC_TEST_REAL_TIME(ProcessProtocol, each_callback_comes_once_and_the_exit_behind_what_was_written) {
    Recorder recorder;

    const int code = co_await process::shell_protocol("seq 100000; echo worse >&2; exit 3", recorder);

    EXPECT_EQ(code, 3);
    EXPECT_EQ(recorder.out.size(), 588'895U);
    EXPECT_EQ(recorder.err, "worse\n");
    EXPECT_EQ(recorder.calls.front(), "made");
    EXPECT_EQ(recorder.calls.back(), "lost");
    for (const auto* call : {"made", "lost 0", "lost 1", "lost 2", "exited 3", "lost"})
        EXPECT_EQ(recorder.count(call), 1) << call;
    EXPECT_LT(recorder.place("data 1"), recorder.place("exited 3"));
    EXPECT_LT(recorder.place("data 2"), recorder.place("exited 3"));
    EXPECT_FALSE(recorder.lost_with_error);
}

ASYNC_TEST_REAL_TIME(ProcessProtocol, a_callback_may_end_the_process_and_its_input) {
    Recorder killer;
    killer.on_call = [&](const std::string& call) {
        if (call == "made") killer.child->terminate();
    };
    Recorder closer;
    closer.on_call = [&](const std::string& call) {
        if (call == "made") closer.child->stdin_stream().abort();
    };

    const int killed = co_await process::exec_protocol("cat", killer);
    const int ended = co_await process::exec_protocol("cat", closer);

    EXPECT_EQ(killed, -SIGTERM);
    EXPECT_EQ(killer.count("exited -15"), 1);
    EXPECT_EQ(ended, 0);
}

ASYNC_TEST_REAL_TIME(ProcessProtocol, what_a_callback_throws_ends_the_process_and_comes_out) {
    for (const std::string where : {"made", "data 1", "lost 1", "exited 0"}) {
        Recorder recorder;
        recorder.on_call = [&](const std::string& call) {
            if (call == where) throw std::domain_error("thrown in " + call);
        };

        const bool exits = where != "data 1";
        auto running = process::shell_protocol(exits ? "echo x" : "echo x; sleep 10", recorder);
        const auto outcome = co_await as_result(std::move(running));

        TANDEM_CO_ASSERT_TRUE(outcome.has_error());
        EXPECT_EQ(std::string(outcome.error().what()), "thrown in " + where);
        EXPECT_EQ(recorder.count("lost"), 1) << where;
        EXPECT_EQ(recorder.calls.back(), "lost") << where;
        EXPECT_TRUE(childless()) << where;
    }
}

ASYNC_TEST_REAL_TIME(ProcessProtocol, a_cancel_stops_the_process_and_connection_lost_still_comes) {
    Recorder recorder;
    auto running = create_task(process::exec_protocol("cat", recorder));
    co_await sleep(5ms);

    running.cancel();
    co_await running.join();

    EXPECT_TRUE(running.cancelled());
    EXPECT_EQ(recorder.calls.back(), "lost");
    EXPECT_FALSE(recorder.lost_with_error);
    EXPECT_TRUE(childless());
}

ASYNC_TEST_REAL_TIME(ProcessProtocol, a_start_that_fails_calls_nothing) {
    Recorder recorder;

    const auto outcome = co_await as_result(process::exec_protocol("tandem-no-such-program", recorder));

    TANDEM_CO_ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().code(), std::errc::no_such_file_or_directory);
    EXPECT_TRUE(recorder.calls.empty());
}

ASYNC_TEST_REAL_TIME(ProcessProtocol, a_grandchild_writes_on_after_the_exit) {
    Recorder recorder;

    co_await process::shell_protocol("(sleep 0.1; echo grandchild) & echo child", recorder);

    EXPECT_EQ(recorder.out, "child\ngrandchild\n");
    EXPECT_LT(recorder.place("exited 0"), recorder.place("lost 1"));
}
