#include "support.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace {

using namespace end_to_end;
using Clock = std::chrono::steady_clock;

milliseconds since(Clock::time_point begun) {
    return std::chrono::duration_cast<milliseconds>(Clock::now() - begun);
}

TEST(FetchF4_1, an_origin_sees_six_at_once_and_the_others_start_in_the_same_second) {
    const auto slow = [](const std::string&, const std::string&) {
        std::this_thread::sleep_for(milliseconds(100));
        return http_answer(200, "x");
    };
    AnsweringServer first(slow);
    AnsweringServer second(slow);
    AnsweringServer third(slow);
    const TemporaryDirectory work;
    std::string list;
    for (const auto* server : {&first, &second, &third}) {
        for (int i = 0; i < 30; ++i) list += server->url("/" + std::to_string(i)) + "\n";
    }
    const auto result = run_fetch({"-i", "-", "-P", work.path(), "-o", "{port}-{name}"}, {.input = list});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    for (const auto* server : {&first, &second, &third}) {
        EXPECT_EQ(server->most_at_once(), 6U);
        EXPECT_EQ(server->requests().size(), 30U);
    }
    EXPECT_GE(result.took.count(), 500);   // 30 / 6 rounds of 100 ms
    EXPECT_LT(result.took.count(), 1200);  // not one origin after the other
}

TEST(FetchF4_1, the_total_is_bounded_by_j) {
    AnsweringServer server([](const std::string&, const std::string&) {
        std::this_thread::sleep_for(milliseconds(30));
        return http_answer(200, "x");
    });
    const TemporaryDirectory work;
    std::string list;
    for (int i = 0; i < 20; ++i) list += server.url("/" + std::to_string(i)) + "\n";
    EXPECT_EQ(run_fetch({"-i", "-", "-P", work.path(), "-j", "3"}, {.input = list}).exit_code, 0);
    EXPECT_EQ(server.most_at_once(), 3U);
}

TEST(FetchF4_3, a_rate_of_five_per_second_spaces_the_starts) {
    AnsweringServer server([](const std::string&, const std::string&) { return http_answer(200, "x"); });
    const TemporaryDirectory work;
    std::string list;
    for (int i = 0; i < 11; ++i) list += server.url("/" + std::to_string(i)) + "\n";
    const auto result = run_fetch({"-i", "-", "-P", work.path(), "--rate", "5/s"}, {.input = list});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_GE(result.took.count(), 1990);
    EXPECT_LT(result.took.count(), 2800);
}

TEST(FetchF4_4, retry_after_stops_its_lane_and_no_other) {
    std::atomic<int> asked = 0;
    std::atomic<int> during = 0;
    Clock::time_point refused;
    std::mutex lock;
    AnsweringServer limited([&](const std::string&, const std::string&) {
        const std::lock_guard guard(lock);
        if (asked++ == 0) {
            refused = Clock::now();
            return http_answer(503, "later", "Retry-After: 1\r\n");
        }
        if (since(refused) < milliseconds(990)) ++during;
        return http_answer(200, "x");
    });
    AnsweringServer free([&](const std::string&, const std::string&) { return http_answer(200, "x"); });
    const TemporaryDirectory work;
    std::string list = limited.url("/first") + "\n";
    for (int i = 0; i < 10; ++i)
        list += limited.url("/" + std::to_string(i)) + "\n" + free.url("/" + std::to_string(i)) + "\n";
    const auto result = run_fetch({"-i", "-", "-P", work.path(), "-o", "{port}-{name}", "--per-host", "1",
                                   "--report", work / "r.jsonl"},
                                  {.input = list});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(during, 0);
    EXPECT_GE(result.took.count(), 1000);
    const auto records = records_of(work / "r.jsonl");
    ASSERT_EQ(records.size(), 21U);
    for (std::size_t i = 0; i < 10; ++i)
        EXPECT_NE(text(records[i], "url").find(":" + std::to_string(free.port())), std::string::npos);
    std::size_t waited = 0;
    for (const auto& record : records)
        waited += text(record, "attempts").find("retry_after") != std::string::npos;
    EXPECT_EQ(waited, 1U);
}

TEST(FetchF4_4, a_retry_after_above_the_limit_ends_the_entry) {
    AnsweringServer server(
        [](const std::string&, const std::string&) { return http_answer(429, "", "Retry-After: 3600\r\n"); });
    const TemporaryDirectory work;
    const auto result = run_fetch({server.url("/"), "-P", work.path(), "--report", work / "r.jsonl"});
    EXPECT_EQ(result.exit_code, 8);
    const auto records = records_of(work / "r.jsonl");
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(text(records[0], "error.code"), "retry_after_too_long");
    EXPECT_EQ(std::stod(text(records[0], "retry_after")), 3600);
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST(FetchF4_6, a_truncated_body_is_tried_again_and_a_404_is_not) {
    std::atomic<int> tries = 0;
    ScriptedServer server([&](Connection& peer) {
        const auto head = peer.read_head();
        if (head.starts_with("GET /gone ")) return peer.send(http_answer(404, "no"));
        peer.send(++tries < 3 ? "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"
                              : http_answer(200, "0123456789"));
    });
    const TemporaryDirectory work;
    const auto result = run_fetch({server.url("/a"), server.url("/gone"), "-P", work.path(), "--flat",
                                   "--report", work / "r.jsonl", "--retry-delay", "100ms"});
    EXPECT_EQ(result.exit_code, 8) << result.err;
    EXPECT_EQ(work.read("a"), "0123456789");
    const auto records = records_of(work / "r.jsonl");
    for (const auto& record : records)
        EXPECT_EQ(record.at("attempts").as_array().size(), text(record, "outcome") == "ok" ? 3U : 1U);
}

TEST(FetchF5_1, the_first_url_of_a_pipe_is_fetched_before_the_second_is_written) {
    AnsweringServer server([](const std::string&, const std::string&) { return http_answer(200, "x"); });
    const TemporaryDirectory work;
    Program program(fetch({"-i", "-", "-P", work.path(), "--flat"}), {.keep_stdin = true});
    program.write(server.url("/one") + "\n");
    EXPECT_TRUE(program.wait_until([&] { return work.has("one"); }, milliseconds(2000)));
    program.write(server.url("/two"));
    program.close_stdin();
    EXPECT_EQ(program.wait().exit_code, 0);
    EXPECT_EQ(work.read("two"), "x");
}

TEST(FetchF5_1, a_pipe_is_read_only_as_fast_as_entries_are_taken) {
    ScriptedServer silent([](Connection& peer) { peer.wait_for_end(); });
    const TemporaryDirectory work;
    Program program(fetch({"-i", "-", "-P", work.path()}), {.keep_stdin = true});
    std::string piece;
    std::size_t lines = 0;
    while (piece.size() < 4000) piece += silent.url("/" + std::to_string(lines++)) + "\n";
    std::size_t written = 0;
    auto last = Clock::now();
    while (written < 3'000'000 && since(last) < milliseconds(500)) {
        if (program.try_write(piece)) {
            written += piece.size();
            last = Clock::now();
            std::string next;
            while (next.size() < 4000) next += silent.url("/" + std::to_string(lines++)) + "\n";
            piece = next;
        } else {
            std::this_thread::sleep_for(milliseconds(2));
        }
    }
    // 10,000 entries queued, some in flight, and what the pipe holds.
    EXPECT_GT(written, 250'000U);
    EXPECT_LT(written, 700'000U);
    program.send(SIGKILL);
    EXPECT_EQ(program.wait().signal, SIGKILL);
}

TEST(FetchF5_7, an_entry_named_twice_is_fetched_once) {
    AnsweringServer server([](const std::string&, const std::string&) { return http_answer(200, "x"); });
    const TemporaryDirectory work;
    const auto result = run_fetch({server.url("/a"), server.url("/a"), server.url("/a#part"), "-P",
                                   work.path(), "--report", work / "r.jsonl"});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(server.requests().size(), 1U);
    EXPECT_EQ(count_where(records_of(work / "r.jsonl"), "skip", "duplicate"), 2U);
}

TEST(FetchF5_8, few_descriptors_make_transfers_wait_and_none_fail) {
    AnsweringServer server([](const std::string&, const std::string&) {
        std::this_thread::sleep_for(milliseconds(10));
        return http_answer(200, "x");
    });
    const TemporaryDirectory work;
    std::string list;
    for (int i = 0; i < 200; ++i) list += server.url("/" + std::to_string(i)) + "\n";
    const auto result = run_fetch({"-i", "-", "-P", work.path(), "-j", "500", "--per-host", "500"},
                                  {.input = list, .max_descriptors = 40});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.err.find("descriptors allow"), std::string::npos) << result.err;
    EXPECT_EQ(work.files().size(), 200U);
}

}  // namespace
