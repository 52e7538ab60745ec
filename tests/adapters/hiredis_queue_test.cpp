// Bt12: a job queue in Redis, its master and its workers in every form.
#include <examples/adapters/hiredis.hpp>
#include <tandem/testing/server_process.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using adapters::Redis;
using adapters::RedisReply;

namespace {

class SemBt12 : public ::testing::Test {
protected:
    void SetUp() override {
        if (!tandem::testing::find_program("redis-server"))
            GTEST_SKIP() << "redis-server is not installed: tools/install_packages test";
        server_ = std::make_unique<tandem::testing::ServerProcess>(
            std::vector<std::string>{"redis-server", "--port", "0", "--unixsocket", "{folder}/redis.sock",
                                     "--save", ""},
            [](const std::string& folder) {
                return tandem::testing::accepts_connections(folder + "/redis.sock");
            });
        path_ = server_->folder() + "/redis.sock";
    }
    std::string path_;

private:
    std::unique_ptr<tandem::testing::ServerProcess> server_;
};

struct Books {
    int started = 0;
    int cleaned_up = 0;
};

Task<void> clean_up(Books& books) {
    ++books.cleaned_up;
    co_return;
}

Task<void> pop_and_sleep(Redis redis) {
    for (;;) {
        const RedisReply job = co_await redis.command("RPOP", "queue");
        co_await sleep(job.text ? 1ms : 1s);
    }
}

Task<void> consumer(Redis redis, Books& books) {
    ++books.started;
    co_await with_finally(pop_and_sleep(redis), clean_up(books));
}

Task<void> two_consumers(std::string path, Books& books) {
    const Redis redis = co_await Redis::connect(path);
    this_loop().call_later(30ms, [] { std::raise(SIGINT); });
    co_await gather(consumer(redis, books), consumer(redis, books));
}

}  // namespace

TEST_F(SemBt12, worker_threads_pop_each_job_of_the_master_once) {
    std::mutex mutex;
    std::multiset<std::string> done;
    // One connection answers in order, and who blocks in BRPOP holds up the others: so there is one for each.
    const auto work = [&mutex, &done](Redis redis) {
        for (;;) {
            const RedisReply job = redis.command("BRPOP", "queue", "10").get();
            const std::string number = job.elements.at(1).text.value();
            if (number == "end") return;
            const std::lock_guard lock(mutex);
            done.insert(number);
        }
    };
    std::vector<std::thread> workers;
    for (int i = 0; i < 3; ++i) workers.emplace_back(work, Redis::connect(path_).get());
    Redis master = Redis::connect(path_).get();
    for (int number = 0; number < 200; ++number)
        master.command("LPUSH", "queue", std::to_string(number)).get();
    for (int i = 0; i < 3; ++i) master.command("LPUSH", "queue", "end").get();
    for (auto& worker : workers) worker.join();

    ASSERT_EQ(done.size(), 200U);
    for (int number = 0; number < 200; ++number) EXPECT_EQ(done.count(std::to_string(number)), 1U) << number;
}

TEST_F(SemBt12, ctrl_c_cancels_both_consumers_and_waits_for_their_cleanup) {
    Books books;
    EXPECT_THROW(run(two_consumers(path_, books)), Interrupted);
    EXPECT_EQ(books.started, 2);
    EXPECT_EQ(books.cleaned_up, 2);
}

TEST_F(SemBt12, consumers_in_the_background_do_not_delay_exit) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EXIT(
        {
            Redis redis = Redis::connect(path_).get();
            auto first = pop_and_sleep(redis).start();
            auto second = pop_and_sleep(redis).start();
            redis.command("PING").get();
            std::exit(0);
        },
        ::testing::ExitedWithCode(0), "");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 1500ms);
}
