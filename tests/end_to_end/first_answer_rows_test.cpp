// Rows G6 to G11 with services that are really asked, over HTTP. What needs no network is exact in
// tandem/bridge/first_answer_rows_test.cpp.
#include <tandem/tandem.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/demo_site.hpp>
#include <tandem/testing/loop_thread.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Task<std::string> fetch_ip(http::Client& client, std::string url, std::string attribute) {
    auto response = co_await client.get(url);
    const std::string json = co_await response.text();
    if (json.find("\"" + attribute + "\"") == std::string::npos)
        throw std::out_of_range("no attribute " + attribute);
    co_return json;
}

Task<std::string> fetch_or_say_so(http::Client& client, std::string name, std::string url) {
    try {
        co_await fetch_ip(client, url, "ip");
        co_return name + " answered";
    } catch (const net::DnsError&) {
        co_return name + " is unresponsive";
    }
}

/// A server on a thread of its own that answers "/quick" soon and everything else never.
class TwoServices {
public:
    TwoServices() : serving_(serve().start(on(server_.loop))), url_(started_.get_future().get()) {}
    ~TwoServices() {
        serving_.cancel();
        EXPECT_THROW(serving_.get(), TaskCancelled);
    }
    std::string url(const std::string& path) const { return url_ + path; }
    /// Whether whoever asked for what never comes has closed its connection.
    bool was_left() const {
        const auto limit = std::chrono::steady_clock::now() + 5s;
        while (!left_ && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(1ms);
        return left_;
    }

private:
    Task<void> serve() {
        net::ListenOptions where;
        where.host = "127.0.0.1";
        auto listener = co_await net::listen(where);
        started_.set_value("http://" + listener.local_address());
        const auto handler = [this](net::TcpStream peer) { return answer(std::move(peer)); };
        co_await net::serve(listener, handler);
    }
    Task<void> answer(net::TcpStream peer) {
        io::LineReader lines(peer);
        const auto request = co_await lines.next();
        while (auto header = co_await lines.next()) {
            if (header->empty()) break;
        }
        if (request && request->find("/quick") != std::string::npos) {
            co_await sleep(50ms);
            co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{\"ip\": \"10.0.0.1\"}");
        } else {
            const auto more = co_await as_result(lines.next());
            left_ = !more.has_value() || !more.value();
        }
    }

    std::promise<std::string> started_;
    std::atomic<bool> left_ = false;
    tandem::testing::LoopThread server_;
    Pending<void> serving_;
    std::string url_;
};

/// With the loop's own client, which ends with it.
Task<std::string> ask(std::string url) {
    auto response = co_await http::get(url);
    co_return co_await response.text();
}

Task<std::string> first_answer(const TwoServices& services, Lines& logged) {
    this_loop().set_exception_handler([&logged](EventLoop&, const ErrorContext& context) {
        logged.push_back(context.task + ": " + context.message);
    });
    std::vector<TaskHandle<std::string>> fetches;
    fetches.push_back(create_task(ask(services.url("/quick")), {.name = "quick"}));
    fetches.push_back(create_task(ask(services.url("/slow")), {.name = "slow"}));
    const auto waited = co_await wait(fetches, {.return_when = FIRST_COMPLETED});
    co_return waited.done.front().result();
}

}  // namespace

TEST(G6, the_server_sees_the_slow_connection_closed_and_the_log_has_one_warning_by_name) {
    const TwoServices services;
    Lines logged;
    EventLoop loop;
    const auto first = loop.run_until_complete(first_answer(services, logged));
    loop.close();

    EXPECT_EQ(first, R"({"ip": "10.0.0.1"})");
    ASSERT_EQ(logged.size(), 1U);
    EXPECT_EQ(logged[0].find("slow: task was still pending"), 0U) << logged[0];
    EXPECT_TRUE(services.was_left());
}

TEST(G7, run_ends_the_slow_fetch_with_nothing_to_say) {
    const TwoServices services;
    Lines logged;
    const auto first = run(first_answer(services, logged));

    EXPECT_EQ(first, R"({"ip": "10.0.0.1"})");
    EXPECT_EQ(logged, Lines{});
    EXPECT_TRUE(services.was_left());
}

ASYNC_TEST_NETWORK(G8, a_host_that_does_not_resolve_is_unresponsive_and_the_others_answer) {
    tandem::testing::DemoSite site;
    co_await site.start();
    http::Client client;
    auto results = co_await gather(fetch_or_say_so(client, "ipify", site.url("/ip")),
                                   fetch_or_say_so(client, "ip-api", site.url("/ip?delay=0.1")),
                                   fetch_or_say_so(client, "broken", "http://no-such-host.invalid/json"));
    co_await client.close();
    co_await site.stop();

    EXPECT_EQ(std::get<0>(results), "ipify answered");
    EXPECT_EQ(std::get<1>(results), "ip-api answered");
    EXPECT_EQ(std::get<2>(results), "broken is unresponsive");
}

ASYNC_TEST_NETWORK(G9, each_error_is_looked_at_with_its_type_message_and_chain_of_awaits) {
    tandem::testing::DemoSite site;
    co_await site.start();
    http::Client client;
    std::vector<TaskHandle<std::string>> fetches;
    fetches.push_back(create_task(fetch_ip(client, site.url("/ip"), "ip")));
    fetches.push_back(create_task(fetch_ip(client, site.url("/ip"), "this-is-not-an-attr")));
    fetches.push_back(create_task(fetch_ip(client, "http://no-such-host.invalid/json", "ip")));
    co_await wait(fetches);
    co_await client.close();
    co_await site.stop();
    Lines errors;
    for (const auto& fetch : fetches) {
        try {
            errors.push_back(fetch.result());
        } catch (const std::exception&) {
            errors.push_back(describe(std::current_exception()));
        }
    }

    EXPECT_EQ(errors[0], R"({"ip": "10.0.0.1"})");
    EXPECT_EQ(errors[1], "std::out_of_range: no attribute this-is-not-an-attr");
    EXPECT_NE(errors[2].find("DnsError: resolve no-such-host.invalid"), std::string::npos) << errors[2];
    const auto chain = fetches[2].stack();
    const auto inner = chain.find("resolve");
    EXPECT_NE(chain.find("fetch_ip", inner), std::string::npos) << chain;
    EXPECT_LT(inner, chain.find("fetch_ip", inner)) << chain;
}

ASYNC_TEST_NETWORK(G11, a_fetch_that_is_pending_at_the_timeout_is_cancelled_and_ends) {
    tandem::testing::DemoSite site;
    co_await site.start();
    http::Client client;
    std::vector<TaskHandle<std::string>> fetches;
    fetches.push_back(create_task(fetch_ip(client, site.url("/ip?delay=20"), "ip")));
    const auto early = co_await wait(fetches, {.timeout = 10ms, .return_when = FIRST_COMPLETED});
    for (const auto& pending : early.pending) pending.cancel();
    co_await wait(fetches);
    const bool cancelled = fetches[0].cancelled();
    fetches.clear();
    fetches.push_back(create_task(fetch_ip(client, site.url("/ip?delay=0.1"), "ip")));
    const auto late = co_await wait(fetches, {.timeout = 2s, .return_when = FIRST_COMPLETED});
    co_await client.close();
    co_await site.stop();

    EXPECT_EQ(early.done.size(), 0U);
    EXPECT_TRUE(cancelled);
    TANDEM_CO_ASSERT_EQ(late.done.size(), 1U);
    EXPECT_EQ(late.done[0].result(), R"({"ip": "10.0.0.1"})");
}
