// What a client sends, and what it makes of the answer.
#include <tandem/http/client.hpp>

#include <tandem/http/client_peer_internal.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;

/// A client whose server notes every request and answers "hello".
struct Recorded {
    std::shared_ptr<std::string> heard = std::make_shared<std::string>();
    std::shared_ptr<ScriptedDialer> dialer =
        std::make_shared<ScriptedDialer>([said = heard](ScriptedPeer& peer) -> Task<void> {
            for (;;) {
                const std::string request = co_await peer.request();
                if (request.empty()) co_return;
                *said = request;
                co_await peer.say(ok_response("hello"));
            }
        });
};

ASYNC_TEST(HttpH13, a_get_is_sent_with_host_first_and_tandems_fields_after_the_users) {
    Recorded server;
    Client client(ClientOptions().dialer(server.dialer).user_agent("tandem/0.1"));

    Response reply =
        co_await client.get("http://example.org:8080/a%20b?q=1#top", Options().header("X-One", "1"));
    const std::string body = co_await reply.text();
    co_await client.close();

    EXPECT_EQ(*server.heard,
              "GET /a%20b?q=1 HTTP/1.1\r\nHost: example.org:8080\r\nX-One: 1\r\nUser-Agent: tandem/0.1\r\n"
              "Accept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\r\n");
    EXPECT_EQ(reply.status(), 200);
    EXPECT_EQ(reply.reason(), "OK");
    EXPECT_EQ(body, "hello");
    EXPECT_EQ(reply.headers().get("content-length"), "5");
    EXPECT_EQ(reply.url()->href(), "http://example.org:8080/a%20b?q=1#top");
}

ASYNC_TEST(HttpH13, a_request_without_fields_of_its_own_is_the_same_as_one_with) {
    Recorded server;
    Client client(ClientOptions().dialer(server.dialer).header("X-All", "yes"));

    co_await client.get("http://h/");
    const std::string without = *server.heard;
    co_await client.get("http://h/", Options().header("X-One", "1"));
    co_await client.close();

    EXPECT_NE(without.find("X-All: yes\r\nUser-Agent: "), std::string::npos) << without;
    EXPECT_NE(server.heard->find("X-One: 1\r\nX-All: yes\r\nUser-Agent: "), std::string::npos)
        << *server.heard;
}

ASYNC_TEST(HttpH13, a_requests_field_replaces_the_clients_of_that_name) {
    Recorded server;
    Client client(ClientOptions().dialer(server.dialer).header("accept", "text/html"));

    co_await client.get("http://h/", Options().header("Accept", "image/png"));
    co_await client.close();

    EXPECT_NE(server.heard->find("Accept: image/png\r\n"), std::string::npos) << *server.heard;
    EXPECT_EQ(server.heard->find("text/html"), std::string::npos) << *server.heard;
    EXPECT_EQ(server.heard->find("*/*"), std::string::npos) << *server.heard;
}

ASYNC_TEST(HttpH14, a_users_framing_field_throws_before_a_byte_is_sent) {
    Recorded server;
    Client client(ClientOptions().dialer(server.dialer));

    const auto chunked = co_await caught<InvalidHeader>(
        client.get("http://h/", Options().header("Transfer-Encoding", "chunked")));
    const auto length = co_await caught<InvalidHeader>(
        client.post("http://h/", Options().with_body("four").header("Content-Length", "5")));
    Response after = co_await client.get("http://h/");
    co_await client.close();

    EXPECT_TRUE(chunked.has_value());
    EXPECT_TRUE(length.has_value());
    EXPECT_EQ(after.status(), 200);
    EXPECT_EQ(server.dialer->dials(), 1U) << "the connection was not harmed";
}

ASYNC_TEST(HttpH15, connect_and_trace_are_refused_and_standard_methods_go_in_upper_case) {
    Recorded server;
    Client client(ClientOptions().dialer(server.dialer));

    co_await client.request("delete", "http://h/x");
    co_await client.close();

    EXPECT_TRUE(server.heard->starts_with("DELETE /x HTTP/1.1\r\n")) << *server.heard;
    EXPECT_THROW(static_cast<void>(client.request("TRACE", "http://h/")), InvalidRequest);
    EXPECT_THROW(static_cast<void>(client.request("connect", "http://h/")), InvalidRequest);
    EXPECT_THROW(static_cast<void>(client.request("GE T", "http://h/")), InvalidRequest);
}

ASYNC_TEST(HttpH7, params_follow_the_urls_own_query_in_form_encoding) {
    Recorded server;
    Client client(ClientOptions().dialer(server.dialer));

    co_await client.get("http://h/?a=1", Options().param("b", "x y").param("b", "&"));
    co_await client.close();

    EXPECT_TRUE(server.heard->starts_with("GET /?a=1&b=x+y&b=%26 HTTP/1.1\r\n")) << *server.heard;
}

ASYNC_TEST(HttpH8, a_relative_url_is_joined_to_the_base_and_an_absolute_one_ignores_it) {
    Recorded server;
    Client client(ClientOptions().dialer(server.dialer).base_url("http://api.example/v1/"));

    co_await client.get("items/7");
    const std::string relative = *server.heard;
    co_await client.get("http://other.example/x");
    co_await client.close();

    EXPECT_TRUE(relative.starts_with("GET /v1/items/7 HTTP/1.1\r\nHost: api.example\r\n")) << relative;
    EXPECT_TRUE(server.heard->starts_with("GET /x HTTP/1.1\r\nHost: other.example\r\n")) << *server.heard;
    EXPECT_THROW(Client(ClientOptions().base_url("http://api.example/v1")), std::invalid_argument);
}

ASYNC_TEST(HttpH9, user_and_password_become_authorization_and_vanish_from_the_url) {
    Recorded server;
    Client client(ClientOptions().dialer(server.dialer));

    Response reply = co_await client.get("http://Aladdin:open%20sesame@h/secret");
    co_await client.close();

    EXPECT_NE(server.heard->find("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), std::string::npos);
    EXPECT_EQ(reply.url()->href(), "http://h/secret");
}

ASYNC_TEST(HttpH5, a_scheme_that_is_not_fetched_is_an_invalid_url) {
    Recorded server;
    Client client(ClientOptions().dialer(server.dialer));

    const auto error = co_await caught<InvalidUrl>(client.get("ftp://example.org/"));
    co_await client.close();

    EXPECT_TRUE(error.has_value());
    EXPECT_EQ(error->reached(), Reached::not_sent);
}

ASYNC_TEST(HttpH16, a_body_in_memory_and_one_of_a_source_arrive_byte_for_byte) {
    class Pieces final : public BodySource {
    public:
        Task<std::size_t> read_some(MutableBytes buffer) override {
            const std::string piece = left_ == 0 ? "" : "piece" + std::to_string(left_--) + ";";
            std::copy(piece.begin(), piece.end(), buffer.begin());
            co_return piece.size();
        }

    private:
        int left_ = 2;
    };
    auto heard = std::make_shared<std::string>();
    auto large = std::make_shared<std::string>();
    ScriptedDialer::Script script = [heard, large](ScriptedPeer& peer) -> Task<void> {
        const std::string part1 = co_await peer.request();
        *heard += part1;
        const std::string part2 = co_await peer.read(4);
        *heard += part2;
        co_await peer.say(ok_response(""));
        const std::string part3 = co_await peer.request();
        *heard += part3;
        const std::string part4 = co_await peer.read(29);
        *heard += part4;
        co_await peer.say(ok_response(""));
        co_await peer.request();
        *large = co_await peer.read(300'000);
        co_await peer.say(ok_response(""));
        co_await peer.wait_for_the_end();
    };
    Client client(ClientOptions().dialer(std::make_shared<ScriptedDialer>(script)).user_agent(""));

    Options small;
    small.with_body("four", "text/plain");
    co_await client.put("http://h/", std::move(small));
    Options streamed;
    streamed.with_body(Body(std::make_unique<Pieces>()));
    co_await client.post("http://h/", std::move(streamed));
    Options big;
    big.with_body(std::string(300'000, 'x'));
    co_await client.post("http://h/", std::move(big));
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_NE(heard->find("Content-Length: 4\r\n\r\nfour"), std::string::npos) << *heard;
    EXPECT_NE(heard->find("Transfer-Encoding: chunked\r\n\r\n7\r\npiece2;\r\n7\r\npiece1;\r\n0\r\n\r\n"),
              std::string::npos)
        << *heard;
    EXPECT_EQ(*large, std::string(300'000, 'x'));
}

ASYNC_TEST(HttpH18, an_answer_that_comes_before_the_upload_is_finished_is_delivered) {
    ScriptedDialer::Script script = [](ScriptedPeer& peer) -> Task<void> {
        co_await peer.request();
        co_await peer.say("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        co_await peer.close();
    };
    Client client(ClientOptions().dialer(std::make_shared<ScriptedDialer>(script)));

    Options big;
    big.with_body(std::string(1'000'000, 'x'));
    Response reply = co_await client.post("http://h/", std::move(big));
    co_await client.close();

    EXPECT_EQ(reply.status(), 413);
}

ASYNC_TEST(HttpH31, interim_responses_are_passed_over) {
    auto dialer = std::make_shared<ScriptedDialer>(always(
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + ok_response("done")));
    Client client(ClientOptions().dialer(dialer));

    Response reply = co_await client.get("http://h/");
    const std::string body = co_await reply.text();
    co_await client.close();

    EXPECT_EQ(reply.status(), 200);
    EXPECT_EQ(body, "done");
}

ASYNC_TEST(HttpH31, raise_for_status_throws_from_400_on) {
    auto dialer =
        std::make_shared<ScriptedDialer>(always("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    Client client(ClientOptions().dialer(dialer));

    Response reply = co_await client.get("http://u:p@h/missing");
    co_await client.close();

    EXPECT_FALSE(reply.ok());
    try {
        reply.raise_for_status();
        ADD_FAILURE() << "404 raised nothing";
    } catch (const StatusError& error) {
        EXPECT_EQ(error.status(), 404);
        EXPECT_EQ(error.url(), "http://h/missing") << "credentials are not told";
    }
}

ASYNC_TEST(HttpH11, a_server_that_closes_without_a_word_is_server_disconnected) {
    ScriptedDialer::Script script = [](ScriptedPeer& peer) -> Task<void> {
        co_await peer.request();
        co_await peer.close();
    };
    auto dialer = std::make_shared<ScriptedDialer>(script);
    Client client(ClientOptions().dialer(dialer));

    const auto error = co_await caught<ServerDisconnected>(client.get("http://h/"));
    co_await client.close();

    EXPECT_TRUE(error.has_value());
    EXPECT_EQ(error->connection(), ServerDisconnected::Connection::fresh);
    EXPECT_EQ(error->reached(), Reached::maybe_processed);
    EXPECT_EQ(dialer->dials(), 1U) << "a fresh connection's failure is never hidden (H46)";
}

ASYNC_TEST(HttpH26, calls_after_close_and_calls_under_way_end_with_client_closed) {
    ScriptedDialer::Script silent = [](ScriptedPeer& peer) -> Task<void> {
        co_await peer.wait_for_the_end();
    };
    Client client(ClientOptions().dialer(std::make_shared<ScriptedDialer>(silent)));

    auto under_way = create_task(caught<ClientClosed>(client.get("http://h/")));
    co_await sleep(1s);
    co_await client.close();
    const auto during = co_await std::move(under_way);
    const auto after = co_await caught<ClientClosed>(client.get("http://h/"));
    co_await sleep(1ms);

    EXPECT_TRUE(during.has_value());
    EXPECT_TRUE(after.has_value());
}

ASYNC_TEST(HttpH22, destroying_a_client_leaves_nothing_behind) {
    auto dialer = std::make_shared<ScriptedDialer>(always(ok_response("x")));
    bool answered = false;
    {
        Client client(ClientOptions().dialer(dialer));
        Response reply = co_await client.get("http://h/");
        answered = reply.ok();
    }
    co_await sleep(1ms);

    EXPECT_TRUE(answered);
    EXPECT_EQ(dialer->open(), 0U);
}

}  // namespace
}  // namespace tandem::http
