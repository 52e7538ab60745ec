// HTTP clients, their pool, and servers under misfortune (SIM-9: the connection pool, server drain).
#include "scenarios.hpp"

#include <tandem/http/body.hpp>
#include <tandem/http/client.hpp>
#include <tandem/http/router.hpp>
#include <tandem/http/server.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace tandem {
namespace {

using namespace std::chrono_literals;
using exploration::hold;
using testing::World;

std::string page(std::size_t number) {
    std::string text = "page " + std::to_string(number) + ":";
    while (text.size() < number * 400) text += std::to_string(text.size() * (number + 1)) + ",";
    return text;
}

/// Of a length that nobody is told: sent in chunks.
class Pieces final : public http::BodySource {
public:
    explicit Pieces(std::string text) : text_(std::move(text)) {}
    Task<std::size_t> read_some(MutableBytes buffer) override {
        co_await sleep(1ms);
        const auto count = std::min({buffer.size(), text_.size() - at_, std::size_t{300}});
        std::copy_n(text_.data() + at_, count, buffer.data());
        at_ += count;
        co_return count;
    }

private:
    std::string text_;
    std::size_t at_ = 0;
};

struct Site {
    int inside = 0;
    int most_inside = 0;
    std::vector<std::size_t> asked;
};

Task<http::Response> answer(Site& site, http::Request& request) {
    struct Leave {
        Site& site;
        ~Leave() { --site.inside; }
    };
    ++site.inside;
    const Leave leave{site};
    site.most_inside = std::max(site.most_inside, site.inside);
    const auto number = std::stoul(std::string(request.path()).substr(6));
    site.asked.push_back(number);
    co_await sleep(5ms);
    if (number % 2 == 0) co_return http::Response::text(page(number));
    auto reply = http::Response::stream(std::make_unique<Pieces>(page(number)));
    co_return reply;
}

http::Router routes_of(Site& site) {
    http::Router routes;
    routes.get("/page/{number}", [&site](http::Request& request) { return answer(site, request); });
    return routes;
}

net::ListenOptions at_port(std::uint16_t port) {
    net::ListenOptions where;
    where.port = port;
    return where;
}

Task<void> serve_pages(Site& site, http::ServerOptions options) {
    auto listener = co_await net::listen(at_port(80));
    co_await http::serve(listener, routes_of(site), options);
}

Task<std::string> fetch(http::Client& client, std::size_t number) {
    auto response = co_await client.get("http://server/page/" + std::to_string(number));
    std::string text = co_await response.text();
    co_return text;
}

struct Fetched {
    int right = 0;
    int wrong = 0;
    int errors = 0;
};

/// Tries until it has it; once in a while it loses patience in the middle.
Task<void> fetch_for_sure(http::Client& client, SimRandom& random, std::size_t number, Fetched& fetched) {
    for (int tries = 0; tries < 60; ++tries) {
        const bool impatient = tries < 5 && random.chance(0.3);
        try {
            auto text = co_await move_on_after(
                impatient ? 1ms * static_cast<int>(random.below(40)) : Duration(60s), fetch(client, number));
            if (text) {
                ++(*text == page(number) ? fetched.right : fetched.wrong);
                co_return;
            }
        } catch (const std::exception&) {
            ++fetched.errors;
        }
    }
}

Task<void> fetch_all(World& world, Fetched& fetched) {
    http::ClientOptions options;
    options.pool({.max_connections = 2, .max_per_origin = 2});
    http::Client client(options);
    TaskGroup group;
    for (std::size_t number = 1; number <= 10; ++number)
        group.create_task(fetch_for_sure(client, world.random(), number, fetched));
    co_await group.join();
    co_await client.close();
}

Fetched fetch_through_two_connections(World& world, bool ends_early) {
    auto server = world.host("server", "10.0.0.1");
    auto client = world.host("client", "10.0.0.2");
    server.loop().set_exception_handler([](EventLoop&, const ErrorContext&) {});
    for (int i = 0; ends_early && i < 3; ++i)
        world.net.fault(client, server, SimFault::end, world.random().below(12'000));
    Site site;
    Fetched fetched;
    server.serve([&] { return serve_pages(site, http::ServerOptions()); });
    client.run([&] { return fetch_all(world, fetched); });
    if (!world.run_until_idle(1h).ok()) ++fetched.wrong;
    return fetched;
}

TEST(SIM9, pages_are_whole_and_right_and_no_error_whatever_harmless_happens) {
    const auto scenario = [](World& world) {
        const auto fetched = fetch_through_two_connections(world, false);
        return fetched.right == 10 && fetched.wrong == 0 && fetched.errors == 0;
    };
    hold(scenario, {.buggify = 0.05, .mishaps = SimMishaps::harmless}, 100);
}

TEST(SIM9, pages_are_whole_and_right_or_an_error_and_the_pool_goes_on) {
    const auto scenario = [](World& world) {
        const auto fetched = fetch_through_two_connections(world, true);
        return fetched.right == 10 && fetched.wrong == 0;
    };
    hold(scenario, {.buggify = 0.02}, 100);
}

/// More clients than the server takes at once: all are served in the end, no more than that at a time.
TEST(SIM9, a_server_at_its_limit_serves_the_rest_when_there_is_room) {
    const auto scenario = [](World& world) {
        auto server = world.host("server", "10.0.0.1");
        auto client = world.host("client", "10.0.0.2");
        Site site;
        Fetched fetched;
        server.serve([&] { return serve_pages(site, http::ServerOptions().max_connections(3)); });
        for (std::size_t number = 1; number <= 8; ++number) {
            client.run([&fetched, number]() -> Task<void> {
                http::Client own;
                const std::string text = co_await fetch(own, number);
                ++(text == page(number) ? fetched.right : fetched.wrong);
                co_await own.close();
            });
        }
        return world.run_until_idle(1h).ok() && fetched.right == 8 && site.most_inside <= 3;
    };
    hold(scenario, {.buggify = 0.03, .mishaps = SimMishaps::harmless}, 100);
}

/// One connection, many calls, without misfortune: they are served in the order in which they came.
TEST(SIM9, calls_that_wait_for_a_connection_get_it_in_the_order_of_their_coming) {
    hold([](World& world) {
        auto server = world.host("server", "10.0.0.1");
        auto client = world.host("client", "10.0.0.2");
        Site site;
        std::vector<std::size_t> came;
        server.serve([&] { return serve_pages(site, http::ServerOptions()); });
        client.run([&]() -> Task<void> {
            http::ClientOptions options;
            options.pool({.max_connections = 1});
            http::Client one(options);
            const auto call = [&](std::size_t number) -> Task<void> {
                co_await sleep(1ms * static_cast<int>(world.random().below(50)));
                came.push_back(number);
                co_await fetch(one, number);
            };
            TaskGroup group;
            for (std::size_t number = 1; number <= 8; ++number) group.create_task(call(number));
            co_await group.join();
            co_await one.close();
        });
        return world.run_until_idle(1h).ok() && site.asked == came;
    });
}

/// A server that is shut down finishes what it has begun: whoever was asked for, gets it.
TEST(SIM9, a_server_that_drains_answers_what_it_has_accepted) {
    const auto scenario = [](World& world) {
        auto server = world.host("server", "10.0.0.1");
        auto client = world.host("client", "10.0.0.2");
        Site site;
        std::vector<std::size_t> whole;
        int wrong = 0;
        const auto ends = 1ms * static_cast<int>(5 + world.random().below(60));
        server.run([&]() -> Task<void> {
            http::Server serving(routes_of(site));
            co_await serving.start(at_port(80));
            co_await sleep(ends);
            co_await serving.shutdown(60s);
        });
        for (std::size_t number = 1; number <= 6; ++number) {
            client.run([&, number]() -> Task<void> {
                http::Client own;
                co_await sleep(1ms * static_cast<int>(world.random().below(60)));
                try {
                    const std::string text = co_await fetch(own, number);
                    if (text == page(number))
                        whole.push_back(number);
                    else
                        ++wrong;
                } catch (const std::exception&) {  // it came too late
                }
                co_await own.close();
            });
        }
        if (!world.run_until_idle(1h).ok() || wrong != 0) return false;
        return std::all_of(site.asked.begin(), site.asked.end(), [&](std::size_t asked) {
            return std::find(whole.begin(), whole.end(), asked) != whole.end();
        });
    };
    hold(scenario, {.buggify = 0.02, .mishaps = SimMishaps::harmless}, 100);
}

/// Says it keeps the connection, and closes it 10 ms later.
Task<void> answer_and_leave(net::TcpStream peer) {
    char buffer[1'000];
    co_await peer.read_some(MutableBytes(buffer, sizeof buffer));
    co_await peer.write_all("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    co_await sleep(10ms);
    co_await peer.close();
}

/// A connection that has ended while it was idle is not used again, so nobody has to be lucky with a second
/// try.
TEST(SIM9, a_connection_that_ended_meanwhile_is_not_used_again) {
    hold([](World& world) {
        auto server = world.host("server", "10.0.0.1");
        auto client = world.host("client", "10.0.0.2");
        server.serve([]() -> Task<void> {
            auto listener = co_await net::listen(at_port(80));
            co_await net::serve(listener, answer_and_leave);
        });
        int right = 0;
        client.run([&]() -> Task<void> {
            http::ClientOptions options;
            options.retry_stale(false);
            http::Client one(options);
            for (int i = 0; i < 6; ++i) {
                auto response = co_await one.get("http://server/");
                const std::string text = co_await response.text();
                right += text == "ok" ? 1 : 0;
                co_await sleep(1ms * static_cast<int>(20 + world.random().below(60)));
            }
            co_await one.close();
        });
        return world.run_until_idle(1h).ok() && right == 6;
    });
}

}  // namespace
}  // namespace tandem
