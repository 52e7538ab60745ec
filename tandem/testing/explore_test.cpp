// Many seeds of a scenario; a failure is told with the shortest plan under which it happens.
#include <tandem/io/read.hpp>
#include <tandem/loop/random_seed.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/explore.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

namespace tandem {
namespace {

using namespace std::chrono_literals;
using testing::explore;
using testing::File;
using testing::World;

/// Saves three times, and does not look at what `sync()` says: a bug that one mishap shows.
Task<void> save_carelessly() {
    for (const char* const name : {"one", "two", "three"}) {
        auto file = File::open(name, File::Mode::write);
        for (int i = 0; i < 3; ++i) co_await file.write_all(std::string(50, 'x'));
        try {
            co_await file.sync();
        } catch (const std::system_error&) {
            continue;
        }
    }
    File::sync_folder();
}

bool what_was_saved_is_there(World& world) {
    auto disk = world.host("disk", "10.0.0.1");
    bool is_done = false;
    bool was_told = false;
    disk.run([&]() -> Task<void> {
        try {
            co_await save_carelessly();
            is_done = true;
        } catch (const std::system_error&) {
            was_told = true;
        }
    });
    if (!world.run_until_idle(1h).ok()) return false;
    disk.crash();
    return was_told || (is_done && world.fs(disk).content("two") == std::string(150, 'x'));
}

TEST(Explore, a_failure_is_shortened_to_the_one_mishap_that_it_takes) {
    const auto failure = explore(2'000, {.buggify = 0.2}, what_was_saved_is_there);
    ASSERT_TRUE(failure);
    EXPECT_EQ(to_text(failure->plan), "disk/sync#2=failed");
    EXPECT_NE(failure->text.find("TANDEM_PLAN='disk/sync#2=failed'"), std::string::npos) << failure->text;
    EXPECT_NE(failure->text.find("the scenario says"), std::string::npos) << failure->text;
}

Task<void> greet(net::TcpStream peer) { co_await peer.write_all("hello"); }

Task<void> serve_greetings() {
    net::ListenOptions where;
    where.port = 7;
    auto listener = co_await net::listen(where);
    co_await net::serve(listener, greet);
}

/// Twenty greetings, one after the other. Tries each twice, which is not enough.
Task<void> fetch_with_one_retry() {
    for (int i = 0; i < 20; ++i) {
        for (int left = 2; left > 0; --left) {
            std::exception_ptr error;
            try {
                auto peer = co_await net::connect("api.example", 7);
                char bytes[5];
                co_await io::read_exactly(peer, MutableBytes(bytes, sizeof bytes));
                co_await peer.close();
            } catch (const std::exception&) {
                error = std::current_exception();
            }
            if (!error) break;
            if (left == 1) std::rethrow_exception(error);
        }
    }
}

bool every_greeting_comes(World& world) {
    auto server = world.host("api.example", "10.0.0.1");
    auto laptop = world.host("laptop", "10.0.0.2");
    server.loop().set_exception_handler([](EventLoop&, const ErrorContext&) {});
    server.serve(serve_greetings);
    laptop.run(fetch_with_one_retry);
    return world.run_until_idle(1h).ok();
}

TEST(Explore, a_failure_that_takes_two_mishaps_is_left_with_two_each_of_which_it_needs) {
    const auto failure = explore(500, {.buggify = 0.05}, every_greeting_comes);
    ASSERT_TRUE(failure);
    ASSERT_EQ(failure->plan.size(), 2U) << failure->text;
    for (std::size_t i = 0; i < 2; ++i) {
        const testing::FaultPlan without(1, failure->plan[i]);
        EXPECT_FALSE(testing::shrink(failure->seed, without, {}, every_greeting_comes)) << "one is enough";
    }
    EXPECT_TRUE(testing::shrink(failure->seed, failure->plan, {}, every_greeting_comes));
    EXPECT_NE(failure->text.find("laptop: "), std::string::npos) << failure->text;
    EXPECT_NE(failure->text.find("rerun: TANDEM_SEED=0x"), std::string::npos) << failure->text;
}

TEST(Explore, what_holds_under_every_seed_is_no_failure) {
    int runs = 0;
    const auto failure = explore(100, {.buggify = 0.02}, [&runs](World& world) {
        ++runs;
        auto host = world.host("host", "10.0.0.1");
        host.run([]() -> Task<void> { co_await sleep(1s); });
        return world.run_until_idle(1h).ok();
    });
    EXPECT_FALSE(failure) << failure->text;
    if (testing::seeds(100).size() == 1) return;
    EXPECT_EQ(runs, 102) << "the 50th and the 100th run twice";
}

TEST(SIM6, a_scenario_that_is_not_the_same_under_the_same_seed_is_told_with_where_it_differs) {
    int runs = 0;
    const auto failure = explore(50, {}, [&runs](World& world) {
        auto host = world.host("host", "10.0.0.1");
        host.run([&runs]() -> Task<void> { co_await sleep(1ms * runs); });
        world.note("run " + std::to_string(++runs));  // what no seed has drawn
        return world.run_until_idle(1h).ok();
    });
    if (testing::seeds(50).back() != 50) GTEST_SKIP() << "TANDEM_SEED names another seed than the 50th";
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->seed, 50U);
    EXPECT_NE(failure->text.find("run 50"), std::string::npos) << failure->text;
    EXPECT_NE(failure->text.find("run 51"), std::string::npos) << failure->text;
}

/// What a machine of a world under this seed takes for random.
std::uint64_t drawn_under(std::uint64_t seed) {
    World world({.seed = seed, .report_failures = false});
    auto host = world.host("host", "10.0.0.1");
    std::uint64_t drawn = 0;
    host.run([&drawn]() -> Task<void> {
        drawn = random_seed();
        co_return;
    });
    EXPECT_TRUE(world.run_until_idle(1h).ok());
    return drawn;
}

TEST(SIM2, random_numbers_and_dates_of_a_world_are_its_own) {
    EXPECT_EQ(drawn_under(1), drawn_under(1));
    EXPECT_NE(drawn_under(1), drawn_under(2));
    World world;
    auto host = world.host("host", "10.0.0.1");
    host.run([]() -> Task<void> { co_await sleep(36h); });
    EXPECT_TRUE(world.run_until_idle(1'000h).ok());
    using namespace std::chrono;
    EXPECT_EQ(floor<days>(host.loop().clock().date()), sys_days(January / 2 / 2000));
}

TEST(SIM4, a_plan_in_the_environment_strikes_instead_of_what_the_seed_would_draw) {
    if (std::getenv("TANDEM_SEED") != nullptr) GTEST_SKIP() << "TANDEM_SEED is taken";
    setenv("TANDEM_SEED", "0x2a", 1);
    setenv("TANDEM_PLAN", "disk/sync#2=failed", 1);
    const auto failure = explore(1'000, {.buggify = 0.2}, what_was_saved_is_there);
    unsetenv("TANDEM_SEED");
    unsetenv("TANDEM_PLAN");
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->seed, 42U);
    EXPECT_EQ(to_text(failure->plan), "disk/sync#2=failed");
}

TEST(Explore, what_a_scenario_throws_is_its_failure) {
    const auto failure = explore(3, {}, [](World&) -> bool { throw std::runtime_error("no such luck"); });
    ASSERT_TRUE(failure);
    EXPECT_NE(failure->text.find("no such luck"), std::string::npos) << failure->text;
    EXPECT_TRUE(failure->plan.empty());
}

}  // namespace
}  // namespace tandem
