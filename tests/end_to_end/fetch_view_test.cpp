#include "support.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>

namespace {

using namespace end_to_end;

constexpr char escape = '\x1b';

std::string slow_list(const AnsweringServer& server, int count) {
    std::string list;
    for (int i = 0; i < count; ++i) list += server.url("/" + std::to_string(i)) + "\n";
    return list;
}

std::string slow_answer(const std::string&, const std::string&) {
    std::this_thread::sleep_for(milliseconds(50));
    return http_answer(200, std::string(1000, 'x'));
}

TEST(FetchE10, ctrl_c_ends_within_a_second_by_the_signal_with_a_true_summary) {
    AnsweringServer server(slow_answer);
    const TemporaryDirectory work;
    const auto urls = work.write("urls", slow_list(server, 2000));
    Program program(fetch({"-i", urls, "-P", work / "out", "--flat", "--report", work / "r.jsonl"}));
    ASSERT_TRUE(program.wait_until([&] { return count_of(read_file(work / "r.jsonl"), "\n") > 20; }));
    const auto pressed = std::chrono::steady_clock::now();
    program.send(SIGINT);
    const auto result = program.wait();
    EXPECT_LT(std::chrono::steady_clock::now() - pressed, std::chrono::seconds(1));
    EXPECT_EQ(result.signal, SIGINT);
    const auto records = records_of(work / "r.jsonl");
    EXPECT_EQ(records.size(), 2000U);
    const auto ok = count_where(records, "outcome", "ok");
    const auto cancelled = count_where(records, "outcome", "cancelled");
    EXPECT_EQ(ok + cancelled, 2000U);
    EXPECT_NE(result.err.find(std::to_string(ok) + " ok, 0 failed, "), std::string::npos) << result.err;
    std::size_t saved = 0;
    for (const auto& file : work.files()) {
        EXPECT_FALSE(file.ends_with(".part")) << file;
        saved += file.starts_with("out/");
    }
    EXPECT_EQ(saved, ok);
}

/// The pid of the command that a shell is running; 0 if there is none yet.
int child_of(int shell) {
    const auto id = std::to_string(shell);
    const auto children = read_file("/proc/" + id + "/task/" + id + "/children");
    if (children.empty()) return 0;
    const int child = std::stoi(children);
    return read_file("/proc/" + std::to_string(child) + "/comm") == "tandem\n" ? child : 0;
}

TEST(FetchE10, a_shell_sees_130_143_and_129) {
    std::atomic<int> asked = 0;
    ScriptedServer silent([&](Connection& peer) {
        if (!peer.read_head().empty()) ++asked;
        peer.wait_for_end();
    });
    for (const auto& [signal, status] :
         {std::pair{SIGINT, 130}, std::pair{SIGTERM, 143}, std::pair{SIGHUP, 129}}) {
        const int before = asked;
        Program shell({"/bin/sh", "-c", fetch({})[0] + " fetch -s " + silent.url("/") + "; echo status $?"});
        ASSERT_TRUE(shell.wait_until([&] { return asked > before && child_of(shell.pid()) != 0; }));
        ::kill(child_of(shell.pid()), signal);
        EXPECT_EQ(shell.wait().out, "status " + std::to_string(status) + "\n");
    }
}

TEST(FetchE10, a_second_ctrl_c_ends_at_once) {
    ScriptedServer silent([](Connection& peer) { peer.wait_for_end(); });
    Program program(fetch({silent.url("/"), "--grace", "30s", "-o", "-"}));
    std::this_thread::sleep_for(milliseconds(300));
    program.send(SIGINT);
    EXPECT_TRUE(program.wait_until([&] { return program.err().find("SIGINT") != std::string::npos; }));
    EXPECT_FALSE(program.ended());
    program.send(SIGINT);
    const auto result = program.wait();
    EXPECT_EQ(result.signal, SIGINT);
    EXPECT_LT(result.took.count(), 5000);
}

TEST(FetchE10, what_was_cancelled_can_be_had_with_retry_failed) {
    AnsweringServer server(slow_answer);
    const TemporaryDirectory work;
    const auto urls = work.write("urls", slow_list(server, 60));
    Program program(fetch({"-i", urls, "-P", work / "out", "--flat", "--report", work / "r.jsonl"}));
    ASSERT_TRUE(program.wait_until([&] { return count_of(read_file(work / "r.jsonl"), "\n") > 5; }));
    program.send(SIGTERM);
    EXPECT_EQ(program.wait().signal, SIGTERM);
    const auto again =
        run_fetch({"--retry-failed", work / "r.jsonl", "-P", work / "out", "--flat", "--per-host", "60"});
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(work.files().size(), 62U);  // with the list and the report
}

TEST(FetchF7_9, a_reader_of_stdout_that_goes_away_ends_the_run_quietly) {
    const NginxServer nginx;
    nginx.site().write("large.txt", std::string(5'000'000, 'x') + "\n");
    const auto script =
        "{ " + fetch({})[0] + " fetch " + nginx.url("/large.txt") + "; echo status $? >&2; } | head -c 10";
    const auto result = run({"/bin/bash", "-c", script});
    EXPECT_EQ(result.out, "xxxxxxxxxx");
    EXPECT_NE(result.err.find("status 141"), std::string::npos) << result.err;
}

TEST(FetchF7_8, without_a_terminal_nothing_is_escaped_and_a_server_can_never_send_an_escape) {
    AnsweringServer evil([](const std::string&, const std::string&) {
        return std::string("HTTP/1.1 404 \x9b[31mGo\xe2\x80\xaene\r\nContent-Length: 0\r\n\r\n");
    });
    const TemporaryDirectory work;
    for (const bool terminal : {false, true}) {
        RunOptions options;
        options.terminal = terminal;
        options.environment = {"TERM=xterm", "NO_COLOR=1", "LANG=C.UTF-8"};
        const auto result =
            run_fetch({evil.url("/\x1b[31m"), evil.url("/b"), "-P", work.path(), "-v"}, options);
        EXPECT_EQ(result.err.find("\x9b"), std::string::npos);
        EXPECT_EQ(result.err.find("\xe2\x80\xae"), std::string::npos);
        EXPECT_EQ(result.err.find("\x1b[31m"), std::string::npos) << result.err;
        if (!terminal) {
            EXPECT_EQ(result.err.find(escape), std::string::npos) << result.err;
        }
    }
}

TEST(FetchF7_2, a_terminal_gets_a_live_block_and_its_cursor_back) {
    AnsweringServer server(slow_answer);
    const TemporaryDirectory work;
    RunOptions options;
    options.input = slow_list(server, 60);
    options.terminal = true;
    options.environment = {"TERM=xterm-256color", "NO_COLOR", "LANG=C.UTF-8"};
    const auto result = run_fetch({"-i", "-", "-P", work.path(), "--flat"}, options);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(count_of(result.err, "\x1b[?25l"), 1U);
    EXPECT_EQ(count_of(result.err, "\x1b[?25h"), 1U);
    EXPECT_LT(result.err.rfind("\x1b[?25l"), result.err.rfind("\x1b[?25h"));
    const auto frames = count_of(result.err, "\x1b[?2026h");
    EXPECT_GE(frames, 2U);
    EXPECT_LE(frames, static_cast<std::size_t>(result.took.count() / 100 + 2));
    EXPECT_NE(result.err.find("60 ok, 0 failed"), std::string::npos) << result.err;
}

TEST(FetchF7_3, ctrl_c_gives_the_cursor_back) {
    ScriptedServer silent([](Connection& peer) { peer.wait_for_end(); });
    const TemporaryDirectory work;
    RunOptions options;
    options.terminal = true;
    options.environment = {"TERM=xterm", "LANG=C.UTF-8"};
    Program program(fetch({silent.url("/"), "-P", work.path()}), options);
    ASSERT_TRUE(program.wait_until([&] { return program.err().find("\x1b[?25l") != std::string::npos; }));
    program.send(SIGINT);
    const auto result = program.wait();
    EXPECT_EQ(result.signal, SIGINT);
    EXPECT_GT(result.err.rfind("\x1b[?25h") + 1, result.err.rfind("\x1b[?25l") + 1);
    EXPECT_NE(result.err.find("1 cancelled"), std::string::npos) << result.err;
}

TEST(FetchF7_5, progress_as_json_is_json_and_ends_with_the_last_state) {
    AnsweringServer server(slow_answer);
    const TemporaryDirectory work;
    RunOptions options;
    options.input = slow_list(server, 30);
    const auto result = run_fetch({"-i", "-", "-P", work.path(), "--flat", "--progress", "json",
                                   "--progress-interval", "100ms", "--no-summary"},
                                  options);
    const auto lines = lines_of(result.err);
    ASSERT_GE(lines.size(), 2U);
    for (const auto& line : lines)
        EXPECT_TRUE(line.find("{\"t\":") != std::string::npos && line.ends_with('}')) << line;
    EXPECT_NE(lines.back().find("\"done\":30"), std::string::npos) << lines.back();
}

TEST(FetchF7_1, silent_means_silent_and_show_error_breaks_it_for_errors) {
    const NginxServer nginx;
    const TemporaryDirectory work;
    EXPECT_EQ(run_fetch({nginx.url("/none"), "-s", "-P", work.path()}).err, "");
    const auto result = run_fetch({nginx.url("/none"), "-sS", "-P", work.path()});
    EXPECT_EQ(count_of(result.err, "\n"), 1U) << result.err;
    EXPECT_NE(result.err.find("404"), std::string::npos);
}

TEST(FetchF11_6, verbose_says_which_backend_runs) {
    const NginxServer nginx;
    nginx.site().write("a.txt", "x");
    RunOptions options;
    options.environment = {"TANDEM_BACKEND=epoll"};
    const auto result = run_fetch({nginx.url("/a.txt"), "-v"}, options);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_NE(result.err.find("* backend epoll"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("< HTTP/1.1 200 OK"), std::string::npos) << result.err;
}

}  // namespace
