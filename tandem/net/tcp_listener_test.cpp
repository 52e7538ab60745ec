#include <tandem/net/tcp_listener.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/io/read.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

ASYNC_TEST_NETWORK(SemIO25, a_listener_without_a_host_serves_both_families) {
    auto listener = co_await listen({});
    auto v4 = co_await connect("127.0.0.1", listener.port());
    auto from_v4 = co_await listener.accept();
    auto v6 = co_await connect("::1", listener.port());
    auto from_v6 = co_await listener.accept();

    EXPECT_EQ(from_v4.peer().host(), "127.0.0.1");
    EXPECT_EQ(from_v6.peer().host(), "::1");
}

ASYNC_TEST_NETWORK(TcpListener, a_port_in_use_is_refused_and_the_message_names_it) {
    auto listener = co_await listen({.host = "127.0.0.1"});

    const auto second = co_await as_result(listen({.host = "127.0.0.1", .port = listener.port()}));

    TANDEM_CO_ASSERT_TRUE(second.has_error());
    EXPECT_EQ(second.error().code(), std::errc::address_in_use);
    EXPECT_NE(second.error().what().find(listener.local_address()), std::string::npos)
        << second.error().what();
}

ASYNC_TEST_NETWORK(SemC63, a_cancelled_accept_loses_no_connection) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    CancelScope scope(5ms);
    const auto none = co_await scope.run(listener.accept());
    auto client = co_await connect("127.0.0.1", listener.port());
    auto server = co_await listener.accept();

    EXPECT_FALSE(none.has_value());
    EXPECT_EQ(server.peer(), client.local());
}

ASYNC_TEST_NETWORK(SemIO6, closing_a_listener_ends_an_accept_in_progress_with_an_error) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto accepting = create_task(listener.accept());
    co_await sleep(5ms);
    listener.close();

    const auto end = co_await accepting.join();
    const auto after = co_await as_result(listener.accept());

    TANDEM_CO_ASSERT_TRUE(end.has_error() && after.has_error());
    EXPECT_EQ(end.error().code(), std::errc::operation_canceled);
    EXPECT_TRUE(after.error().is<InvalidStateError>());
}

ASYNC_TEST_REAL_TIME(SemIO25, a_stale_socket_file_is_replaced_and_the_own_one_removed) {
    const auto path = "/tmp/tandem-listener-" + std::to_string(::getpid()) + ".sock";
    auto first = co_await listen({.path = path});
    const auto taken = co_await as_result(listen({.path = path}));
    // As a crash would leave it: the file without its listener.
    const int number = first.native_handle();
    const auto copy = "/tmp/tandem-listener-" + std::to_string(::getpid()) + ".stale";
    EXPECT_EQ(::link(path.c_str(), copy.c_str()), 0);
    first.close();
    EXPECT_EQ(::rename(copy.c_str(), path.c_str()), 0);

    auto second = co_await listen({.path = path});
    auto client = co_await connect(SocketAddress::local(path));
    auto server = co_await second.accept();
    co_await client.write_all("hi");
    const auto text = co_await io::read_exactly(server, 2);
    second.close();
    struct stat info;
    const bool left = ::stat(path.c_str(), &info) == 0;

    EXPECT_GE(number, 0);
    EXPECT_TRUE(taken.has_error());
    EXPECT_EQ(text, "hi");
    EXPECT_FALSE(left);
}

/// Lowers the limit of descriptors for the time of its life.
class FewDescriptors {
public:
    explicit FewDescriptors(rlim_t limit) {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit now = before_;
        now.rlim_cur = limit;
        ::setrlimit(RLIMIT_NOFILE, &now);
    }
    ~FewDescriptors() { restore(); }
    void restore() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

// UBSan needs descriptors of its own to look at a vptr: it would report every object as broken here.
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
#define TANDEM_TEST_UNDER_UBSAN
#endif
#endif
#ifndef TANDEM_TEST_UNDER_UBSAN
ASYNC_TEST_REAL_TIME(SemIO27, without_descriptors_accept_reports_once_and_serves_when_there_are_some_again) {
    auto& loop = this_loop();
    std::vector<std::exception_ptr>
        reports;  // described later: UBSan needs descriptors to look at exceptions
    loop.set_exception_handler(
        [&reports](EventLoop&, const ErrorContext& context) { reports.push_back(context.exception); });
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto client = co_await connect("127.0.0.1", listener.port());
    FewDescriptors few(static_cast<rlim_t>(client.native_handle()));
    auto accepting = create_task(listener.accept());
    co_await sleep(350ms);
    const bool waited = !accepting.done();
    few.restore();
    const auto start = loop.time();
    TcpStream server = co_await std::move(accepting);
    const auto delay = loop.time() - start;
    loop.set_exception_handler(nullptr);

    EXPECT_TRUE(waited);
    EXPECT_EQ(server.peer(), client.local());
    EXPECT_LT(delay, 250ms);
    TANDEM_CO_ASSERT_EQ(reports.size(), 1U);
    EXPECT_NE(describe(reports[0]).find("Too many open files"), std::string::npos) << describe(reports[0]);
}
#endif

}  // namespace
}  // namespace tandem::net
