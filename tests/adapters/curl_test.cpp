// libcurl's multi interface on tandem, against our own server.
#include <examples/adapters/curl.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/demo_site.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using adapters::Curl;
using adapters::CurlError;
using adapters::CurlReply;

ASYNC_TEST_REAL_TIME(SemL45, libcurl_fetches_on_the_loop_that_serves_it) {
    tandem::testing::DemoSite site;
    co_await site.start();
    {
        Curl curl;
        const CurlReply ip = co_await curl.get(site.url("/ip"));
        EXPECT_EQ(ip.status, 200);
        EXPECT_EQ(ip.body, R"({"ip": "10.0.0.1"})");
        const CurlReply page = co_await curl.get(site.url("/page/7"));
        EXPECT_EQ(page.body, site.world().page_text(7));
        const CurlReply error = co_await curl.get(site.url("/error"));
        EXPECT_EQ(error.status, 500);
    }
    co_await site.stop(50ms);
}

ASYNC_TEST_REAL_TIME(SemL45, libcurl_runs_many_transfers_at_once) {
    tandem::testing::DemoSite site;
    co_await site.start();
    {
        Curl curl;
        const auto start = this_loop().time();
        std::vector<Task<CurlReply>> all;
        for (int i = 0; i < 30; ++i) all.push_back(curl.get(site.url("/delay/0.2")));
        const auto replies = co_await gather(std::move(all));
        for (const auto& reply : replies) EXPECT_EQ(reply.status, 200);
        EXPECT_LT(this_loop().time() - start, 3s);
        EXPECT_EQ(site.counts().most_simultaneous, 30U);
    }
    co_await site.stop(50ms);
}

ASYNC_TEST_REAL_TIME(SemL45, a_cancelled_transfer_is_taken_out_and_the_others_go_on) {
    tandem::testing::DemoSite site;
    co_await site.start();
    {
        Curl curl;
        auto endless = create_task(curl.get(site.url("/delay/60")));
        auto other = create_task(curl.get(site.url("/delay/0.1")));
        co_await sleep(30ms);
        const auto start = this_loop().time();
        endless.cancel();
        const auto end = co_await endless.join();
        EXPECT_TRUE(end.cancelled());
        EXPECT_LT(this_loop().time() - start, 1s);
        const CurlReply reply = co_await other;
        EXPECT_EQ(reply.status, 200);
        auto late = co_await as_result(timeout(30ms, curl.get(site.url("/delay/60"))));
        TANDEM_CO_ASSERT_TRUE(late.has_error());
        EXPECT_TRUE(late.error().is<TimeoutError>());
    }
    co_await site.stop(50ms);
}

ASYNC_TEST_REAL_TIME(SemL45, libcurls_own_errors_and_timers_arrive) {
    tandem::testing::DemoSite site;
    co_await site.start();
    {
        Curl curl;
        auto refused = co_await as_result(curl.get("http://127.0.0.1:1/"));
        TANDEM_CO_ASSERT_TRUE(refused.has_error());
        EXPECT_TRUE(refused.error().is<CurlError>());
        CURL* const easy = curl_easy_init();
        const std::string url = site.url("/delay/60");
        curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 50L);
        auto late = co_await as_result(curl.perform(easy));
        curl_easy_cleanup(easy);
        TANDEM_CO_ASSERT_TRUE(late.has_error());
        try {
            std::rethrow_exception(late.exception());
        } catch (const CurlError& error) {
            EXPECT_EQ(error.code, CURLE_OPERATION_TIMEDOUT) << error.what();
        }
    }
    co_await site.stop(50ms);
}
