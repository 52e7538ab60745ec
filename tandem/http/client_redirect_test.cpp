// Redirects: where they lead, what they carry, what they leave behind.
#include <tandem/http/client.hpp>

#include <tandem/http/client_peer_internal.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;

/// A world of pages: "http://host/path" to an answer; and what was asked, in order.
struct World {
    std::shared_ptr<std::map<std::string, std::string>> pages =
        std::make_shared<std::map<std::string, std::string>>();
    std::shared_ptr<std::vector<std::string>> heard = std::make_shared<std::vector<std::string>>();
    std::shared_ptr<ScriptedDialer> dialer =
        std::make_shared<ScriptedDialer>([known = pages, said = heard](ScriptedPeer& peer) -> Task<void> {
            const std::string origin = std::string(peer.target().tls() ? "https://" : "http://") +
                                       peer.target().host() + ":" + std::to_string(peer.target().port());
            for (;;) {
                std::string request = co_await peer.request();
                if (request.empty()) co_return;
                const auto length = request.find("Content-Length: ");
                if (length != std::string::npos) {
                    const std::string body = co_await peer.read(std::stoul(request.substr(length + 16)));
                    request += body;
                }
                said->push_back(origin + " " + request);
                const auto path = request.substr(request.find(' ') + 1);
                const auto page = known->find(origin + path.substr(0, path.find(' ')));
                std::string answer = ok_response("arrived");
                if (page != known->end()) answer = page->second;
                co_await peer.say(answer);
            }
        });

    void redirect(const std::string& from, int status, const std::string& location) {
        (*pages)[from] = "HTTP/1.1 " + std::to_string(status) + " Moved\r\nLocation: " + location +
                         "\r\nContent-Length: 4\r\n\r\nmove";
    }
    [[nodiscard]] ClientOptions options() const { return ClientOptions().dialer(dialer).user_agent(""); }
};

std::string first_line(const std::string& text) { return text.substr(0, text.find("\r\n")); }

ASYNC_TEST(HttpH61, post_becomes_get_at_301_302_303_and_stays_with_its_body_at_307_308) {
    for (const int status : {301, 302, 303, 307, 308}) {
        World world;
        world.redirect("http://h:80/a", status, "/b");
        Client client(world.options());
        Options options;
        options.with_body("body", "text/plain");
        Response reply = co_await client.post("http://h/a", std::move(options));
        co_await client.close();
        co_await sleep(1ms);

        const std::string& second = world.heard->back();
        const bool stays = status >= 307;
        EXPECT_EQ(first_line(second), std::string("http://h:80 ") + (stays ? "POST" : "GET") + " /b HTTP/1.1")
            << status;
        EXPECT_EQ(second.find("Content-Type") != std::string::npos, stays) << second;
        EXPECT_EQ(second.ends_with("\r\n\r\nbody"), stays) << second;
        EXPECT_EQ(reply.history().size(), 1U);
        EXPECT_EQ(reply.history().front().status, status);
        EXPECT_EQ(world.dialer->dials(), 1U) << "the connection is kept over the redirect";
    }
}

ASYNC_TEST(HttpH61, put_and_delete_stay_at_301_and_302_and_head_stays_at_303) {
    World world;
    world.redirect("http://h:80/301", 301, "/b");
    world.redirect("http://h:80/302", 302, "/b");
    world.redirect("http://h:80/303", 303, "/b");
    (*world.pages)["http://h:80/303"] = "HTTP/1.1 303 See Other\r\nLocation: /b\r\n\r\n";
    (*world.pages)["http://h:80/b"] = "HTTP/1.1 204 Nothing\r\n\r\n";
    Client client(world.options());

    co_await client.put("http://h/301");
    co_await client.remove("http://h/302");
    co_await client.head("http://h/303");
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_EQ(first_line(world.heard->at(1)), "http://h:80 PUT /b HTTP/1.1");
    EXPECT_EQ(first_line(world.heard->at(3)), "http://h:80 DELETE /b HTTP/1.1");
    EXPECT_EQ(first_line(world.heard->at(5)), "http://h:80 HEAD /b HTTP/1.1");
}

ASYNC_TEST(HttpH61, a_body_that_cannot_be_repeated_is_not_sent_twice) {
    class Once final : public BodySource {
    public:
        Task<std::size_t> read_some(MutableBytes buffer) override {
            if (done_) co_return std::size_t{0};
            done_ = true;
            *buffer.data() = 'x';
            co_return std::size_t{1};
        }
        std::optional<std::uint64_t> remaining() const override { return done_ ? 0 : 1; }

    private:
        bool done_ = false;
    };
    World world;
    world.redirect("http://h:80/a", 307, "/b");
    Client client(world.options());
    Options options;
    options.with_body(Body(std::make_unique<Once>()));

    const auto error = co_await caught<BodyConsumed>(client.post("http://h/a", std::move(options)));
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_TRUE(error.has_value());
    EXPECT_NE(std::string(error ? error->what() : "").find("http://h/b"), std::string::npos);
}

ASYNC_TEST(HttpH62, a_location_is_relative_to_its_hop_and_the_fragment_goes_along) {
    World world;
    world.redirect("http://h:80/dir/a?q", 302, "b?r");
    (*world.pages)["http://h:80/none"] = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n";
    (*world.pages)["http://h:80/304"] = "HTTP/1.1 304 Not Modified\r\nLocation: /b\r\n\r\n";
    Client client(world.options());

    Response reply = co_await client.get("http://h/dir/a?q#top");
    Response without = co_await client.get("http://h/none");
    Response never = co_await client.get("http://h/304");
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_EQ(reply.url()->href(), "http://h/dir/b?r#top");
    EXPECT_EQ(without.status(), 302);
    EXPECT_EQ(never.status(), 304);
}

ASYNC_TEST(HttpH63, eleven_hops_and_loops_are_too_many_and_the_chain_is_told) {
    World world;
    for (int i = 0; i < 20; ++i)
        world.redirect("http://h:80/" + std::to_string(i), 302, "/" + std::to_string(i + 1));
    world.redirect("http://h:80/loop", 302, "/pool");
    world.redirect("http://h:80/pool", 302, "/loop");
    Client client(world.options());

    const auto error = co_await caught<TooManyRedirects>(client.get("http://h/0"));
    Response ten = co_await client.get("http://h/10");
    const auto loop = co_await caught<TooManyRedirects>(client.get("http://h/loop"));
    Response off = co_await client.get("http://h/0", Options().with_follow_redirects(false));
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_TRUE(error.has_value());
    EXPECT_EQ(error ? error->chain().size() : 0, 12U);
    EXPECT_EQ(ten.history().size(), 10U);
    EXPECT_TRUE(loop.has_value());
    EXPECT_EQ(loop ? loop->chain().size() : 0, 3U);
    EXPECT_EQ(off.status(), 302);
}

ASYNC_TEST(HttpH64, other_schemes_and_downgrades_are_refused) {
    World world;
    world.redirect("http://h:80/file", 302, "file:///etc/passwd");
    world.redirect("https://h:443/down", 302, "http://h/");
    world.redirect("http://h:80/nonsense", 302, "http://[");
    Client client(world.options());
    Client allowing(world.options().allow_downgrade(true));

    const auto file = co_await caught<RedirectRefused>(client.get("http://h/file"));
    const auto down = co_await caught<RedirectRefused>(client.get("https://h/down"));
    const auto nonsense = co_await caught<RedirectRefused>(client.get("http://h/nonsense"));
    Response allowed = co_await allowing.get("https://h/down");
    co_await client.close();
    co_await allowing.close();
    co_await sleep(1ms);

    EXPECT_TRUE(file.has_value());
    EXPECT_TRUE(down.has_value());
    EXPECT_TRUE(nonsense.has_value());
    EXPECT_EQ(allowed.url()->href(), "http://h/");
}

ASYNC_TEST(HttpX36, credentials_and_own_headers_go_to_no_other_origin_and_do_not_come_back) {
    for (const std::string other : {"http://127.0.0.2/x", "http://127.0.0.1:81/x", "https://127.0.0.1/x"}) {
        World world;
        world.redirect("http://127.0.0.1:80/a", 302, "/same");
        world.redirect("http://127.0.0.1:80/same", 302, other);
        const Url elsewhere(other);
        world.redirect(std::string(elsewhere.scheme()) + "://" + std::string(elsewhere.host_for_lookup()) +
                           ":" + std::to_string(elsewhere.port_or_default()) + "/x",
                       302, "http://127.0.0.1/back");
        Client client(world.options()
                          .header("X-Client-Key", "secret")
                          .headers_for_any_origin({"X-Public"})
                          .allow_downgrade(true));
        Options options;
        options.header("Authorization", "Bearer secret").header("Cookie", "secret=1");
        options.header("Proxy-Authorization", "secret")
            .header("X-Api-Key", "secret")
            .header("X-Public", "hello");
        co_await client.get("http://user:secret@127.0.0.1/a", std::move(options));
        co_await client.close();
        co_await sleep(1ms);

        EXPECT_EQ(world.heard->size(), 4U) << other;
        for (std::size_t hop = 0; hop < world.heard->size(); ++hop) {
            const std::string& request = world.heard->at(hop);
            EXPECT_EQ(request.find("secret") != std::string::npos, hop < 2) << request;
            EXPECT_NE(request.find("X-Public: hello"), std::string::npos) << request;
        }
    }
}

ASYNC_TEST(HttpX36, user_and_password_of_a_url_are_dropped_elsewhere_and_those_of_a_location_count_there) {
    World world;
    world.redirect("http://a:80/", 302, "http://b/");
    world.redirect("http://b:80/", 302, "http://new:pass@c/");
    Client client(world.options());

    Response reply = co_await client.get("http://user:pass@a/");
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_NE(world.heard->at(0).find("Authorization: Basic dXNlcjpwYXNz"), std::string::npos);
    EXPECT_EQ(world.heard->at(1).find("Authorization"), std::string::npos);
    EXPECT_NE(world.heard->at(2).find("Authorization: Basic bmV3OnBhc3M="), std::string::npos);
    EXPECT_EQ(reply.url()->href(), "http://c/");
}

ASYNC_TEST(HttpL9, the_heads_of_all_hops_together_are_limited) {
    World world;
    for (int i = 0; i < 5; ++i)
        (*world.pages)["http://h:80/" + std::to_string(i)] =
            "HTTP/1.1 302 Found\r\nLocation: /" + std::to_string(i + 1) +
            "\r\nX-Fill: " + std::string(9'000, 'x') + "\r\nContent-Length: 0\r\n\r\n";
    HttpLimits limits;
    limits.max_redirect_header_bytes = 30'000;
    Client client(world.options().limits(limits));

    const auto error = co_await caught<LimitExceeded>(client.get("http://h/0"));
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_TRUE(error.has_value());
    EXPECT_EQ(error ? error->limit() : "", "HttpLimits::max_redirect_header_bytes");
}

}  // namespace
}  // namespace tandem::http
