// Files of a simulated machine: what is synced survives a crash, of the rest some.
#include <tandem/testing/world.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <set>
#include <string>
#include <system_error>

namespace tandem {
namespace {

using namespace std::chrono_literals;
using testing::File;
using testing::World;

struct Machine {
    explicit Machine(std::uint64_t seed = 1) : world(options(seed)) {}
    static testing::WorldOptions options(std::uint64_t seed) {
        testing::WorldOptions made;
        made.seed = seed;
        made.report_failures = false;
        return made;
    }
    World world;
    World::Host host = world.host("disk", "10.0.0.9");
    SimFiles& files() { return world.fs(host); }
};

Task<void> write_file(std::string path, std::string text, bool synced) {
    auto file = File::open(path, File::Mode::write);
    co_await file.write_all(text);
    if (synced) co_await file.sync();
    if (synced) File::sync_folder();
}

TEST(WorldFiles, what_was_synced_is_there_after_a_crash_whole) {
    for (const auto seed : testing::seeds(50)) {
        Machine machine(seed);
        machine.host.run([] { return write_file("done", std::string(2'000, 'x'), true); });
        ASSERT_TRUE(machine.world.run_until_idle(1h).ok());
        machine.host.crash();
        EXPECT_EQ(machine.files().content("done"), std::string(2'000, 'x'));
    }
}

TEST(WorldFiles, what_was_not_synced_is_lost_kept_or_torn_at_512_bytes) {
    std::set<std::string> outcomes;
    for (const auto seed : testing::seeds(100)) {
        Machine machine(seed);
        machine.host.run([] { return write_file("half", std::string(1'024, 'x'), false); });
        ASSERT_TRUE(machine.world.run_until_idle(1h).ok());
        machine.host.crash();
        const auto content = machine.files().content("half");
        if (!content) {
            outcomes.insert("no name");
            continue;
        }
        std::string sectors;
        for (std::size_t at = 0; at < content->size(); at += 512) {
            const auto sector = content->substr(at, 512);
            ASSERT_EQ(sector.find_first_not_of(sector[0]), std::string::npos) << "torn inside a sector";
            sectors += sector[0] == 'x' ? "x" : "0";
        }
        outcomes.insert(sectors);
    }
    if (outcomes.size() == 1) GTEST_SKIP() << "one seed shows one outcome";
    EXPECT_EQ(outcomes, (std::set<std::string>{"", "0x", "no name", "x", "xx"}));
}

TEST(WorldFiles, a_rename_lasts_once_the_folder_is_synced) {
    int undone = 0;
    for (const auto seed : testing::seeds(40)) {
        Machine machine(seed);
        machine.host.run([&]() -> Task<void> {
            co_await write_file("a.part", "text", true);
            File::rename("a.part", "a");
        });
        ASSERT_TRUE(machine.world.run_until_idle(1h).ok());
        machine.host.crash();
        const bool has_old = machine.files().content("a.part").has_value();
        const bool has_new = machine.files().content("a").has_value();
        EXPECT_NE(has_old, has_new);
        undone += has_old ? 1 : 0;
    }
    EXPECT_GT(undone, 0);
    EXPECT_LT(undone, 40);
}

/// The errno that writing a file ends with.
int error_of(Machine& machine, std::string text, bool synced) {
    int error = 0;
    machine.host.run([&error, text, synced]() -> Task<void> {
        try {
            co_await write_file("file", text, synced);
        } catch (const std::system_error& failure) {
            error = failure.code().value();
        }
    });
    EXPECT_TRUE(machine.world.run_until_idle(1h).ok());
    return error;
}

TEST(WorldFiles, a_full_disk_and_planned_failures_are_errors_of_the_call_they_strike) {
    Machine small;
    small.files().capacity(5'000);
    EXPECT_EQ(error_of(small, std::string(6'000, 'x'), true), ENOSPC);
    EXPECT_EQ(small.files().content("file")->size(), 5'000U);
    Machine broken;
    broken.files().fail(SimPoint::sync, 1, EIO);
    EXPECT_EQ(error_of(broken, "text", true), EIO);
    Machine slow;
    slow.files().fail(SimPoint::write, 2, EIO);
    EXPECT_EQ(error_of(slow, "text", true), 0);
    EXPECT_EQ(error_of(slow, "text", true), EIO);
}

TEST(WorldFiles, bytes_whose_sync_failed_are_lost_though_nothing_says_so_later) {
    Machine machine;
    machine.files().put("file", "old");
    machine.files().fail(SimPoint::sync, 1, EIO);
    bool failed_once = false;
    machine.host.serve([&]() -> Task<void> {
        if (failed_once) co_return;  // after the crash
        auto file = File::open("file", File::Mode::append);
        co_await file.write_all(" and new");
        try {
            co_await file.sync();
        } catch (const std::system_error&) {
            failed_once = true;
        }
    });
    EXPECT_TRUE(machine.world.run_until_idle(1h).ok());
    EXPECT_EQ(machine.files().content("file"), "old and new");
    machine.host.crash();
    EXPECT_EQ(machine.files().content("file"), "old");
}

}  // namespace
}  // namespace tandem
