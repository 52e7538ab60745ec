// Rows G6 to G11: several services are asked and the first answer, or what comes in time, is enough. Here the
// services take their time and no network, so that every backend is exact; tests/end_to_end asks real ones.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/backends.hpp>
#include <tandem/testing/recorded_loop.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

struct Service {
    const char* name;
    Duration delay;
    bool broken;
};
constexpr Service ipify{"ipify", 100ms, false};
constexpr Service ip_api{"ip-api", 5s, false};
constexpr Service broken{"broken", 200ms, true};

Task<std::string> ask(Service service) {
    co_await sleep(service.delay);
    if (service.broken) throw std::out_of_range("no attribute this-is-not-an-attr");
    co_return "10.0.0.1";
}

Task<std::string> fetch_ip(Service service, Lines& lines) {
    lines.push_back(std::string("Fetching IP from ") + service.name);
    try {
        const auto ip = co_await ask(service);
        co_return service.name + (" finished with result: " + ip);
    } catch (const Cancelled&) {
        lines.push_back(service.name + std::string(" cancelled"));
        throw;
    }
}

std::vector<TaskHandle<std::string>> start_all(std::vector<Service> services, Lines& lines) {
    std::vector<TaskHandle<std::string>> fetches;
    for (const auto& service : services)
        fetches.push_back(create_task(fetch_ip(service, lines), {.name = service.name}));
    return fetches;
}

Task<void> first_answer(Lines& lines) {
    const auto fetches = start_all({ipify, ip_api}, lines);
    const auto waited = co_await wait(fetches, {.return_when = FIRST_COMPLETED});
    for (const auto& done : waited.done) lines.push_back(done.result());
}

/// What became of each, by name: the answer, or the error.
Task<Lines> outcomes(Lines& lines) {
    const auto fetches = start_all({ipify, broken, ip_api}, lines);
    const auto waited = co_await wait(fetches);
    Lines results;
    for (const auto& done : waited.done) {
        try {
            results.push_back(done.result());
        } catch (const std::out_of_range& error) {
            results.push_back(done.name() + ": " + error.what());
            results.push_back(done.stack());
        }
    }
    co_return results;
}

Task<void> ignoring_results(Lines& lines, bool looks) {
    const auto fetches = start_all({ipify, broken}, lines);
    const auto waited = co_await wait(fetches);
    if (looks) {
        for (const auto& done : waited.done) static_cast<void>(done.exception());
    }
}

Task<std::string> ip_within(Duration limit, Lines& lines) {
    std::string ip = "not available";
    const auto fetches = start_all({ipify, ip_api}, lines);
    const auto waited = co_await wait(fetches, {.timeout = limit, .return_when = FIRST_COMPLETED});
    for (const auto& pending : waited.pending) pending.cancel();
    for (const auto& done : waited.done) ip = done.result();
    co_return ip;
}

}  // namespace

TEST(G6, the_loop_closed_by_hand_cancels_and_joins_the_slow_fetch_and_warns_once_by_name) {
    for (const auto backend : tandem::testing::backends()) {
        SCOPED_TRACE(tandem::testing::name_of(backend));
        Lines lines;
        tandem::testing::RecordedLoop recorded(backend);
        const auto start = recorded.time.now();
        recorded.loop.run_until_complete(first_answer(lines));
        const auto took = recorded.time.now() - start;
        lines.push_back("closing");
        recorded.loop.close();

        EXPECT_EQ(lines, (Lines{"Fetching IP from ipify", "Fetching IP from ip-api",
                                "ipify finished with result: 10.0.0.1", "closing", "ip-api cancelled"}));
        EXPECT_EQ(took, 100ms);
        ASSERT_EQ(recorded.records.size(), 1U);
        EXPECT_EQ(recorded.records[0].task, "ip-api");
        EXPECT_EQ(recorded.records[0].severity, Severity::warning);
        EXPECT_NE(recorded.records[0].message.find("still pending"), std::string::npos);
    }
}

TEST(G7, run_cancels_and_joins_the_slow_fetch_and_logs_nothing) {
    for (const auto backend : tandem::testing::backends()) {
        SCOPED_TRACE(tandem::testing::name_of(backend));
        Lines lines;
        std::vector<std::string> logged;
        VirtualTime time;
        const auto watched = [&]() -> Task<void> {
            this_loop().set_exception_handler(
                [&](EventLoop&, const ErrorContext& context) { logged.push_back(context.message); });
            co_await first_answer(lines);
        };
        run(watched(), {.backend = backend, .time = &time});

        EXPECT_EQ(lines, (Lines{"Fetching IP from ipify", "Fetching IP from ip-api",
                                "ipify finished with result: 10.0.0.1", "ip-api cancelled"}));
        EXPECT_EQ(logged, Lines{});
    }
}

ASYNC_TEST(G9, a_result_that_is_an_error_keeps_type_message_and_chain_and_the_others_are_there) {
    Lines lines;
    const Lines results = co_await outcomes(lines);

    TANDEM_CO_ASSERT_EQ(results.size(), 4U);
    EXPECT_EQ(results[0], "ipify finished with result: 10.0.0.1");
    EXPECT_EQ(results[1], "broken: no attribute this-is-not-an-attr");
    EXPECT_EQ(results[3], "ip-api finished with result: 10.0.0.1");
    const auto thrown_by = results[2].find("thrown through", 0);
    const auto ask_at = results[2].find("ask", thrown_by);
    EXPECT_NE(ask_at, std::string::npos) << results[2];
    EXPECT_NE(results[2].find("fetch_ip", ask_at), std::string::npos) << results[2];
}

TEST(G10, a_failure_nobody_looked_at_is_logged_once_and_one_that_was_looked_at_never) {
    for (const auto backend : tandem::testing::backends()) {
        SCOPED_TRACE(tandem::testing::name_of(backend));
        Lines lines;
        tandem::testing::RecordedLoop ignored(backend);
        ignored.loop.run_until_complete(ignoring_results(lines, false));
        ignored.loop.close();
        tandem::testing::RecordedLoop looked_at(backend);
        looked_at.loop.run_until_complete(ignoring_results(lines, true));
        looked_at.loop.close();

        EXPECT_EQ(looked_at.records.size(), 0U);
        ASSERT_EQ(ignored.records.size(), 1U);
        const auto& record = ignored.records[0];
        EXPECT_NE(record.message.find("exception of a task was never retrieved"), std::string::npos);
        EXPECT_EQ(record.task, "broken");
        EXPECT_NE(std::string(record.source.file_name()).find("first_answer_rows_test.cpp"),
                  std::string::npos);
        EXPECT_NE(record.source.line(), 0U);
        EXPECT_THROW(std::rethrow_exception(record.exception), std::out_of_range);
    }
}

ASYNC_TEST(G11, what_has_not_come_in_time_is_pending_and_joined_when_cancelled) {
    Lines lines;
    const auto start = this_loop().time();
    const auto early = co_await ip_within(10ms, lines);
    const auto waited = this_loop().time() - start;
    const auto live = all_tasks(this_loop()).size();
    co_await sleep(0s);
    const auto cancelled = lines;
    const auto late = co_await ip_within(2s, lines);
    co_await sleep(0s);

    EXPECT_EQ(early, "not available");
    EXPECT_EQ(waited, 10ms);
    EXPECT_EQ(live, 3U);
    EXPECT_EQ(cancelled, (Lines{"Fetching IP from ipify", "Fetching IP from ip-api", "ipify cancelled",
                                "ip-api cancelled"}));
    EXPECT_EQ(late, "ipify finished with result: 10.0.0.1");
    EXPECT_EQ(this_loop().time() - start, 110ms);
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
}
