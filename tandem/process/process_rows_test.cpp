// The rows of rows.md about child processes, their seconds a tenth or a quarter as long.
#include <tandem/process/process.hpp>
#include <tandem/process/protocol.hpp>

#include <tandem/io/line_reader.hpp>
#include <tandem/io/read.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/shell.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using process::Command;
using process::PIPE;

namespace {

using Clock = std::chrono::steady_clock;
using Lines = std::vector<std::string>;

Task<void> cron(Lines& lines, int times, Duration period) {
    for (int i = 0; i < times; ++i) {
        co_await sleep(period);
        lines.push_back("cron");
    }
}

Task<void> stream_lines(Command command, Lines& lines) {
    auto child = co_await process::exec(command.stdout_to(PIPE));
    auto reader = io::LineReader(child.stdout_stream());
    while (auto line = co_await reader.next()) lines.push_back(*line);
    co_await child.wait();
}

Task<void> append_output(Command command, Lines& lines) {
    const std::string text = co_await process::output(std::move(command));
    lines.push_back(text);
}

Task<std::string> ask(process::Process& child, io::LineReader& answers, std::string question) {
    co_await child.stdin_stream().write_all(question + "\n");
    const auto answer = co_await answers.next();
    co_return answer.value_or("the end");
}

/// The first word of each line, as `df` has file systems there.
Lines first_words(const std::string& text) {
    Lines words;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find('\n', begin), text.size());
        const std::string line = text.substr(begin, end - begin);
        words.push_back(line.substr(0, line.find(' ')));
        begin = end + 1;
    }
    return words;
}

struct RunDf final : process::Protocol {
    explicit RunDf(Lines& to) : lines(to) {}
    void connection_made(process::Process& made) override {
        lines.push_back("process started");
        child = &made;
    }
    void pipe_data_received(int fd, Bytes data) override {
        if (lines.back() != "read n bytes") lines.push_back("read n bytes");
        if (fd == 1) text += data.text();
    }
    void process_exited() override {
        lines.push_back("process exited");
        lines.push_back("return code " + std::to_string(child->returncode().value_or(-1)));
        if (child->returncode() == 0) lines.push_back("parsing results");
    }
    Lines& lines;
    process::Process* child = nullptr;
    std::string text;
};

}  // namespace

ASYNC_TEST_REAL_TIME(J16, a_line_every_fifth_beside_a_command_of_the_shell) {
    Lines lines;

    co_await gather(cron(lines, 5, 20ms), append_output(Command::shell("sleep 0.15; uname"), lines));

    EXPECT_EQ(lines, (Lines{"cron", "cron", "cron", "cron", "cron", "Linux\n"}));
}

ASYNC_TEST_REAL_TIME(Q3d, uname_and_date_gathered) {
    const auto now = std::time(nullptr);

    auto [system, date] = co_await gather(process::output("uname"), process::output(Command("date", "+%s")));

    EXPECT_EQ(system, "Linux\n");
    EXPECT_LE(std::abs(std::stol(date) - now), 2);
}

ASYNC_TEST_REAL_TIME(Q3e, cat_echoes_a_line_and_is_terminated) {
    auto cat = co_await process::exec(Command("cat").stdin_from(PIPE).stdout_to(PIPE));
    auto lines = io::LineReader(cat.stdout_stream());

    co_await cat.stdin_stream().write_all("hello!\n");
    const auto received = co_await lines.next();
    cat.terminate();
    const int code = co_await cat.wait();

    EXPECT_EQ(received, "hello!");
    EXPECT_EQ(code, -15);
}

ASYNC_TEST_REAL_TIME(S12a, df_by_a_protocol) {
    Lines lines{"in run_df", "launching process"};
    RunDf df(lines);

    const int code =
        co_await process::exec_protocol(Command("df", "-hl").stdin_from(process::Stdio::inherit), df);

    EXPECT_EQ(code, 0);
    EXPECT_EQ(lines, (Lines{"in run_df", "launching process", "process started", "read n bytes",
                            "process exited", "return code 0", "parsing results"}));
    EXPECT_EQ(first_words(df.text), first_words(tandem::testing::printed_by("df -hl")));
}

ASYNC_TEST_REAL_TIME(S12b, the_lines_of_df_one_by_one_then_the_end) {
    auto df = co_await process::exec(Command("df", "-hl").stdout_to(PIPE));
    auto reader = io::LineReader(df.stdout_stream());
    std::string text;

    while (auto line = co_await reader.next()) text += *line + "\n";
    const auto no_more = co_await reader.next();
    const int code = co_await df.wait();

    EXPECT_EQ(first_words(text), first_words(tandem::testing::printed_by("df -hl")));
    EXPECT_FALSE(no_more);
    EXPECT_EQ(code, 0);
}

ASYNC_TEST_REAL_TIME(S12c, tr_makes_it_upper_case) {
    const std::string text = "This message will be converted to all caps.";
    auto tr =
        co_await process::exec(Command("tr", "[:lower:]", "[:upper:]").stdin_from(PIPE).stdout_to(PIPE));

    const process::Output result = co_await tr.communicate(text);

    EXPECT_EQ(result.out, "THIS MESSAGE WILL BE CONVERTED TO ALL CAPS.");
    EXPECT_EQ(result.returncode, 0);
}

ASYNC_TEST_REAL_TIME(U25o, several_commands_of_the_shell_gathered) {
    std::vector<Task<process::Output>> commands;
    for (const auto* text :
         {"echo one", "echo two >&2; exit 2", "sleep 0.05; echo three", "no-such-command 2>/dev/null"})
        commands.push_back(process::run(Command::shell(text)));

    const auto results = co_await gather(std::move(commands));

    std::vector<int> codes;
    for (const auto& result : results) codes.push_back(result.returncode);
    EXPECT_EQ(codes, (std::vector<int>{0, 2, 0, 127}));
    EXPECT_EQ(results[0].out, "one\n");
    EXPECT_EQ(results[1].err, "two\n");
    EXPECT_EQ(results[2].out, "three\n");
}

ASYNC_TEST_REAL_TIME(U25o, two_that_stream_are_interleaved_by_time) {
    Lines lines;
    const auto slow = Command::shell("for i in 1 2 3; do sleep 0.25; echo $i; done");
    const auto fast = Command::shell("sleep 0.05; for i in a b c; do sleep 0.125; echo $i; done");

    co_await gather(stream_lines(slow, lines), stream_lines(fast, lines));

    EXPECT_EQ(lines, (Lines{"a", "1", "b", "c", "2", "3"}));
}

ASYNC_TEST_REAL_TIME(Y1b, three_sleeps_take_the_time_of_one) {
    const auto start = Clock::now();
    std::vector<Task<process::Output>> sleeps;
    for (int i = 0; i < 2; ++i) sleeps.push_back(process::run(Command("sleep", "0.1")));
    sleeps.push_back(process::run(Command::shell("sleep 0.1")));

    const auto results = co_await gather(std::move(sleeps));
    const auto took = Clock::now() - start;

    for (const auto& result : results) EXPECT_EQ(result.returncode, 0);
    EXPECT_GE(took, 100ms);
    EXPECT_LT(took, 280ms);  // one after the other: 300
}

ASYNC_TEST_REAL_TIME(Y1d, a_calculator_is_asked_and_answers_line_by_line) {
    auto command = Command("/usr/bin/python3", "-u", "-i", "-q");
    command.stdin_from(PIPE).stdout_to(PIPE).stderr_to(process::DEVNULL);  // there it prompts
    auto child = co_await process::exec(command);
    auto answers = io::LineReader(child.stdout_stream());

    const std::string first = co_await ask(child, answers, "6 * 7");
    const std::string second = co_await ask(child, answers, "_ - 1");
    co_await child.stdin_stream().write_all("raise SystemExit(3)\n");
    const auto end = co_await answers.next();
    const int code = co_await child.wait();

    EXPECT_EQ(first, "42");
    EXPECT_EQ(second, "41");
    EXPECT_FALSE(end);
    EXPECT_EQ(code, 3);
}
