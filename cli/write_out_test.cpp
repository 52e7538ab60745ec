#include <cli/write_out.hpp>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

namespace tandem::cli {
namespace {

Record some_record() {
    Record record;
    record.seq = 3;
    record.url = "http://alice:canary@a/x";
    record.final_url = "https://b/y";
    record.method = "GET";
    record.status = 200;
    record.http = "1.1";
    record.remote = "[::1]:8443";
    record.type = "text/html";
    record.bytes = ByteCounts{};
    record.bytes->body = 5000;
    record.redirects = {{"http://a/x", 302, Elapsed(250)}};
    record.attempts.resize(3);
    record.file = "out/y.html";
    record.timings.emplace();
    record.timings->resolve = Elapsed(10);
    record.timings->connect = Elapsed(20);
    record.timings->tls = Elapsed(30);
    record.timings->send = Elapsed(1);
    record.timings->ttfb = Elapsed(39);
    record.timings->total = Elapsed(500);
    return record;
}

std::string rendered(std::string_view format, const Record& record = some_record()) {
    WriteOutFacts facts;
    facts.headers = {{"Content-Type", "text/html"}, {"Via", "a"}, {"via", "b"}};
    const WriteOut write_out(format);
    EXPECT_TRUE(write_out.problems().empty()) << format;
    return write_out.render(record, facts).for_stdout;
}

TEST(FetchC8, variables_have_curls_names_and_meanings) {
    EXPECT_EQ(rendered("%{url} %{url_effective}"), "http://a/x https://b/y");
    EXPECT_EQ(rendered("%{http_code} %{http_version} %{method} %{scheme}"), "200 1.1 GET https");
    EXPECT_EQ(rendered("%{remote_ip} %{remote_port}"), "::1 8443");
    EXPECT_EQ(rendered("%{num_redirects} %{num_retries} %{urlnum}"), "1 2 2");
    EXPECT_EQ(rendered("%{size_download} %{speed_download}"), "5000 10000");
    EXPECT_EQ(rendered("%{filename_effective} %{content_type} %{exitcode}"), "out/y.html text/html 0");
}

TEST(FetchC8, times_are_seconds_since_the_start_as_in_curl) {
    EXPECT_EQ(rendered("%{time_namelookup} %{time_connect} %{time_appconnect} %{time_pretransfer}"),
              "0.010000 0.030000 0.060000 0.060000");
    EXPECT_EQ(rendered("%{time_starttransfer} %{time_redirect} %{time_total}"), "0.100000 0.250000 0.500000");
}

TEST(FetchC8, escapes_and_percent_signs_are_written_as_in_curl) {
    EXPECT_EQ(rendered("a\\tb\\r\\n%%{url}\\x"), "a\tb\r\n%{url}\\x");
}

TEST(FetchC8, headers_are_found_in_both_spellings) {
    EXPECT_EQ(rendered("%{header{content-type}} %header{VIA}"), "text/html a");
    const auto all = boost::json::parse(rendered("%{header_json}")).as_object();
    EXPECT_EQ(all.at("via").as_array().size(), 2U);
    EXPECT_TRUE(WriteOut("%{header_json}").needs_headers());
    EXPECT_FALSE(WriteOut("%{url}").needs_headers());
}

TEST(FetchC8, json_holds_every_variable_and_record_is_the_record) {
    auto record = some_record();
    const auto all = boost::json::parse(rendered("%{json}", record)).as_object();
    EXPECT_EQ(all.at("http_code").as_int64(), 200);
    EXPECT_EQ(all.at("time_total").as_double(), 0.5);
    EXPECT_EQ(rendered("%{record}\n", record), to_json_line(record));
    record.status.reset();
    EXPECT_EQ(boost::json::parse(rendered("%{json}", record)).at("http_code").as_int64(), 0);
    EXPECT_EQ(rendered("%{http_code}", record), "000");
}

TEST(FetchC8, stderr_and_onerror_say_where_and_when) {
    const WriteOut format("a%{stderr}b%{stdout}c%{onerror}d %{errormsg} %{exitcode}");
    auto record = some_record();
    auto text = format.render(record, {});
    EXPECT_EQ(text.for_stdout, "ac");
    EXPECT_EQ(text.for_stderr, "b");
    record.outcome = Outcome::failed;
    record.error = RecordError{ErrorCode::reset, "reset by peer", {}, true};
    text = format.render(record, {});
    EXPECT_EQ(text.for_stdout, "acd reset by peer 56");
}

TEST(FetchC8, an_unknown_variable_is_a_problem_that_names_the_nearest) {
    const WriteOut wrong("%{http_cod}");
    ASSERT_EQ(wrong.problems().size(), 1U);
    EXPECT_NE(wrong.problems()[0].find("did you mean %{http_code}?"), std::string::npos);
    const WriteOut open("%{url");
    EXPECT_EQ(open.problems().size(), 1U);
}

}  // namespace
}  // namespace tandem::cli
