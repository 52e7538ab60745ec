// In a simulated world nobody asks the real one: else a seed would not be the whole story (SIM-2, SIM-6). The
// scenarios of this folder all run under this guard.
#include "stray_calls.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <chrono>
#include <cstdlib>
#include <thread>

using exploration::StrayCalls;
using namespace std::chrono_literals;

TEST(SIM6, whoever_asks_the_real_world_from_inside_a_simulated_one_ends_with_its_name) {
    if (!StrayCalls::are_seen) GTEST_SKIP() << "this sanitizer has functions of its own";
    const auto inside = [](auto call) {
        const StrayCalls none;
        call();
    };
    EXPECT_DEATH(inside([] { static_cast<void>(std::chrono::steady_clock::now()); }), "leak: clock_gettime");
    EXPECT_DEATH(inside([] { static_cast<void>(std::rand()); }), "leak: rand");
    EXPECT_DEATH(inside([] { ::close(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }), "leak: open");
    EXPECT_DEATH(inside([] { ::close(::socket(AF_INET, SOCK_STREAM, 0)); }), "leak: socket");
    EXPECT_DEATH(inside([] { std::this_thread::sleep_for(1ms); }), "leak: .*nanosleep");
}

TEST(SIM6, outside_of_a_simulated_world_and_on_other_threads_the_real_one_answers) {
    const StrayCalls none;
    bool slept = false;
    std::thread([&slept] {
        const auto before = std::chrono::steady_clock::now();
        std::this_thread::sleep_for(1ms);
        slept = std::chrono::steady_clock::now() - before >= 1ms;
    }).join();
    EXPECT_TRUE(slept);
}
