#include <tandem/http/event_source.hpp>

#include <tandem/http/client_peer_internal.hpp>
#include <tandem/http/errors.hpp>
#include <tandem/http/server.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n";

/// What each connection says before it is closed, one after the other; then 204. "" closes at once.
struct Script {
    std::vector<std::string> says;
    std::vector<std::string> requests;
    std::vector<TimePoint> times;

    std::shared_ptr<ScriptedDialer> dialer() {
        return std::make_shared<ScriptedDialer>([this](ScriptedPeer& peer) -> Task<void> {
            times.push_back(this_loop().time());
            const auto request = co_await peer.request();
            requests.push_back(request);
            if (peer.number() >= says.size())
                co_await peer.say("HTTP/1.1 204 No Content\r\n\r\n");
            else if (!says[peer.number()].empty())
                co_await peer.say(says[peer.number()]);
            co_await peer.close();
        });
    }
};

Task<Lines> read_all(EventSource& source) {
    Lines events;
    while (auto event = co_await source.next())
        events.push_back(event->type + " " + event->data + " #" + event->id);
    co_return events;
}

ASYNC_TEST(HttpH182, a_lost_connection_is_opened_again_from_the_last_event_and_204_ends_it) {
    Script script{
        {head + "retry: 500\nid: 1\ndata: one\n\nid: 2\ndata: half", head + "id: 2\ndata: two\n\n"}, {}, {}};
    Client client(ClientOptions().dialer(script.dialer()));
    EventSource source(client, "http://h/updates");
    const auto start = this_loop().time();
    const Lines events = co_await read_all(source);
    const auto more = co_await source.next();
    co_await client.close();

    EXPECT_EQ(events, (Lines{"message one #1", "message two #2"}));
    EXPECT_FALSE(more.has_value());
    EXPECT_EQ(source.last_event_id(), "2");
    TANDEM_CO_ASSERT_EQ(script.requests.size(), 3U);
    EXPECT_EQ(source.connections(), 3U);
    EXPECT_EQ(this_loop().time() - start, 2 * 500ms);
    EXPECT_NE(script.requests[0].find("Accept: text/event-stream\r\n"), std::string::npos)
        << script.requests[0];
    EXPECT_NE(script.requests[0].find("Cache-Control: no-store\r\n"), std::string::npos);
    EXPECT_EQ(script.requests[0].find("Last-Event-ID"), std::string::npos);
    EXPECT_NE(script.requests[1].find("Last-Event-ID: 1\r\n"), std::string::npos) << script.requests[1];
    EXPECT_NE(script.requests[2].find("Last-Event-ID: 2\r\n"), std::string::npos) << script.requests[2];
}

ASYNC_TEST(HttpH182, while_reconnecting_fails_the_pauses_double_to_a_minute_with_jitter) {
    Script script{{head + "data: one\n\n", "", "", "", "", "", "", ""}, {}, {}};
    Client client(ClientOptions().dialer(script.dialer()));
    EventSource source(client, "http://h/updates");
    const Lines events = co_await read_all(source);
    co_await client.close();
    std::vector<double> seconds;
    for (std::size_t i = 1; i < script.times.size(); ++i)
        seconds.push_back(std::chrono::duration<double>(script.times[i] - script.times[i - 1]).count());

    EXPECT_EQ(events, (Lines{"message one #"}));
    const std::vector<double> pauses{3, 6, 12, 24, 48, 60, 60, 60};
    TANDEM_CO_ASSERT_EQ(seconds.size(), pauses.size());
    for (std::size_t i = 0; i < pauses.size(); ++i) {
        EXPECT_GE(seconds[i], pauses[i]) << i;
        EXPECT_LE(seconds[i], pauses[i] * 1.25) << i;
    }
}

ASYNC_TEST(HttpH182, another_status_another_type_and_a_first_connection_that_fails_are_errors) {
    Script refused{{"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"}, {}, {}};
    Client first(ClientOptions().dialer(refused.dialer()));
    EventSource missing(first, "http://h/updates");
    const auto status = co_await caught<StatusError>(missing.next());
    const auto again = co_await caught<StatusError>(missing.next());
    Script page{{ok_response("<html>", "Content-Type: text/html\r\n")}, {}, {}};
    Client second(ClientOptions().dialer(page.dialer()));
    EventSource html(second, "http://h/updates");
    const auto type = co_await caught<NotAnEventStream>(html.next());
    Script silent{{""}, {}, {}};
    Client third(ClientOptions().dialer(silent.dialer()));
    EventSource gone(third, "http://h/updates");
    const auto disconnected = co_await caught<ServerDisconnected>(gone.next());
    co_await first.close();
    co_await second.close();
    co_await third.close();

    EXPECT_EQ(status.value().status(), 404);
    EXPECT_EQ(again.value().status(), 404);
    EXPECT_EQ(std::string(type.value().what()),
              "events of http://h/updates: the answer is text/html, not text/event-stream");
    EXPECT_TRUE(disconnected.has_value());
    EXPECT_EQ(refused.requests.size(), 1U);
}

ASYNC_TEST(HttpH182, a_cancelled_next_loses_no_event) {
    std::vector<std::string> requests;
    auto dialer = std::make_shared<ScriptedDialer>([&](ScriptedPeer& peer) -> Task<void> {
        const auto request = co_await peer.request();
        requests.push_back(request);
        co_await peer.say(head + "id: " + std::to_string(peer.number() + 1) +
                          "\ndata: x\n\nid: 9\ndata: lost");
        co_await peer.wait_for_the_end();
    });
    Client client(ClientOptions().dialer(dialer));
    EventSource source(client, "http://h/updates");
    const auto first = co_await source.next();
    const auto none = co_await move_on_after(1s, source.next());
    const auto second = co_await source.next();
    co_await client.close();

    EXPECT_EQ(first.value().id, "1");
    EXPECT_FALSE(none.has_value());
    EXPECT_EQ(second.value().id, "2");
    TANDEM_CO_ASSERT_EQ(requests.size(), 2U);
    EXPECT_NE(requests[1].find("Last-Event-ID: 1\r\n"), std::string::npos) << requests[1];
}

/// Counts, and knows whether it was let go.
AsyncGenerator<ServerEvent> count_to(int last, bool& gone) {
    struct Flag {
        bool& raised;
        ~Flag() { raised = true; }
    } flag{gone};
    for (int i = 1; i <= last; ++i) {
        co_await sleep(i == 1 ? Duration::zero() : to_duration(50ms));
        ServerEvent event("event " + std::to_string(i));
        event.id = std::to_string(i);
        co_yield std::move(event);
    }
}

Handler events_handler(bool& gone, Duration heartbeat) {
    return Handler([&gone, heartbeat](Request&) {
        return answer_with_events(count_to(3, gone), EventAnswerOptions{heartbeat});
    });
}

ASYNC_TEST_NETWORK(HttpH183, a_generator_is_sent_event_by_event_and_its_end_is_the_end_of_the_answer) {
    bool gone = false;
    Server server(events_handler(gone, 15s));
    co_await server.start();
    Client client;
    auto response = co_await client.get(server.url("/"));
    const std::string type(response.headers().get("Content-Type").value_or(""));
    const std::string cache(response.headers().get("Cache-Control").value_or(""));
    const auto text = co_await response.text();
    co_await client.close();
    co_await server.shutdown();

    EXPECT_EQ(type, "text/event-stream");
    EXPECT_EQ(cache, "no-store");
    EXPECT_EQ(text, "id: 1\ndata: event 1\n\nid: 2\ndata: event 2\n\nid: 3\ndata: event 3\n\n");
    EXPECT_TRUE(gone);
}

ASYNC_TEST_NETWORK(HttpH183, a_comment_shows_that_the_connection_lives_when_there_is_no_event) {
    bool gone = false;
    Server server(events_handler(gone, 20ms));
    co_await server.start();
    Client client;
    auto response = co_await client.get(server.url("/"));
    const auto text = co_await response.text();
    co_await client.close();
    co_await server.shutdown();

    EXPECT_EQ(text.find("id: 1\ndata: event 1\n\n:\n\n"), 0U) << text;
    EXPECT_NE(text.find("event 2\n\n:\n\n"), std::string::npos) << text;
    EXPECT_TRUE(text.ends_with("event 3\n\n")) << text;
}

ASYNC_TEST_NETWORK(HttpH183, a_client_that_has_gone_cancels_the_generator) {
    bool gone = false;
    const auto endless = [&gone](Request&) { return answer_with_events(count_to(1'000'000, gone)); };
    Server server{Handler(endless)};
    co_await server.start();
    Client client;
    {
        EventSource source(client, server.url("/"));
        co_await source.next();
    }
    for (int i = 0; i < 100 && !gone; ++i) co_await sleep(20ms);
    const bool was_gone = gone;
    co_await client.close();
    co_await server.shutdown();
    co_await sleep(1ms);

    EXPECT_TRUE(was_gone);
}

}  // namespace
}  // namespace tandem::http
