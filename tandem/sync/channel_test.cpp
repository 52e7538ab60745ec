#include <tandem/sync/channel.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Items = std::vector<int>;

Task<void> send_all(Sender<int> sender, Items items) {
    for (const int item : items) co_await sender.send(item);
}

Task<void> receive_all(Receiver<int> receiver, Items& items) {
    while (auto item = co_await receiver.receive()) items.push_back(*item);
}

Task<std::string> send_one(Sender<int>& sender, int item) {
    try {
        co_await sender.send(item);
        co_return "sent";
    } catch (const ChannelClosed&) {
    }
    co_return "closed";
}

/// A generator behind a channel: it cleans up when its reader leaves.
Task<void> generate(Sender<int> sender, bool& cleaned) {
    try {
        for (int i = 0;; ++i) co_await sender.send(i);
    } catch (const ChannelClosed&) {
        cleaned = true;
    }
}

}  // namespace

ASYNC_TEST(SemS23, capacity_zero_is_a_hand_shake) {
    auto channel = Channel<int>(0);
    auto& sender = channel.sender;
    auto& receiver = channel.receiver;
    const bool nobody_there = sender.try_send(1);
    auto sending = create_task(send_one(sender, 2));
    co_await sleep(1ms);
    const bool still_waits = !sending.done();
    const auto item = co_await receiver.receive();
    const auto text = co_await sending;

    EXPECT_FALSE(nobody_there);
    EXPECT_TRUE(still_waits);
    EXPECT_EQ(item, 2);
    EXPECT_EQ(text, "sent");
    EXPECT_FALSE(receiver.try_receive().has_value());
}

ASYNC_TEST(SemS23, the_last_sender_gone_is_the_end_after_what_is_left) {
    Items items;
    {
        auto [sender, receiver] = Channel<int>(2);
        auto other = sender.clone();
        auto both = gather(send_all(std::move(other), {1, 2, 3}), send_all(std::move(sender), {4, 5, 6}),
                           receive_all(std::move(receiver), items));
        co_await std::move(both);
    }
    EXPECT_EQ(items.size(), 6u);
    EXPECT_EQ(items[0] + items[1] + items[2] + items[3] + items[4] + items[5], 21);
}

ASYNC_TEST(SemS23, receivers_that_wait_get_the_end_when_the_last_of_many_clones_closes) {
    auto channel = Channel<int>(1);
    Items items;
    auto one = create_task(receive_all(channel.receiver, items));
    auto two = create_task(receive_all(channel.receiver.clone(), items));
    std::vector<Sender<int>> clones(5, channel.sender);
    channel.sender.close();
    co_await sleep(1ms);
    const bool waits = !one.done();
    clones.clear();
    co_await timeout(1ms, gather(one, two));

    EXPECT_TRUE(waits);
    EXPECT_EQ(channel.sender.statistics().open_senders, 0u);
    EXPECT_THROW(channel.sender.try_send(1), ChannelClosed);
}

ASYNC_TEST(SemS23, senders_that_wait_are_told_when_the_last_receiver_goes) {
    auto channel = Channel<int>(0);
    auto one = create_task(send_one(channel.sender, 1));
    auto two = create_task(send_one(channel.sender, 2));
    co_await sleep(1ms);
    auto clone = channel.receiver.clone();
    channel.receiver.close();
    co_await sleep(1ms);
    const bool waits = !one.done();
    clone.close();
    const auto first = co_await one;
    const auto second = co_await two;

    EXPECT_TRUE(waits);
    EXPECT_EQ(first + second, "closedclosed");
    EXPECT_THROW(channel.receiver.try_receive(), ChannelClosed);
}

ASYNC_TEST(SemS23, cloned_ends_are_served_in_turn) {
    auto [sender, receiver] = Channel<int>(0);
    Items one;
    Items two;
    {
        auto other = receiver.clone();
        auto all = gather(receive_all(std::move(other), one), receive_all(std::move(receiver), two),
                          send_all(std::move(sender), {1, 2, 3, 4, 5, 6, 7, 8}));
        co_await std::move(all);
    }
    EXPECT_EQ(one.size() + two.size(), 8u);
    EXPECT_LE(one.size(), 5u);
    EXPECT_LE(two.size(), 5u);
}

ASYNC_TEST(SemS23, a_receiver_cancelled_with_its_item_on_the_way_gives_it_to_the_next_even_without_room) {
    auto channel = Channel<int>(0);
    Items items;
    auto reader = create_task(receive_all(channel.receiver, items));
    co_await checkpoint();
    const bool sent = channel.sender.try_send(7);
    reader.cancel();
    co_await sleep(1ms);
    const auto item = co_await channel.receiver.receive();

    EXPECT_TRUE(sent);
    EXPECT_TRUE(items.empty());
    EXPECT_EQ(item, 7);
}

ASYNC_TEST(SemS23, statistics_count_ends_waits_and_items) {
    auto channel = Channel<int>(2);
    auto clone = channel.sender.clone();
    Items items{1, 2, 3};
    auto sending = create_task(send_all(channel.sender, items));
    co_await checkpoint();
    const auto during = channel.receiver.statistics();
    for (int i = 1; i <= 3; ++i) {
        const auto item = co_await channel.receiver.receive();
        EXPECT_EQ(item, i);
    }
    co_await sending;

    EXPECT_EQ(during.buffered, 2u);
    EXPECT_EQ(during.capacity, 2u);
    EXPECT_EQ(during.open_senders, 3u);
    EXPECT_EQ(during.open_receivers, 1u);
    EXPECT_EQ(during.senders_waiting, 1u);
    EXPECT_EQ(channel.receiver.statistics().buffered, 0u);
}

ASYNC_TEST(SemS23, a_generator_behind_a_channel_ends_its_cleanup_when_the_reader_leaves) {
    bool cleaned = false;
    TaskHandle<void> generator;
    {
        auto [sender, receiver] = Channel<int>(0);
        generator = create_task(generate(std::move(sender), cleaned));
        const auto first = co_await receiver.receive();
        const auto second = co_await receiver.receive();
        EXPECT_EQ(*first + *second, 1);
    }
    co_await timeout(1ms, generator);

    EXPECT_TRUE(cleaned);
}
