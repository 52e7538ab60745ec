#include <tandem/base/frame_memory.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool memory_is_measurable = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool memory_is_measurable = false;
#else
constexpr bool memory_is_measurable = true;
#endif
#else
constexpr bool memory_is_measurable = true;
#endif

/// The process's resident memory in KiB.
long resident() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
    }
    return 0;
}

std::vector<void*> take(std::size_t count, std::size_t bytes) {
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < count; ++i) {
        blocks.push_back(frame_memory::allocate(bytes));
        std::memset(blocks.back(), 0xab, bytes);
    }
    return blocks;
}
void give(std::vector<void*>& blocks, std::size_t bytes) {
    for (void* block : blocks) frame_memory::release(block, bytes);
    blocks.clear();
}

}  // namespace

TEST(SemK10, blocks_of_every_size_are_aligned_and_overlap_nowhere) {
    std::vector<std::pair<unsigned char*, std::size_t>> blocks;
    for (std::size_t bytes = 1; bytes < 4'000; bytes += 13) {
        auto* block = static_cast<unsigned char*>(frame_memory::allocate(bytes));
        // Whatever its size: clang has frames of 152 bytes at -O0 with a local of alignment 64.
        const std::size_t alignment = bytes < 96 ? 16 : bytes < 128 ? 32 : 64;
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0U) << bytes;
        std::memset(block, static_cast<int>(bytes % 251), bytes);
        blocks.emplace_back(block, bytes);
    }
    for (const auto& [block, bytes] : blocks) {
        for (std::size_t i = 0; i < bytes; ++i) ASSERT_EQ(block[i], bytes % 251);
        frame_memory::release(block, bytes);
    }
}

TEST(SemK10, frames_born_here_and_freed_in_another_thread_do_not_pile_up_there) {
    if (!memory_is_measurable) GTEST_SKIP();
    constexpr std::size_t bytes = 1'000;
    constexpr std::size_t count = 5'000;
    const auto round = [&] {
        auto blocks = take(count, bytes);
        std::thread([&] { give(blocks, bytes); }).join();
    };
    for (int i = 0; i < 5; ++i) round();
    const auto before = resident();
    for (int i = 0; i < 50; ++i) round();
    EXPECT_LT(resident() - before, 8 * 1'024);  // 250 MB went through
}

TEST(SemK10, threads_that_only_free_give_their_blocks_back_when_they_end) {
    if (!memory_is_measurable) GTEST_SKIP();
    constexpr std::size_t bytes = 2'000;
    constexpr std::size_t count = 100;  // fewer than fill a chain
    const auto round = [&] {
        auto blocks = take(count, bytes);
        std::thread([&] { give(blocks, bytes); }).join();
    };
    for (int i = 0; i < 10; ++i) round();
    const auto before = resident();
    for (int i = 0; i < 200; ++i) round();
    EXPECT_LT(resident() - before, 8 * 1'024);  // 40 MB went through
}

TEST(SemK10, short_lived_threads_that_make_one_frame_each_reuse_one_anothers_slabs) {
    if (!memory_is_measurable) GTEST_SKIP();
    std::vector<void*> blocks;
    const auto virtual_size = [] {
        std::ifstream status("/proc/self/statm");
        long pages = 0;
        status >> pages;
        return pages * 4;
    };
    const auto round = [&] { std::thread([&] { blocks.push_back(frame_memory::allocate(300)); }).join(); };
    for (int i = 0; i < 50; ++i) round();
    const auto before = virtual_size();
    for (int i = 0; i < 500; ++i) round();
    EXPECT_LT(virtual_size() - before, 8 * 1'024);  // 500 slabs would be 32 MB
    give(blocks, 300);
}

TEST(SemK10, eight_threads_that_pass_frames_around_keep_each_whole) {
    constexpr std::size_t threads = 8;
    std::vector<std::vector<unsigned char*>> hands(threads);
    for (int round = 0; round < 20; ++round) {
        std::vector<std::thread> running;
        for (std::size_t t = 0; t < threads; ++t) {
            running.emplace_back([&, t] {
                auto& hand = hands[t];
                for (auto* block : hand) {
                    EXPECT_EQ(block[0], block[499]);
                    frame_memory::release(block, 500);
                }
                hand.clear();
                for (int i = 0; i < 400; ++i) {
                    auto* block = static_cast<unsigned char*>(frame_memory::allocate(500));
                    std::memset(block, static_cast<int>(t) + i, 500);
                    hand.push_back(block);
                }
            });
        }
        for (auto& thread : running) thread.join();
        std::rotate(hands.begin(), hands.begin() + 1, hands.end());
    }
    for (auto& hand : hands) {
        for (auto* block : hand) frame_memory::release(block, 500);
    }
}
