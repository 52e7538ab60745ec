#include "support.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>

namespace {

using namespace end_to_end;

TEST(FetchE0, one_url_goes_to_stdout_and_says_nothing_else) {
    const NginxServer nginx;
    nginx.site().write("page.txt", "hello\n");
    const auto result = run_fetch({nginx.url("/page.txt")});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.out, "hello\n");
    EXPECT_EQ(result.err, "");
}

TEST(FetchE8, a_404_is_a_failure_wherever_it_stands_in_the_order) {
    const NginxServer nginx;
    const TemporaryDirectory work;
    nginx.site().write("there.txt", "hello\n");
    for (const auto& order :
         {std::vector<std::string>{"/there.txt", "/missing"}, {"/missing", "/there.txt"}}) {
        const auto result =
            run_fetch({nginx.url(order[0]), nginx.url(order[1]), "-P", work.path(), "--clobber"});
        EXPECT_EQ(result.exit_code, 8);
        EXPECT_NE(result.err.find("1 ok, 1 failed"), std::string::npos) << result.err;
        EXPECT_NE(result.err.find("404 Not Found"), std::string::npos) << result.err;
    }
    EXPECT_EQ(work.files().size(), 1U);
}

TEST(FetchF1_1, ten_thousand_urls_of_nginx_end_without_an_error) {
    const NginxServer nginx;
    const TemporaryDirectory work;
    std::string list;
    for (int i = 0; i < 10'000; ++i) {
        const auto name = "/d" + std::to_string(i % 10) + "/f" + std::to_string(i) + ".txt";
        nginx.site().write(name.substr(1), "content of " + std::to_string(i) + "\n" +
                                               std::string(static_cast<std::size_t>(i % 700), 'x'));
        list += nginx.url(name) + "\n";
    }
    const auto urls = work.write("urls", list);
    const auto result = run_fetch({"-i", urls, "-P", work / "out", "--report", work / "report.jsonl"});

    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.err.find("10,000 ok, 0 failed"), std::string::npos) << result.err;
    const auto records = records_of(work / "report.jsonl");
    ASSERT_EQ(records.size(), 10'000U);
    std::set<std::string> ids;
    std::set<std::string> sequence;
    for (const auto& record : records) {
        ids.insert(text(record, "id"));
        sequence.insert(text(record, "seq"));
        EXPECT_EQ(text(record, "outcome"), "ok");
    }
    EXPECT_EQ(ids.size(), 10'000U);
    EXPECT_EQ(sequence.size(), 10'000U);
    for (int i = 0; i < 10'000; i += 37) {
        const auto below = "d" + std::to_string(i % 10) + "/f" + std::to_string(i) + ".txt";
        EXPECT_EQ(work.read("out/127.0.0.1/" + below), nginx.site().read(below));
    }
}

TEST(FetchF1_3, one_percent_broken_in_seven_ways_is_reported_as_exactly_those) {
    const NginxServer nginx;
    const NginxServer secure("", "127.0.0.1", true);
    const TemporaryDirectory work;
    ScriptedServer truncating([](Connection& peer) {
        if (!peer.read_head().empty()) peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this");
    });
    ScriptedServer silent([](Connection& peer) { peer.wait_for_end(); });
    const auto closed = std::to_string(free_port());

    std::map<std::string, std::string> expected;  // url: error code
    std::string list;
    for (int i = 0; i < 10'000; ++i) {
        const auto number = std::to_string(i);
        std::string url = nginx.url("/f" + number + ".txt");
        if (i % 100 == 7) {
            switch (i / 100 % 7) {
                case 0:
                    expected[url = nginx.url("/missing" + number)] = "status";
                    break;
                case 1:
                    expected[url = "http://127.0.0.1:" + closed + "/" + number] = "connect_refused";
                    break;
                case 2:
                    expected[url = "http://host" + number + ".invalid/"] = "dns_not_found";
                    break;
                case 3:
                    expected[url = secure.url("/" + number)] = "tls_certificate";
                    break;
                case 4:
                    expected[url = truncating.url("/" + number)] = "incomplete_body";
                    break;
                case 5:
                    expected[url = "http://[::bad/" + number] = "url_invalid";
                    break;
                case 6:
                    expected[url = silent.url("/" + number)] = "timeout_response";
                    break;
            }
        } else {
            nginx.site().write("f" + number + ".txt", number);
        }
        list += url + "\n";
    }
    const auto urls = work.write("urls", list);
    const auto result = run_fetch({"-i", urls, "-P", work / "out", "--report", work / "report.jsonl",
                                   "--retry", "1", "--retry-delay", "50ms", "--response-timeout", "500ms"});

    EXPECT_EQ(result.exit_code, 4) << result.err;
    EXPECT_NE(result.err.find("9,900 ok, 100 failed"), std::string::npos) << result.err;
    const auto records = records_of(work / "report.jsonl");
    EXPECT_EQ(records.size(), 10'000U);
    std::size_t failed = 0;
    for (const auto& record : records) {
        const auto found = expected.find(text(record, "url"));
        if (found == expected.end()) {
            EXPECT_EQ(text(record, "outcome"), "ok") << text(record, "url") << text(record, "error.message");
        } else {
            ++failed;
            EXPECT_EQ(text(record, "error.code"), found->second)
                << text(record, "url") << text(record, "error.message");
        }
    }
    EXPECT_EQ(failed, expected.size());
    std::size_t saved = 0;
    for (const auto& file : work.files()) {
        EXPECT_FALSE(file.ends_with(".part")) << file;
        saved += file.starts_with("out/");
    }
    EXPECT_EQ(saved, 9'900U);
}

TEST(FetchF1_4, the_summary_groups_failures_and_names_the_next_command) {
    const NginxServer nginx;
    const TemporaryDirectory work;
    std::string list;
    for (int i = 0; i < 30; ++i) list += nginx.url("/gone" + std::to_string(i)) + "\n";
    list += "http://127.0.0.1:" + std::to_string(free_port()) + "/\n";
    const auto result = run_fetch(
        {"-i", "-", "-P", work.path(), "--report", work / "r.jsonl", "--retry", "0"}, {.input = list});
    EXPECT_EQ(result.exit_code, 4);
    EXPECT_NE(result.err.find("0 ok, 31 failed"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("30  status 404"), std::string::npos) << result.err;
    EXPECT_LT(result.err.find("30  status 404"), result.err.find("1  connect_refused"));
    EXPECT_NE(result.err.find("tandem fetch --retry-failed " + (work / "r.jsonl")), std::string::npos)
        << result.err;
}

TEST(FetchF1_5, retry_failed_takes_exactly_the_failed_with_their_method_and_body) {
    const TemporaryDirectory work;
    std::atomic<bool> healthy = false;
    AnsweringServer server([&](const std::string& path, const std::string&) {
        return path == "/bad" && !healthy ? http_answer(500, "no") : http_answer(200, "fine");
    });
    const auto report = work / "r.jsonl";
    const auto first = run_fetch(
        {server.url("/good"), server.url("/bad"), "-P", work.path(), "--report", report, "--retry", "0"});
    EXPECT_EQ(first.exit_code, 8) << first.err;
    healthy = true;
    const auto before = server.requests().size();
    const auto second =
        run_fetch({"--retry-failed", report, "-P", work.path(), "--report", work / "again.jsonl"});
    EXPECT_EQ(second.exit_code, 0) << second.err;
    ASSERT_EQ(server.requests().size(), before + 1);
    EXPECT_TRUE(server.requests().back().starts_with("GET /bad "));
    const auto records = records_of(work / "again.jsonl");
    ASSERT_EQ(records.size(), 1U);
    for (const auto& record : records_of(report)) {
        if (text(record, "outcome") == "failed") {
            EXPECT_EQ(text(records[0], "id"), text(record, "id"));
        }
    }
}

TEST(FetchF1_5, retry_failed_sends_the_data_of_the_first_run_again) {
    const TemporaryDirectory work;
    AnsweringServer server([&](const std::string&, const std::string&) {
        return http_answer(500, "no", "Connection: close\r\n");
    });
    const auto report = work / "r.jsonl";
    EXPECT_EQ(run_fetch({server.url("/"), "-d", "a=1", "--report", report, "-P", work.path()}).exit_code, 8);
    EXPECT_EQ(run_fetch({"--retry-failed", report, "-P", work.path()}).exit_code, 8);
    const auto requests = server.requests();
    ASSERT_GE(requests.size(), 2U);
    EXPECT_TRUE(requests.back().starts_with("POST / "));
    EXPECT_NE(requests.back().find("Content-Length: 3\r\n"), std::string::npos) << requests.back();
    EXPECT_NE(requests.back().find("x-www-form-urlencoded"), std::string::npos) << requests.back();
}

TEST(FetchF1_6, write_out_prints_after_each_entry_with_curls_names) {
    const NginxServer nginx;
    const TemporaryDirectory work;
    nginx.site().write("a.txt", "12345");
    const auto result = run_fetch({nginx.url("/a.txt"), nginx.url("/none"), "-P", work.path(), "-w",
                                   "%{http_code} %{size_download} %{exitcode} %{filename_effective}\\n"});
    EXPECT_NE(result.out.find("200 5 0 " + (work / "127.0.0.1/a.txt")), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("404 "), std::string::npos) << result.out;
}

TEST(FetchF1_2, the_report_can_go_to_stdout_and_to_a_descriptor) {
    const NginxServer nginx;
    const TemporaryDirectory work;
    nginx.site().write("a.txt", "12345");
    const auto result =
        run_fetch({nginx.url("/a.txt"), "-P", work.path(), "--report", "-", "--report-headers", "all"});
    const auto records = records_in(result.out);
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(text(records[0], "headers.content-length"), "[\"5\"]");
    EXPECT_EQ(text(records[0], "file"), work / "127.0.0.1/a.txt");
    EXPECT_EQ(text(records[0], "sha256"), "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5");
    EXPECT_EQ(text(records[0], "bytes.saved"), "5");
}

TEST(FetchE2, what_is_wrong_with_the_command_line_is_told_at_once_and_nothing_is_fetched) {
    AnsweringServer server([](const std::string&, const std::string&) { return http_answer(200, "x"); });
    const auto result =
        run_fetch({server.url("/"), "--max-tiem", "3", "-i", "/no/such/list", "--retry", "x"});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_NE(result.err.find("--max-time"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("/no/such/list"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("--retry"), std::string::npos) << result.err;
    EXPECT_TRUE(server.requests().empty());
}

TEST(FetchE9, fail_fast_stops_at_the_first_failure_and_every_other_entry_has_its_record) {
    const TemporaryDirectory work;
    AnsweringServer server([](const std::string& path, const std::string&) {
        if (path == "/bad") return http_answer(404, "no");
        std::this_thread::sleep_for(milliseconds(20));
        return http_answer(200, "fine");
    });
    std::string list = server.url("/bad") + "\n";
    for (int i = 0; i < 200; ++i) list += server.url("/" + std::to_string(i)) + "\n";
    const auto urls = work.write("urls", list);
    const auto result =
        run_fetch({"-i", urls, "-P", work / "out", "--report", work / "r.jsonl", "--fail-fast"});
    EXPECT_EQ(result.exit_code, 8);
    const auto records = records_of(work / "r.jsonl");
    EXPECT_EQ(records.size(), 201U);
    EXPECT_EQ(count_where(records, "outcome", "failed"), 1U);
    EXPECT_GT(count_where(records, "error.code", "stopped"), 150U);
}

TEST(FetchE9, a_time_limit_of_the_run_ends_it_with_9) {
    const TemporaryDirectory work;
    ScriptedServer silent([](Connection& peer) { peer.wait_for_end(); });
    const auto result = run_fetch(
        {silent.url("/"), "-P", work.path(), "--max-time-total", "300ms", "--report", work / "r.jsonl"});
    EXPECT_EQ(result.exit_code, 9) << result.err;
    EXPECT_LT(result.took.count(), 3000);
    EXPECT_EQ(count_where(records_of(work / "r.jsonl"), "outcome", "cancelled"), 1U);
}

TEST(FetchC7, the_version_names_the_backend_and_why_it_is_not_io_uring) {
    const auto program = std::string(TANDEM_BINARY_DIR) + "/cli/tandem";
    const auto result = run({program, "--version"}, {.environment = {"TANDEM_BACKEND=epoll"}});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_NE(result.out.find("backend: epoll"), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("OpenSSL"), std::string::npos) << result.out;
}

TEST(FetchF8_8, a_dry_run_touches_neither_network_nor_disk_and_shows_no_secret) {
    AnsweringServer server([](const std::string&, const std::string&) { return http_answer(200, "x"); });
    const TemporaryDirectory work;
    const auto result = run_fetch({"--dry-run", server.url("/a/b.txt"), server.url("/page"), "-H",
                                   "Authorization: hush", "-P", work / "out"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.out.find(server.url("/a/b.txt") + "\t" + (work / "out/127.0.0.1/a/b.txt\n")),
              std::string::npos)
        << result.out;
    EXPECT_NE(result.out.find("/page\t" + (work / "out/127.0.0.1/page?")), std::string::npos) << result.out;
    EXPECT_EQ(result.out.find("hush"), std::string::npos);
    EXPECT_TRUE(server.requests().empty());
    EXPECT_TRUE(work.files().empty());
    EXPECT_FALSE(work.has("out"));
}

}  // namespace
