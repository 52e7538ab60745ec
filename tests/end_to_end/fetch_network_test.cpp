#include "support.hpp"

#include <gtest/gtest.h>

namespace {

using namespace end_to_end;

TEST(FetchR21, a_chain_of_302_is_followed_and_recorded) {
    const NginxServer nginx("location /1 { return 302 /2; } location /2 { return 302 /3.txt; }");
    const TemporaryDirectory work;
    nginx.site().write("3.txt", "the end");
    const auto result = run_fetch({nginx.url("/1"), "-o", work / "out", "--report", work / "r.jsonl"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(work.read("out"), "the end");
    const auto records = records_of(work / "r.jsonl");
    ASSERT_EQ(records.size(), 1U);
    ASSERT_EQ(records[0].at("redirects").as_array().size(), 2U);
    EXPECT_EQ(text(records[0], "final_url"), nginx.url("/3.txt"));
    EXPECT_EQ(text(records[0], "url"), nginx.url("/1"));
}

TEST(FetchE7, a_circle_of_redirects_is_a_failure_of_the_protocol) {
    const NginxServer nginx("location /a { return 302 /b; } location /b { return 302 /a; }");
    const TemporaryDirectory work;
    const auto result = run_fetch({nginx.url("/a"), "-P", work.path(), "--report", work / "r.jsonl"});
    EXPECT_EQ(result.exit_code, 7) << result.err;
    EXPECT_EQ(text(records_of(work / "r.jsonl").at(0), "error.code"), "too_many_redirects");
}

TEST(FetchR13, a_gzipped_body_is_saved_decoded) {
    const NginxServer nginx("gzip on; gzip_min_length 1; gzip_types text/plain;");
    const TemporaryDirectory work;
    const std::string content(100'000, 'z');
    nginx.site().write("z.txt", content);
    const auto result =
        run_fetch({nginx.url("/z.txt"), "-P", work.path(), "--flat", "--report", work / "r.jsonl"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(work.read("z.txt"), content);
    const auto records = records_of(work / "r.jsonl");
    EXPECT_EQ(text(records.at(0), "coding"), "gzip");
    EXPECT_EQ(text(records[0], "bytes.decoded"), "100000");
    EXPECT_LT(std::stoi(text(records[0], "bytes.body")), 1000);
}

TEST(FetchE5, a_certificate_of_an_unknown_ca_is_refused_unless_the_ca_is_given) {
    const NginxServer nginx("", "127.0.0.1", true);
    const TemporaryDirectory work;
    nginx.site().write("s.txt", "secret");
    const auto refused = run_fetch({nginx.url("/s.txt"), "-P", work.path(), "--report", work / "r.jsonl"});
    EXPECT_EQ(refused.exit_code, 5) << refused.err;
    EXPECT_TRUE(text(records_of(work / "r.jsonl").at(0), "error.code") == "tls_certificate");

    const auto trusted = run_fetch({nginx.url("/s.txt"), "--cacert", nginx.ca_file(), "-P", work.path(),
                                    "--flat", "--report", work / "t.jsonl"});
    EXPECT_EQ(trusted.exit_code, 0) << trusted.err;
    EXPECT_EQ(work.read("s.txt"), "secret");
    EXPECT_EQ(text(records_of(work / "t.jsonl").at(0), "tls.verified"), "true");

    const auto insecure =
        run_fetch({nginx.url("/s.txt"), "-k", "--report", work / "k.jsonl", "-o", work / "k"});
    EXPECT_EQ(insecure.exit_code, 0) << insecure.err;
    EXPECT_EQ(text(records_of(work / "k.jsonl").at(0), "tls.verified"), "false");
    EXPECT_NE(insecure.err.find("-k"), std::string::npos) << insecure.err;
}

TEST(FetchE5, a_certificate_for_another_name_is_refused) {
    const NginxServer nginx("", "127.0.0.1", true);
    const TemporaryDirectory work;
    const auto url = "https://elsewhere.example:" + std::to_string(nginx.port()) + "/";
    const auto result =
        run_fetch({url, "--cacert", nginx.ca_file(), "--resolve",
                   "elsewhere.example:" + std::to_string(nginx.port()) + ":127.0.0.1", "-P", work.path()});
    EXPECT_EQ(result.exit_code, 5) << result.err;
    EXPECT_NE(result.err.find("tls_certificate"), std::string::npos) << result.err;
}

TEST(FetchE5, plain_http_where_tls_was_expected_is_a_failure_of_the_handshake) {
    const NginxServer nginx;
    const auto result = run_fetch({"https://127.0.0.1:" + std::to_string(nginx.port()) + "/"});
    EXPECT_EQ(result.exit_code, 5) << result.err;
    EXPECT_NE(result.err.find("tls_handshake"), std::string::npos) << result.err;
}

TEST(FetchE4, a_server_on_ipv6_only_is_reached) {
    ScriptedServer server(
        [](Connection& peer) {
            if (!peer.read_head().empty()) peer.send(http_answer(200, "six"));
        },
        true);
    const TemporaryDirectory work;
    const auto result = run_fetch({server.url("/"), "--report", work / "r.jsonl", "-o", work / "six"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(work.read("six"), "six");
    EXPECT_EQ(text(records_of(work / "r.jsonl").at(0), "remote"), "[::1]:" + std::to_string(server.port()));

    const auto by_name = run_fetch({"http://localhost:" + std::to_string(server.port()) + "/"});
    EXPECT_EQ(by_name.out, "six") << by_name.err;
}

TEST(FetchE4, a_server_that_never_answers_costs_its_time_limit) {
    ScriptedServer silent([](Connection& peer) { peer.wait_for_end(); });
    const TemporaryDirectory work;
    const auto result = run_fetch({silent.url("/"), "--response-timeout", "300ms", "--retry", "0", "--report",
                                   work / "r.jsonl", "-P", work.path()});
    EXPECT_EQ(result.exit_code, 4) << result.err;
    EXPECT_LT(result.took.count(), 3000);
    const auto records = records_of(work / "r.jsonl");
    EXPECT_EQ(text(records.at(0), "error.code"), "timeout_response");
    EXPECT_EQ(text(records[0], "error.retryable"), "true");
}

TEST(FetchE4, a_body_that_stalls_and_an_entry_that_takes_too_long_are_told_apart) {
    ScriptedServer stalling([](Connection& peer) {
        peer.read_head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
        peer.wait_for_end();
    });
    const TemporaryDirectory work;
    const auto stalled =
        run_fetch({stalling.url("/"), "--stall-timeout", "200ms", "--retry", "0", "-P", work.path()});
    EXPECT_NE(stalled.err.find("timeout_stall"), std::string::npos) << stalled.err;
    const auto late = run_fetch({stalling.url("/"), "-m", "200ms", "-P", work.path()});
    EXPECT_EQ(late.exit_code, 4);
    EXPECT_NE(late.err.find("timeout_total"), std::string::npos) << late.err;
    EXPECT_TRUE(work.files().empty());
}

TEST(FetchE7, a_body_above_the_limit_and_nonsense_are_failures_of_the_protocol) {
    ScriptedServer nonsense([](Connection& peer) {
        peer.read_head();
        peer.send("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    });
    AnsweringServer large(
        [](const std::string&, const std::string&) { return http_answer(200, std::string(5000, 'x')); });
    const TemporaryDirectory work;
    const auto result = run_fetch({nonsense.url("/"), large.url("/"), "--max-filesize", "4000", "-P",
                                   work.path(), "--report", work / "r.jsonl"});
    EXPECT_EQ(result.exit_code, 7) << result.err;
    const auto records = records_of(work / "r.jsonl");
    EXPECT_EQ(count_where(records, "error.code", "bad_response"), 1U);
    EXPECT_EQ(count_where(records, "error.code", "body_too_large"), 1U);
}

TEST(FetchF9_1, secrets_go_to_the_origin_of_the_first_entry_only) {
    AnsweringServer home([](const std::string&, const std::string&) { return http_answer(200, "x"); });
    AnsweringServer other([](const std::string&, const std::string&) { return http_answer(200, "x"); });
    const TemporaryDirectory work;
    const auto result = run_fetch({home.url("/1"), other.url("/2"), home.url("/3"), "-P", work.path(), "-H",
                                   "X-Api-Key: canary", "-H", "X-Plain: yes", "-b", "session=canary", "-u",
                                   "me:canary", "--report", work / "r.jsonl", "-v"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    for (const auto& head : home.requests()) {
        EXPECT_NE(head.find("X-Api-Key: canary"), std::string::npos) << head;
        EXPECT_NE(head.find("Authorization: Basic bWU6Y2FuYXJ5"), std::string::npos) << head;
        EXPECT_NE(head.find("Cookie: session=canary"), std::string::npos) << head;
    }
    ASSERT_EQ(other.requests().size(), 1U);
    EXPECT_EQ(other.requests()[0].find("canary"), std::string::npos);
    EXPECT_EQ(other.requests()[0].find("Authorization"), std::string::npos);
    EXPECT_NE(other.requests()[0].find("X-Plain: yes"), std::string::npos);
    EXPECT_EQ(count_of(result.err, "--header-for"), 1U) << result.err;
    EXPECT_EQ((result.err + result.out + work.read("r.jsonl")).find("canary"), std::string::npos);
}

TEST(FetchF9_2, a_redirect_to_another_origin_loses_every_header_of_the_user) {
    AnsweringServer target([](const std::string&, const std::string&) { return http_answer(200, "x"); });
    AnsweringServer home([&](const std::string&, const std::string&) {
        return http_answer(302, "", "Location: " + target.url("/") + "\r\n");
    });
    const TemporaryDirectory work;
    EXPECT_EQ(
        run_fetch({home.url("/"), "-P", work.path(), "-H", "X-Plain: a", "-H", "X-Api-Key: b", "-u", "me:c"})
            .exit_code,
        0);
    ASSERT_EQ(target.requests().size(), 1U);
    for (const auto* name : {"X-Plain", "X-Api-Key", "Authorization"})
        EXPECT_EQ(target.requests()[0].find(name), std::string::npos) << name;
    EXPECT_EQ(
        run_fetch({home.url("/"), "-P", work.path(), "-H", "X-Plain: a", "--location-trusted"}).exit_code, 0);
    EXPECT_NE(target.requests().back().find("X-Plain: a"), std::string::npos);
}

TEST(FetchE4, connect_to_leads_a_name_elsewhere) {
    AnsweringServer server([](const std::string&, const std::string& head) {
        return http_answer(200, head.find("Host: far.example") != std::string::npos ? "right" : "wrong");
    });
    const auto result =
        run_fetch({"http://far.example/", "--connect-to", "::127.0.0.1:" + std::to_string(server.port())});
    EXPECT_EQ(result.out, "right") << result.err;
}

TEST(FetchF1_3, pythons_http_server_is_fetched_from) {
    const TemporaryDirectory site;
    const TemporaryDirectory work;
    for (int i = 0; i < 50; ++i) site.write(std::to_string(i) + ".txt", "number " + std::to_string(i));
    const auto port = std::to_string(free_port());
    Program python({"python3", "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", site.path()});
    ASSERT_TRUE(python.wait_until([&] {
        return run_fetch({"-s", "--retry", "0", "http://127.0.0.1:" + port + "/0.txt"}).exit_code == 0;
    }));
    const auto result = run_fetch({"http://127.0.0.1:" + port + "/[0-49].txt", "-P", work.path(), "--flat"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(work.files(), site.files());
    EXPECT_EQ(work.read("17.txt"), "number 17");
}

}  // namespace
