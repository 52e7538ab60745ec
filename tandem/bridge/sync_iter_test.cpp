#include <tandem/bridge/sync_iter.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/blocking.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Log = std::vector<std::string>;

Task<void> note(Log& log, std::string what) {
    co_await sleep(1ms);
    log.push_back(std::move(what));
}

AsyncGenerator<int> count_to(int last, int* produced = nullptr) {
    for (int i = 1; i <= last; ++i) {
        if (i % 100 == 0) co_await sleep(0ms);
        if (produced) *produced = i;
        co_yield i;
    }
}

AsyncGenerator<int> with_cleanup(Log& log, int last = 1'000'000) {
    return with_finally(count_to(last), note(log, "cleaned up"));
}

AsyncGenerator<int> that_fails() {
    co_yield 1;
    co_await sleep(1ms);
    throw std::domain_error("no more");
}

Generator<int> blocking_numbers(int last, Log* log = nullptr) {
    struct Note {
        Log* log;
        ~Note() {
            if (log) log->push_back("ended in " + worker_name().substr(0, 6));
        }
    };
    const Note note{log};
    for (int i = 1; i <= last; ++i) {
        std::this_thread::sleep_for(i < 10 ? 1ms : 0ms);
        int value = i;
        try {
            co_yield value;
        } catch (const std::out_of_range& error) {
            if (log) log->push_back(error.what());
        }
    }
}

}  // namespace

TEST(SemB65, plain_code_reads_an_async_generator_in_order_and_none_ahead) {
    int produced = 0;
    int consumed = 0;
    for (const int number : sync_iter(count_to(1'000, &produced))) {
        EXPECT_EQ(number, ++consumed);
        EXPECT_LE(produced - consumed, 1);
    }
    EXPECT_EQ(consumed, 1'000);
    static_assert(std::is_same_v<decltype(*sync_iter(count_to(1)).begin()), int&>);
}

TEST(SemB65, left_early_its_cleanup_has_run_before_the_statement_is_over) {
    Log log;
    for (const int number : sync_iter(with_cleanup(log))) {
        log.push_back(std::to_string(number));
        if (number == 2) break;
    }
    log.push_back("after");
    EXPECT_EQ(log, (Log{"1", "2", "cleaned up", "after"}));
}

TEST(SemB65, its_exception_comes_out_of_the_for_and_one_of_the_body_closes_it) {
    Log log;
    EXPECT_THROW(
        {
            for (const int number : sync_iter(that_fails())) log.push_back(std::to_string(number));
        },
        std::domain_error);
    EXPECT_EQ(log, Log{"1"});
    try {
        for ([[maybe_unused]] const int number : sync_iter(with_cleanup(log)))
            throw std::out_of_range("mine");
    } catch (const std::out_of_range&) {
        log.push_back("caught");
    }
    EXPECT_EQ(log, (Log{"1", "cleaned up", "caught"}));
}

TEST(SemB65, a_lent_generator_may_be_read_in_parts_by_hand) {
    auto numbers = count_to(5);
    auto all = sync_iter(numbers);
    EXPECT_EQ(all.next(), 1);
    EXPECT_EQ(all.next(), 2);
    all.close();
    all.close();
    EXPECT_EQ(all.next(), std::nullopt);
    EXPECT_TRUE(numbers.done());
}

TEST(SemB65, on_a_loops_own_thread_it_is_refused) {
    const auto body = []() -> Task<bool> {
        bool refused = false;
        try {
            for ([[maybe_unused]] const int number : sync_iter(count_to(1))) {
            }
        } catch (const WouldDeadlock&) {
            refused = true;
        }
        co_return refused;
    };
    EXPECT_TRUE(run(body()));
}

TEST(SemB65, a_coroutine_reads_a_blocking_generator_item_by_item_in_workers) {
    const auto body = []() -> Task<Log> {
        Log log;
        {
            auto numbers = to_async(blocking_numbers(3, &log));
            while (auto number = co_await numbers.next()) log.push_back(std::to_string(*number));
        }
        auto left_early = to_async(blocking_numbers(1'000, &log));
        const auto first = co_await left_early.next();
        if (first) log.push_back(std::to_string(*first));
        co_await left_early.aclose();
        log.push_back("after");
        co_return log;
    };
    EXPECT_EQ(run(body()), (Log{"1", "2", "3", "ended in worker", "1", "ended in worker", "after"}));
}

TEST(SemB67, a_cancelled_worker_in_the_middle_of_sync_iter_closes_the_generator_and_joins_it) {
    Log log;
    const auto endless = [](Log& l) -> AsyncGenerator<int> {
        const auto body = []() -> AsyncGenerator<int> {
            for (int i = 0;; ++i) {
                co_yield i;
                co_await sleep(1ms);
            }
        };
        return with_finally(body(), note(l, "cleaned up"));
    };
    const auto consumer = [&log, endless]() -> Task<void> {
        const auto read = [&log, endless] {
            try {
                for ([[maybe_unused]] const int number : sync_iter(endless(log))) {
                }
            } catch (const Cancelled&) {
                log.push_back("cancelled");
                throw;
            }
        };
        co_await to_thread(read);
    };
    const auto main = [&]() -> Task<bool> {
        auto handle = create_task(consumer());
        co_await sleep(20ms);
        handle.cancel();
        co_await handle.join_only();
        log.push_back("joined");
        co_return handle.cancelled();
    };
    EXPECT_TRUE(run(main()));
    EXPECT_EQ(log, (Log{"cleaned up", "cancelled", "joined"}));
}

TEST(SemBt7, errors_are_thrown_into_generators_on_the_other_side) {
    const auto answers = []() -> AsyncGenerator<std::string> {
        std::string answer = "first";
        for (;;) {
            try {
                co_yield std::string(answer);
                answer = "asked";
            } catch (const std::out_of_range& error) {
                answer = error.what();
            }
        }
    };
    auto all = sync_iter(answers());
    EXPECT_EQ(all.next(), "first");
    EXPECT_EQ(all.throw_in(std::out_of_range("caught")), "caught");
    EXPECT_EQ(all.next(), "asked");
    EXPECT_THROW(all.throw_in(std::domain_error("not mine")), std::domain_error);
    EXPECT_EQ(all.next(), std::nullopt);

    const auto reverse = []() -> Task<Log> {
        Log log;
        auto numbers = to_async(blocking_numbers(10, &log));
        auto one = co_await numbers.next();
        auto two = co_await numbers.throw_in(std::out_of_range("thrown in"));
        log.push_back(std::to_string(*one) + std::to_string(*two));
        co_await numbers.aclose();
        co_return log;
    };
    EXPECT_EQ(run(reverse()), (Log{"thrown in", "12", "ended in worker"}));
}

TEST(SemBt7, one_hundred_thousand_items_in_order) {
    std::int64_t sum = 0;
    int last = 0;
    bool in_order = true;
    for (const int number : sync_iter(count_to(100'000))) {
        in_order = in_order && number == last + 1;
        last = number;
        sum += number;
    }
    EXPECT_TRUE(in_order);
    EXPECT_EQ(sum, std::int64_t{100'000} * 100'001 / 2);
}

TEST(SemBt7, dropped_before_it_began_and_after_it_ended_it_asks_nothing_of_anybody) {
    Log log;
    {
        auto never_read = sync_iter(with_cleanup(log));
    }
    EXPECT_EQ(log, Log{});
    for ([[maybe_unused]] const int number : sync_iter(with_cleanup(log, 2))) {
    }
    EXPECT_EQ(log, Log{"cleaned up"});
}

TEST(RB15, a_full_run_an_early_break_and_errors_either_way_in_both_directions) {
    Log log;
    const auto read = [&](AsyncGenerator<int> numbers, int until) {
        for (const int number : sync_iter(std::move(numbers))) {
            log.push_back(std::to_string(number));
            if (number == until) break;
        }
        log.push_back("after");
    };
    read(with_cleanup(log, 2), 99);
    read(with_cleanup(log), 1);
    try {
        read(with_finally(that_fails(), note(log, "cleaned up")), 99);
    } catch (const std::domain_error& error) {
        log.push_back(error.what());
    }
    EXPECT_EQ(log, (Log{"1", "2", "cleaned up", "after", "1", "cleaned up", "after", "1", "cleaned up",
                        "no more"}));

    const auto both_ways = [] {  // plain -> async -> plain -> async
        int sum = 0;
        for (const int number : sync_iter(to_async(blocking_numbers(50)))) sum += number;
        return sum;
    };
    EXPECT_EQ(both_ways(), 50 * 51 / 2);
}
