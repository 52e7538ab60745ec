// hiredis on tandem, against a Redis server of the test's own.
#include <examples/adapters/hiredis.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/server_process.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using adapters::Redis;
using adapters::RedisError;
using adapters::RedisReply;

namespace {

/// Null, and the test skipped, where there is none.
std::unique_ptr<tandem::testing::ServerProcess> start_redis() {
    if (!tandem::testing::find_program("redis-server")) {
        const auto skip = [] {
            GTEST_SKIP() << "redis-server is not installed: tools/install_packages test";
        };
        skip();
        return nullptr;
    }
    return std::make_unique<tandem::testing::ServerProcess>(
        std::vector<std::string>{"redis-server", "--port", "0", "--unixsocket", "{folder}/redis.sock",
                                 "--save", ""},
        [](const std::string& folder) {
            return tandem::testing::accepts_connections(folder + "/redis.sock");
        });
}
std::string path_of(const tandem::testing::ServerProcess& server) { return server.folder() + "/redis.sock"; }

Task<RedisReply> command_of(Redis redis, std::string word) { co_return co_await redis.command(word); }

// A program of hiredis' own kind: each callback asks for more.
struct Counting {
    redisAsyncContext* context;
    int rounds = 0;
    std::optional<Completer<int>> done;
};
void count_on(redisAsyncContext* context, void* answer, void* self) {
    auto& counting = *static_cast<Counting*>(self);
    if (!answer || ++counting.rounds == 100) {
        (*counting.done)(static_cast<int>(static_cast<redisReply*>(answer)->integer));
        redisAsyncDisconnect(context);
    } else {
        redisAsyncCommand(context, count_on, self, "INCR rounds");
    }
}

}  // namespace

ASYNC_TEST_REAL_TIME(SemL45, hiredis_answers_coroutines) {
    const auto server = start_redis();
    if (!server) co_return;
    Redis redis = co_await Redis::connect(path_of(*server));
    const RedisReply set = co_await redis.command("SET", "greeting", "hello \r\n world");
    const RedisReply get = co_await redis.command("GET", "greeting");
    const RedisReply none = co_await redis.command("GET", "nothing");
    co_await redis.command("RPUSH", "list", "a", "b", "c");
    const RedisReply list = co_await redis.command("LRANGE", "list", "0", "-1");
    EXPECT_EQ(set.text, "OK");
    EXPECT_EQ(get.text, "hello \r\n world");
    EXPECT_FALSE(none.text);
    TANDEM_CO_ASSERT_EQ(list.elements.size(), 3U);
    EXPECT_EQ(list.elements[2].text, "c");
    auto refused = co_await as_result(redis.command("NO-SUCH-COMMAND"));
    TANDEM_CO_ASSERT_TRUE(refused.has_error());
    EXPECT_TRUE(refused.error().is<RedisError>());
}

ASYNC_TEST_REAL_TIME(SemL45, hiredis_serves_many_tasks_on_one_connection) {
    const auto server = start_redis();
    if (!server) co_return;
    Redis redis = co_await Redis::connect(path_of(*server));
    std::vector<Task<RedisReply>> all;
    for (int i = 0; i < 500; ++i) all.push_back(redis.command("INCR", "counter"));
    const auto replies = co_await gather(std::move(all));
    for (int i = 0; i < 500; ++i) EXPECT_EQ(replies[static_cast<std::size_t>(i)].integer, i + 1);
}

ASYNC_TEST_REAL_TIME(SemL45, callbacks_of_hiredis_re_enter_it) {
    const auto server = start_redis();
    if (!server) co_return;
    redisAsyncContext* context = redisAsyncConnectUnix(path_of(*server).c_str());
    adapters::attach(*context, this_loop());
    auto made = make_completion<int>();
    Counting counting{context, 0, std::move(made.second)};
    redisAsyncCommand(context, count_on, &counting, "INCR rounds");
    const int last = co_await made.first;
    EXPECT_EQ(last, 100);
    co_await sleep(10ms);  // the disconnect
}

ASYNC_TEST_REAL_TIME(SemL45, a_lost_server_is_told_to_every_waiting_command) {
    const auto server = start_redis();
    if (!server) co_return;
    Redis redis = co_await Redis::connect(path_of(*server));
    auto waiting = create_task(redis.command("BLPOP", "empty", "0"));
    auto behind = create_task(command_of(redis, "PING"));
    co_await sleep(10ms);
    ::kill(server->pid(), SIGKILL);
    auto first = co_await as_result(waiting.join());
    const auto second = co_await behind.join();
    TANDEM_CO_ASSERT_TRUE(first.has_value() && first.value().has_error());
    EXPECT_TRUE(first.value().error().is<RedisError>());
    EXPECT_TRUE(second.has_error());
    auto later = co_await as_result(command_of(redis, "PING"));
    EXPECT_TRUE(later.has_error());
}

ASYNC_TEST_REAL_TIME(SemL45, a_cancelled_pop_delivers_what_it_popped) {
    const auto server = start_redis();
    if (!server) co_return;
    Redis redis = co_await Redis::connect(path_of(*server));
    Redis other = co_await Redis::connect(path_of(*server));
    std::string popped;
    const auto pops = [](Redis from, std::string& into) -> Task<void> {
        const RedisReply reply = co_await from.command("BLPOP", "jobs", "0");
        into = reply.elements.at(1).text.value();
        co_await checkpoint();
        into = "went on";
    };
    auto popping = create_task(pops(redis, popped));
    co_await sleep(10ms);
    popping.cancel();
    co_await other.command("LPUSH", "jobs", "the job");
    const auto end = co_await popping.join();
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(popped, "the job");
}

TEST(SemL45, nobody_listens_is_an_error_of_the_connect) {
    EXPECT_THROW(static_cast<void>(run(Redis::connect("/nonexistent/redis.sock"))), RedisError);
    EXPECT_THROW(static_cast<void>(run(Redis::connect("127.0.0.1", 1))), RedisError);
}

TEST(SemL45, plain_code_uses_the_same_connection) {
    const auto server = start_redis();
    if (!server) return;
    Redis redis = Redis::connect(path_of(*server)).get();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([redis]() mutable {
            for (int round = 0; round < 50; ++round) redis.command("INCR", "n").get();
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(redis.command("GET", "n").get().text, "200");
}
