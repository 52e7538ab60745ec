// What goes wrong in a simulated world by seed or by plan: where, how, and the same again.
#include <tandem/io/readiness.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/testing/world.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace tandem {
namespace {

using namespace std::chrono_literals;
using testing::File;
using testing::World;
using testing::WorldOptions;

Task<void> echo(net::TcpStream peer) {
    char buffer[100];
    for (;;) {
        const auto count = co_await peer.read_some(MutableBytes(buffer, sizeof buffer));
        if (count == 0) co_return;
        co_await peer.write_all(Bytes(buffer, count));
    }
}

Task<void> serve_echo() {
    net::ListenOptions where;
    where.port = 7;
    auto listener = co_await net::listen(where);
    co_await net::serve(listener, echo);
}

Task<std::string> ask(std::string bytes) {
    auto peer = co_await net::connect("api.example", 7);
    co_await peer.write_all(bytes);
    co_await peer.shutdown_write();
    std::string all;
    char buffer[64];
    co_await io::readable(peer.native_handle());  // or so it is said
    for (;;) {
        const auto count = co_await peer.read_some(MutableBytes(buffer, sizeof buffer));
        if (count == 0) break;
        all.append(buffer, count);
    }
    co_await peer.close();
    co_return all;
}

Task<std::string> write_and_read(std::string path, std::string text) {
    auto file = File::open(path, File::Mode::write);
    co_await file.write_all(text);
    co_await file.sync();
    File::rename(path, path + ".done");
    File::sync_folder();
    auto again = File::open(path + ".done", File::Mode::read);
    std::string read = co_await again.read_all();
    File::remove(path + ".done");
    co_return read;
}

/// Five talks and three files, each right or failed.
struct Outcome {
    bool ok = false;
    int right = 0;
    int failed = 0;
    int wrong = 0;
    std::uint64_t hash = 0;
    SimPlan struck;
};

Task<void> count_outcome(Outcome* outcome, Task<std::string> work, std::string expected) {
    try {
        const std::string got = co_await std::move(work);
        ++(got == expected ? outcome->right : outcome->wrong);
    } catch (const std::exception&) {
        ++outcome->failed;
    }
}

Outcome live(const WorldOptions& options) {
    World world(options);
    auto server = world.host("api.example", "10.0.0.1");
    auto laptop = world.host("laptop", "10.0.0.2");
    server.loop().set_exception_handler(
        [](EventLoop&, const ErrorContext&) {});  // no descriptors, for a while
    Outcome outcome;
    server.serve(serve_echo);
    for (int i = 0; i < 5; ++i) {
        const std::string text(static_cast<std::size_t>(i) * 200 + 1, static_cast<char>('a' + i));
        laptop.run([&outcome, text] { return count_outcome(&outcome, ask(text), text); });
    }
    for (int i = 0; i < 3; ++i) {
        const std::string name = "file" + std::to_string(i);
        laptop.run([&outcome, name] { return count_outcome(&outcome, write_and_read(name, name), name); });
    }
    outcome.ok = world.run_until_idle(1h).ok();
    outcome.hash = world.trace_hash();
    outcome.struck = world.fault_plan();
    return outcome;
}

WorldOptions with(std::uint64_t seed, double buggify, SimMishaps mishaps = SimMishaps::any) {
    WorldOptions options;
    options.seed = seed;
    options.buggify = buggify;
    options.mishaps = mishaps;
    options.report_failures = false;
    return options;
}

TEST(SimMisfortune, harmless_mishaps_change_no_result) {
    std::size_t strikes = 0;
    for (const auto seed : testing::seeds(60)) {
        const auto outcome = live(with(seed, 0.2, SimMishaps::harmless));
        ASSERT_TRUE(outcome.ok) << "seed " << seed;
        ASSERT_EQ(outcome.right, 8) << "seed " << seed << ": " << to_text(outcome.struck);
        strikes += outcome.struck.size();
    }
    EXPECT_GT(strikes, testing::seeds(60).size() * 5);
}

TEST(SimMisfortune, every_kind_of_mishap_strikes_and_whoever_it_strikes_is_told) {
    std::set<std::pair<SimPoint, SimMishap>> kinds;
    int failed = 0;
    for (const auto seed : testing::seeds(400)) {
        const auto outcome = live(with(seed, 0.05));
        ASSERT_TRUE(outcome.ok) << "seed " << seed << ": " << to_text(outcome.struck);
        ASSERT_EQ(outcome.wrong, 0) << "seed " << seed << ": " << to_text(outcome.struck);
        ASSERT_EQ(outcome.right + outcome.failed, 8);
        failed += outcome.failed;
        for (const auto& entry : outcome.struck) kinds.emplace(entry.point, entry.mishap);
    }
    EXPECT_GT(failed, 0);
    std::string missing;
    for (const char* const each :
         {"receive#1=short",   "receive#1=late", "receive#1=reset",  "send#1=short",       "send#1=late",
          "send#1=reset",      "accept#1=late",  "accept#1=aborted", "accept#1=exhausted", "connect#1=late",
          "connect#1=refused", "connect#1=lost", "finish#1=late",    "poll#1=spurious",    "look_up#1=late",
          "look_up#1=failed",  "look_up#1=lost", "open#1=failed",    "open#1=exhausted",   "read#1=short",
          "read#1=failed",     "write#1=short",  "write#1=failed",   "write#1=full",       "sync#1=failed",
          "rename#1=failed",   "remove#1=failed"}) {
        const auto entry = parse_sim_plan("host/" + std::string(each)).front();
        if (!kinds.contains({entry.point, entry.mishap})) missing += " " + std::string(each);
    }
    EXPECT_EQ(missing, "");
}

TEST(SIM6, what_a_seed_has_drawn_followed_as_a_plan_gives_the_same_history) {
    for (const auto seed : testing::seeds(30)) {
        const auto drawn = live(with(seed, 0.05));
        EXPECT_EQ(live(with(seed, 0.05)).hash, drawn.hash) << "drawn again";
        const auto plan = parse_sim_plan(to_text(drawn.struck));
        ASSERT_EQ(plan, drawn.struck);
        auto options = with(seed, 0);
        options.plan = &plan;
        const auto followed = live(options);
        EXPECT_EQ(followed.hash, drawn.hash) << "seed " << seed << ": " << to_text(plan);
        EXPECT_EQ(followed.struck, drawn.struck);
    }
}

TEST(SimMisfortune, a_plan_strikes_where_it_says_and_nowhere_else) {
    const auto error_of = [](const char* text) {
        const auto plan = parse_sim_plan(text);
        auto options = with(7, 0.5);
        options.plan = &plan;
        World world(options);
        auto disk = world.host("disk", "10.0.0.1");
        int error = 0;
        disk.run([&error]() -> Task<void> {
            try {
                co_await write_and_read("file", "text");
            } catch (const std::system_error& failure) {
                error = failure.code().value();
            }
        });
        EXPECT_TRUE(world.run_until_idle(1h).ok());
        return error;
    };
    EXPECT_EQ(error_of(""), 0);
    EXPECT_EQ(error_of("disk/write#2=full"), 0) << "there is one write";
    EXPECT_EQ(error_of("disk/write#1=full"), ENOSPC);
    EXPECT_EQ(error_of("disk/write#1=short disk/write#2=full"), ENOSPC);
    EXPECT_EQ(error_of("disk/sync#1=failed"), EIO);
    EXPECT_EQ(error_of("disk/open#2=exhausted"), EMFILE);
    EXPECT_EQ(error_of("other/sync#1=failed"), 0);
}

TEST(SimMisfortune, what_is_no_plan_is_named) {
    for (const char* const text : {"sync#1=failed", "disk/sync=failed", "disk/sync#0=failed",
                                   "disk/sync#1=late", "disk/nothing#1=failed", "disk/sync#1x=failed"}) {
        try {
            parse_sim_plan("disk/sync#1=failed " + std::string(text));
            ADD_FAILURE() << text << " was taken";
        } catch (const std::invalid_argument& error) {
            EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
        }
    }
}

/// A cancel that comes late meets what it would have cancelled: one of the two is the outcome.
TEST(SimMisfortune, a_late_cancel_and_an_end_race_and_one_of_them_wins) {
    int cancelled = 0;
    int ended = 0;
    for (const auto seed : testing::seeds(100)) {
        const auto plan = parse_sim_plan("reader/cancel#1=late");
        auto options = with(seed, 0);
        options.plan = &plan;
        World world(options);
        auto reader = world.host("reader", "10.0.0.1");
        auto writer = world.host("writer", "10.0.0.2");
        world.net.link("reader", "writer", {.latency = 1ms, .jitter = 50ms});
        std::string got;
        reader.run([&]() -> Task<void> {
            net::ListenOptions where;
            where.port = 7;
            auto listener = co_await net::listen(where);
            auto peer = co_await listener.accept();
            char byte = 0;
            auto late = co_await move_on_after(20ms, peer.read_some(MutableBytes(&byte, 1)));
            if (late) got.push_back(byte);
            ++(late ? ended : cancelled);
            while (got.size() < 2) {
                co_await peer.read_some(MutableBytes(&byte, 1));
                got.push_back(byte);
            }
        });
        writer.run([]() -> Task<void> {
            auto peer = co_await net::connect("reader", 7);
            co_await peer.write_all("ab");
            co_await peer.close();
        });
        ASSERT_TRUE(world.run_until_idle(1h).ok()) << "seed " << seed;
        ASSERT_EQ(got, "ab") << "seed " << seed << ": what was read is delivered or was not consumed";
    }
    if (testing::seeds(100).size() == 1) return;
    EXPECT_GT(cancelled, 0);
    EXPECT_GT(ended, 0);
}

}  // namespace
}  // namespace tandem
