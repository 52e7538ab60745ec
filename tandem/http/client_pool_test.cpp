// Connections: reused, waited for, watched, given up.
#include <tandem/http/client.hpp>

#include <tandem/http/client_peer_internal.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;

PoolLimits pool_of(std::size_t connections, std::optional<std::size_t> per_origin = std::nullopt) {
    PoolLimits limits;
    limits.max_connections = connections;
    limits.max_per_origin = per_origin;
    return limits;
}

/// Answers each request with its own path, after a while.
ScriptedDialer::Script slow_echo(Duration delay) {
    return [delay](ScriptedPeer& peer) -> Task<void> {
        for (;;) {
            const std::string request = co_await peer.request();
            if (request.empty()) co_return;
            co_await sleep(delay);
            co_await peer.say(ok_response(request.substr(4, request.find(' ', 4) - 4)));
        }
    };
}

Task<void> get_and_note(Client& client, std::string url, std::vector<std::string>& answers) {
    Response reply = co_await client.get(url);
    const std::string text = co_await reply.text();
    answers.push_back(text);
}

ASYNC_TEST(HttpH41, requests_in_a_row_use_one_connection_and_at_once_as_many_as_allowed) {
    auto dialer = std::make_shared<ScriptedDialer>(slow_echo(10ms));
    Client client(ClientOptions().dialer(dialer).pool(pool_of(3)));
    std::vector<std::string> answers;

    for (int i = 0; i < 5; ++i) co_await get_and_note(client, "http://h/", answers);
    const auto in_a_row = dialer->dials();
    {
        TaskGroup group;
        for (int i = 0; i < 20; ++i) group.create_task(get_and_note(client, "http://h/", answers));
        co_await group.join();
    }
    const auto status = client.pool_status();
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_EQ(in_a_row, 1U);
    EXPECT_EQ(dialer->most_open(), 3U);
    EXPECT_EQ(answers.size(), 25U);
    EXPECT_EQ(status.idle, 3U);
    EXPECT_EQ(status.in_use, 0U);
    EXPECT_EQ(dialer->open(), 0U);
}

ASYNC_TEST(HttpH41, max_per_origin_holds_beside_the_limit_in_all) {
    auto dialer = std::make_shared<ScriptedDialer>(slow_echo(10ms));
    Client client(ClientOptions().dialer(dialer).pool(pool_of(10, 2)));
    std::vector<std::string> answers;
    PoolStatus during;

    {
        TaskGroup group;
        for (int i = 0; i < 9; ++i)
            group.create_task(get_and_note(client, "http://host" + std::to_string(i % 3) + "/", answers));
        co_await sleep(5ms);
        during = client.pool_status();
        co_await group.join();
    }
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_EQ(during.in_use, 6U);
    EXPECT_EQ(during.waiting, 3U);
    EXPECT_EQ(dialer->dials(), 6U);
    EXPECT_EQ(answers.size(), 9U);
}

ASYNC_TEST(HttpH42, another_scheme_host_or_port_never_shares_a_connection) {
    auto dialer = std::make_shared<ScriptedDialer>(slow_echo(0ms));
    Client client(ClientOptions().dialer(dialer));

    for (const char* url :
         {"http://a/", "http://b/", "http://a:81/", "https://a/", "http://A:80/", "http://u:p@a/"})
        co_await client.get(url);
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_EQ(dialer->dials(), 4U) << "the last two are the first origin again";
}

ASYNC_TEST(HttpH43, waiters_of_one_origin_are_served_in_the_order_they_came) {
    auto dialer = std::make_shared<ScriptedDialer>(slow_echo(10ms));
    Client client(ClientOptions().dialer(dialer).pool(pool_of(1)));
    std::vector<std::string> answers;

    {
        TaskGroup group;
        for (int i = 0; i < 6; ++i)
            group.create_task(get_and_note(client, "http://h/" + std::to_string(i), answers));
        co_await group.join();
    }
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_EQ(answers, (std::vector<std::string>{"/0", "/1", "/2", "/3", "/4", "/5"}));
    EXPECT_EQ(dialer->dials(), 1U);
}

ASYNC_TEST(HttpH43, with_one_slot_a_thousand_requests_to_ten_origins_all_end_in_spite_of_random_cancelling) {
    auto dialer = std::make_shared<ScriptedDialer>(slow_echo(3ms));
    std::mt19937 random(20'240'607);
    std::vector<std::string> answers;
    std::vector<TaskHandle<void>> handles;
    std::size_t cancelled = 0;
    PoolStatus status;
    {
        Client client(ClientOptions().dialer(dialer).pool(pool_of(1, 1)));
        for (int i = 0; i < 1'000; ++i)
            handles.push_back(
                create_task(get_and_note(client, "http://origin" + std::to_string(i % 10) + "/", answers)));
        for (std::size_t i = 0; i < handles.size(); ++i) {
            if (random() % 4 != 0) continue;
            co_await sleep(std::chrono::microseconds(random() % 20'000));
            if (handles[i].cancel()) ++cancelled;
        }
        for (auto& handle : handles) co_await handle.join_only();
        status = client.pool_status();
        co_await client.close();
    }
    co_await sleep(1ms);
    std::size_t ended_well = 0;
    std::size_t ended_cancelled = 0;
    for (auto& handle : handles) {
        if (handle.cancelled())
            ++ended_cancelled;
        else if (handle.successful())
            ++ended_well;
    }

    EXPECT_GT(cancelled, 10U);
    EXPECT_EQ(ended_well + ended_cancelled, 1'000U);
    EXPECT_EQ(ended_cancelled, cancelled);
    EXPECT_EQ(answers.size(), ended_well);
    EXPECT_EQ(status.waiting, 0U);
    EXPECT_EQ(status.in_use, 0U);
    EXPECT_EQ(status.connecting, 0U);
    EXPECT_EQ(dialer->open(), 0U);
}

/// Connecting takes a second.
class SlowDialer final : public Dialer {
public:
    explicit SlowDialer(std::shared_ptr<ScriptedDialer> inner) : inner_(std::move(inner)) {}
    Task<Dialed> dial(DialTarget target) override {
        ++begun;
        co_await sleep(1s);
        Dialed dialed = co_await inner_->dial(std::move(target));
        co_return dialed;
    }
    std::size_t begun = 0;

private:
    std::shared_ptr<ScriptedDialer> inner_;
};

ASYNC_TEST(HttpH43, a_connection_given_back_goes_to_a_waiter_whose_own_joins_the_pool_later) {
    auto inner = std::make_shared<ScriptedDialer>(slow_echo(100ms));
    auto dialer = std::make_shared<SlowDialer>(inner);
    Client client(ClientOptions().dialer(dialer));
    std::vector<std::string> answers;

    auto first = create_task(get_and_note(client, "http://h/1", answers));
    co_await sleep(1050ms);  // it is talking
    auto second = create_task(get_and_note(client, "http://h/2", answers));
    co_await sleep(500ms);  // served by the first connection, at 1.1 s
    const bool served = second.done();
    co_await sleep(700ms);
    const auto status = client.pool_status();
    co_await client.close();
    co_await first;
    co_await sleep(1ms);

    EXPECT_TRUE(served);
    EXPECT_EQ(status.idle, 2U);
    EXPECT_EQ(inner->dials(), 2U);
}

ASYNC_TEST(HttpH25, a_cancelled_call_leaves_neither_connection_nor_slot_nor_task_wherever_it_stands) {
    for (const Duration when : {Duration(0), Duration(500ms), Duration(1050ms), Duration(1150ms)}) {
        auto inner = std::make_shared<ScriptedDialer>(slow_echo(100ms));
        auto dialer = std::make_shared<SlowDialer>(inner);
        Client client(ClientOptions().dialer(dialer).pool(pool_of(1)));
        std::vector<std::string> answers;

        auto call = create_task(get_and_note(client, "http://h/", answers));
        auto waiting = create_task(get_and_note(client, "http://other/", answers));
        co_await sleep(when);
        call.cancel();
        waiting.cancel();
        co_await call.join_only();
        co_await waiting.join_only();
        const auto status = client.pool_status();
        co_await client.close();
        co_await sleep(100ms);  // a peer that is being slow notices later

        EXPECT_EQ(status.in_use, 0U) << when.count();
        EXPECT_EQ(status.connecting, 0U) << when.count();
        EXPECT_EQ(status.waiting, 0U) << when.count();
        EXPECT_EQ(inner->open(), 0U) << when.count();
    }
}

ASYNC_TEST(SemC81, a_waiter_that_leaves_passes_its_turn_on_and_an_exchange_cut_short_costs_its_connection) {
    auto dialer = std::make_shared<ScriptedDialer>(slow_echo(100ms));
    Client client(ClientOptions().dialer(dialer).pool(pool_of(1)));
    std::vector<std::string> answers;

    auto exchanging = create_task(get_and_note(client, "http://h/cut", answers));
    auto leaves = create_task(get_and_note(client, "http://h/left", answers));
    auto next = create_task(get_and_note(client, "http://h/served", answers));
    co_await sleep(20ms);
    leaves.cancel();
    exchanging.cancel();
    co_await leaves.join_only();
    co_await exchanging.join_only();
    co_await std::move(next);
    co_await get_and_note(client, "http://h/again", answers);
    const auto dials = dialer->dials();
    co_await client.close();
    co_await sleep(100ms);

    EXPECT_EQ(answers.size(), 2U);
    EXPECT_EQ(answers.front(), "/served");
    EXPECT_EQ(dials, 2U);  // the cut one, and one for the two that followed
}

ASYNC_TEST(HttpH25, cancelling_the_read_of_a_body_closes_its_connection) {
    ScriptedDialer::Script half = [](ScriptedPeer& peer) -> Task<void> {
        co_await peer.request();
        co_await peer.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        co_await peer.wait_for_the_end();
    };
    auto dialer = std::make_shared<ScriptedDialer>(half);
    Client client(ClientOptions().dialer(dialer));

    Response reply = co_await client.get("http://h/");
    const auto text = co_await move_on_after(1s, reply.text());
    co_await sleep(1ms);
    const auto open = dialer->open();
    const auto again = co_await caught<BodyConsumed>(reply.text());
    co_await client.close();

    EXPECT_FALSE(text.has_value());
    EXPECT_EQ(open, 0U);
    EXPECT_TRUE(again.has_value());
}

ASYNC_TEST(HttpH44, a_connection_is_not_reused_after_close_http_10_a_quirk_or_extra_bytes) {
    const std::vector<std::string> last_words = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
    };
    for (const auto& answer : last_words) {
        auto dialer = std::make_shared<ScriptedDialer>(always(answer));
        Client client(ClientOptions().dialer(dialer));
        std::vector<std::string> answers;
        for (int i = 0; i < 2; ++i) co_await get_and_note(client, "http://h/", answers);
        co_await client.close();
        co_await sleep(1ms);

        EXPECT_EQ(dialer->dials(), 2U) << answer;
        EXPECT_EQ(answers, (std::vector<std::string>{"x", "x"})) << answer;
    }
}

ASYNC_TEST(HttpH44, http_10_with_keep_alive_is_reused) {
    auto dialer = std::make_shared<ScriptedDialer>(
        always("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx"));
    Client client(ClientOptions().dialer(dialer));
    for (int i = 0; i < 3; ++i) co_await client.get("http://h/");
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_EQ(dialer->dials(), 1U);
}

ASYNC_TEST(HttpH45, a_word_or_the_end_on_an_idle_connection_closes_it_at_once) {
    ScriptedDialer::Script bored = [](ScriptedPeer& peer) -> Task<void> {
        co_await peer.request();
        co_await peer.say(ok_response("first"));
        co_await sleep(2s);
        if (peer.number() == 0)
            co_await peer.say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
        co_await peer.close();
    };
    auto dialer = std::make_shared<ScriptedDialer>(bored);
    Client client(ClientOptions().dialer(dialer));
    std::vector<std::string> answers;

    co_await get_and_note(client, "http://h/", answers);
    co_await sleep(1900ms);
    const auto before = client.pool_status();
    co_await sleep(200ms);
    const auto after = client.pool_status();
    co_await get_and_note(client, "http://h/", answers);
    co_await sleep(2100ms);
    const auto ended = client.pool_status();
    co_await client.close();

    EXPECT_EQ(before.idle, 1U);
    EXPECT_EQ(after.idle, 0U);
    EXPECT_EQ(ended.idle, 0U);
    EXPECT_EQ(answers, (std::vector<std::string>{"first", "first"}));
}

ASYNC_TEST(HttpH45, a_watched_connection_is_reused_and_one_idle_too_long_is_closed) {
    auto dialer = std::make_shared<ScriptedDialer>(always(ok_response("x")));
    Client client(ClientOptions().dialer(dialer));

    co_await client.get("http://h/");
    co_await sleep(10s);  // watched by now
    co_await client.get("http://h/");
    const auto reused = dialer->dials();
    co_await sleep(14'900ms);
    const auto before = client.pool_status();
    co_await sleep(200ms);
    const auto after = client.pool_status();
    co_await client.close();

    EXPECT_EQ(reused, 1U);
    EXPECT_EQ(before.idle, 1U);
    EXPECT_EQ(after.idle, 0U);
}

ASYNC_TEST(HttpH46, a_request_lost_on_a_reused_connection_goes_out_once_more_unless_it_may_not) {
    // Each connection answers once and ends at the second request.
    ScriptedDialer::Script once = [](ScriptedPeer& peer) -> Task<void> {
        co_await peer.request();
        co_await peer.say(ok_response("x"));
        co_await peer.request();
        co_await peer.close();
    };
    auto dialer = std::make_shared<ScriptedDialer>(once);
    Client client(ClientOptions().dialer(dialer));
    co_await client.get("http://h/");
    Response again = co_await client.get("http://h/");
    const auto dials = dialer->dials();
    const auto post = co_await caught<ServerDisconnected>(client.post("http://h/"));
    co_await client.close();

    Client strict(ClientOptions().dialer(std::make_shared<ScriptedDialer>(once)).retry_stale(false));
    co_await strict.get("http://h/");
    const auto refused = co_await caught<ServerDisconnected>(strict.get("http://h/"));
    co_await strict.close();
    co_await sleep(1ms);

    EXPECT_TRUE(again.ok());
    EXPECT_EQ(dials, 2U);
    EXPECT_TRUE(post.has_value());
    EXPECT_EQ(post ? post->connection() : ServerDisconnected::Connection::fresh,
              ServerDisconnected::Connection::reused);
    EXPECT_TRUE(refused.has_value());
}

}  // namespace
}  // namespace tandem::http
