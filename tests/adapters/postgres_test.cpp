// libpq on tandem, against a PostgreSQL server of the test's own.
#include <examples/adapters/postgres.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/server_process.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using adapters::Postgres;
using adapters::PostgresError;
using adapters::PostgresRows;

namespace {

/// Null, and the test skipped, where there is none.
std::unique_ptr<tandem::testing::ServerProcess> start_postgres() {
    const auto initdb = tandem::testing::find_program("initdb", {"/usr/lib/postgresql/*/bin"});
    const auto postgres = tandem::testing::find_program("postgres", {"/usr/lib/postgresql/*/bin"});
    if (!initdb || !postgres) {
        const auto skip = [] { GTEST_SKIP() << "postgresql is not installed: tools/install_packages test"; };
        skip();
        return nullptr;
    }
    const std::string script =
        *initdb + " -D {folder}/data -U tandem -A trust --no-sync && exec " + *postgres +
        " -D {folder}/data -k {folder} -c listen_addresses= -c fsync=off -c shared_buffers=1MB";
    return std::make_unique<tandem::testing::ServerProcess>(
        std::vector<std::string>{"/bin/sh", "-c", script},
        [](const std::string& folder) {
            return PQping(("host=" + folder + " user=tandem dbname=postgres").c_str()) == PQPING_OK;
        },
        tandem::testing::ServerOptions().unprivileged().stop_signal(SIGINT));
}
std::string parameters_of(const tandem::testing::ServerProcess& server) {
    return "host=" + server.folder() + " user=tandem dbname=postgres";
}

}  // namespace

ASYNC_TEST_REAL_TIME(SemL45, libpq_answers_coroutines) {
    const auto server = start_postgres();
    if (!server) co_return;
    Postgres postgres = co_await Postgres::connect(parameters_of(*server));
    co_await postgres.query("CREATE TABLE pages (url text, title text)");
    co_await postgres.query("INSERT INTO pages VALUES ($1, $2), ('b', $3)", "a", "it's", std::nullopt);
    const PostgresRows rows = co_await postgres.query("SELECT url, title FROM pages ORDER BY url");
    TANDEM_CO_ASSERT_EQ(rows.size(), 2);
    EXPECT_EQ(rows.at(0, 1), "it's");
    EXPECT_EQ(rows.at(1, 0), "b");
    EXPECT_FALSE(rows.at(1, 1));

    auto wrong = co_await as_result(postgres.query("SELECT * FROM nowhere"));
    TANDEM_CO_ASSERT_TRUE(wrong.has_error());
    try {
        std::rethrow_exception(wrong.exception());
    } catch (const PostgresError& error) {
        EXPECT_EQ(error.state, "42P01") << error.what();
    }

    const std::string large(2'000'000, 'x');  // both ways more than a socket's buffers hold
    const PostgresRows back = co_await postgres.query("SELECT $1::text", large);
    EXPECT_EQ(back.at(0), large);

    std::vector<Task<PostgresRows>> all;
    for (int i = 0; i < 50; ++i) all.push_back(postgres.query("SELECT " + std::to_string(i)));
    const auto many = co_await gather(std::move(all));
    for (int i = 0; i < 50; ++i) EXPECT_EQ(many[static_cast<std::size_t>(i)].at(0), std::to_string(i));
}

ASYNC_TEST_REAL_TIME(SemL45, a_cancelled_query_is_stopped_at_the_server_and_the_connection_goes_on) {
    const auto server = start_postgres();
    if (!server) co_return;
    Postgres postgres = co_await Postgres::connect(parameters_of(*server));
    Postgres other = co_await Postgres::connect(parameters_of(*server));
    int ticks = 0;
    auto ticker = create_task([](int& count) -> Task<void> {
        for (;;) {
            co_await sleep(5ms);
            ++count;
        }
    }(ticks));
    const auto start = this_loop().time();
    auto late = co_await as_result(timeout(100ms, postgres.query("SELECT pg_sleep(60)")));
    EXPECT_LT(this_loop().time() - start, 5s);
    ticker.cancel();
    co_await ticker.join();
    EXPECT_GE(ticks, 5);
    TANDEM_CO_ASSERT_TRUE(late.has_error());
    EXPECT_TRUE(late.error().is<TimeoutError>());

    const PostgresRows one = co_await postgres.query("SELECT 1");
    EXPECT_EQ(one.at(0), "1");
    const PostgresRows running = co_await other.query(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)'");
    EXPECT_EQ(running.at(0), "0");

    auto nowhere = co_await as_result(Postgres::connect("host=/nonexistent user=x"));
    TANDEM_CO_ASSERT_TRUE(nowhere.has_error());
    EXPECT_TRUE(nowhere.error().is<PostgresError>());
}

TEST(SemL45, plain_code_queries_too) {
    const auto server = start_postgres();
    if (!server) return;
    Postgres postgres = Postgres::connect(parameters_of(*server)).get();
    EXPECT_EQ(postgres.query("SELECT 40 + 2").get().at(0), "42");
}
