// Blocking calls of the C library in fibers that asked for hooks, and everywhere else.
#include <hooks/blocking_client.h>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/demo_site.hpp>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;
constexpr FiberOptions hooked{.hook_blocking_calls = true};

long fetch(std::string port, std::string path) {
    std::array<char, 4096> body{};
    return ::blocking_get("127.0.0.1", port.c_str(), path.c_str(), body.data(), body.size());
}

Task<void> tick(int& count) {
    for (;;) {
        co_await sleep(1ms);
        ++count;
    }
}

template <class F>
Duration time_of(F fn) {
    const auto start = Clock::now();
    fn();
    return Clock::now() - start;
}

struct Pair {
    Pair() {
        if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) throw std::runtime_error("socketpair");
    }
    ~Pair() {
        for (const int end : ends) ::close(end);
    }
    std::array<int, 2> ends{};
};

Task<void> many(int count, FiberOptions options, std::string port, std::vector<long>& lengths) {
    std::vector<Task<long>> clients;
    for (int i = 0; i < count; ++i)
        clients.push_back(in_fiber(options, fetch, port, std::string("/delay/0.1")));
    lengths = co_await gather(std::move(clients));
}

}  // namespace

TEST(SemFt8, twenty_blocking_clients_of_a_tenth_of_a_second_end_together) {
    const tandem::testing::DemoServer site;
    const auto port = std::to_string(site.port());
    std::vector<long> lengths;

    const auto before = fetch(port, "/delay/0");  // late activation: the calls were used already
    const auto took = time_of([&] { run(many(20, hooked, port, lengths)); });

    EXPECT_GT(before, 0);
    EXPECT_EQ(lengths.size(), 20U);
    for (const long length : lengths) EXPECT_GT(length, 0);
    EXPECT_LT(took, 1s);  // and not 2
}

TEST(SemFt8, the_same_calls_block_outside_such_fibers) {
    const tandem::testing::DemoServer site;
    const auto port = std::to_string(site.port());
    int ticks = 0;
    auto body = [&]() -> Task<void> {
        auto ticker = create_task(tick(ticks));
        co_await sleep(0s);
        co_await in_fiber(hooked, ::nap_by_usleep, 1);  // the hooks are on, elsewhere
        const int before = ticks;
        co_await in_fiber(fetch, port, std::string("/delay/0.1"));
        ticks -= before;
        ticker.cancel();
        co_await ticker.join_only();
    };

    run(body());
    const auto here = time_of([&] { EXPECT_GT(fetch(port, "/delay/0.1"), 0); });
    const auto there = time_of([&] { std::thread([&] { EXPECT_EQ(::nap_by_poll(50), 0); }).join(); });

    EXPECT_LE(ticks, 1);
    EXPECT_GE(here, 100ms);
    EXPECT_GE(there, 50ms);
}

TEST(J10, twenty_blocking_calls_take_as_long_as_one_by_hooks_and_by_threads) {
    const tandem::testing::DemoServer site;
    const auto port = std::to_string(site.port());
    std::vector<long> lengths;
    auto by_thread = [&]() -> Task<void> {
        std::vector<Task<long>> clients;
        for (int i = 0; i < 20; ++i) clients.push_back(to_thread(fetch, port, std::string("/delay/0.1")));
        lengths = co_await gather(std::move(clients));
    };

    const auto hooks = time_of([&] { run(many(20, hooked, port, lengths)); });
    const auto by_hooks = std::exchange(lengths, {});
    const auto threads = time_of([&] { run(by_thread()); });

    EXPECT_LT(hooks, 1s);
    EXPECT_LT(threads, 1s);
    EXPECT_EQ(by_hooks, lengths);
    EXPECT_EQ(lengths.size(), 20U);
}

TEST(J4, nine_fetches_of_a_blocking_client_are_simultaneous_and_its_code_unchanged) {
    const tandem::testing::DemoServer site;
    const auto port = std::to_string(site.port());
    std::vector<long> lengths;

    const auto sync = time_of([&] {
        for (int i = 0; i < 9; ++i) EXPECT_GT(fetch(port, "/delay/0.1"), 0);
    });
    const auto one_at_a_time = site.counts().most_simultaneous;
    const auto async = time_of([&] { run(many(9, hooked, port, lengths)); });

    EXPECT_GE(sync, 900ms);
    EXPECT_LT(async, 600ms);
    EXPECT_EQ(one_at_a_time, 1U);
    EXPECT_EQ(site.counts().most_simultaneous, 9U);
}

// A crawler as it was always written: it blocks, keeps what it found in maps, and knows of no loop.
TEST(SemFt1, a_blocking_crawler_runs_unchanged_on_a_thread_and_on_a_fiber) {
    const tandem::testing::DemoServer site(tandem::testing::DemoOptions().pages(40).delay_scale(0.1));
    const auto port = std::to_string(site.port());
    auto crawl = [port] {
        std::map<std::string, std::size_t> sizes;
        std::deque<std::string> wanted = {"/page/1"};
        std::vector<char> body(65536);
        while (!wanted.empty() && sizes.size() < 25) {
            const std::string path = wanted.front();
            wanted.pop_front();
            if (sizes.count(path)) continue;
            const long length =
                ::blocking_get("127.0.0.1", port.c_str(), path.c_str(), body.data(), body.size());
            sizes[path] = length > 0 ? static_cast<std::size_t>(length) : 0;
            const std::string_view text(body.data(), sizes[path]);
            for (auto at = text.find("href=\"/page/"); at != text.npos;
                 at = text.find("href=\"/page/", at + 1)) {
                const auto end = text.find('"', at + 6);
                wanted.emplace_back(text.substr(at + 6, end - at - 6));
            }
        }
        return sizes;
    };
    std::map<std::string, std::size_t> on_thread;

    std::thread([&] { on_thread = crawl(); }).join();
    const auto on_fiber = run(in_fiber(hooked, crawl));

    EXPECT_EQ(on_fiber, on_thread);
    EXPECT_EQ(on_fiber.size(), 25U);
}

ASYNC_TEST(J2, a_select_of_two_seconds_in_two_fibers_and_a_sleep_of_one_in_a_third) {
    std::vector<std::pair<std::string, Duration>> events;
    const auto start = this_loop().time();
    auto note = [&](std::string text) { events.emplace_back(text, this_loop().time() - start); };
    auto gr = [&](std::string name) {
        note(name + " starts");
        EXPECT_EQ(::nap_by_select(2000), 0);
        note(name + " ends");
    };
    auto gr3 = [&] {
        note("gr3 starts");
        sleep(1s).get();
        note("gr3 ends");
    };

    co_await gather(in_fiber(hooked, gr, std::string("gr1")), in_fiber(hooked, gr, std::string("gr2")),
                    in_fiber(gr3));

    const std::vector<std::pair<std::string, Duration>> expected = {{"gr1 starts", 0s}, {"gr2 starts", 0s},
                                                                    {"gr3 starts", 0s}, {"gr3 ends", 1s},
                                                                    {"gr1 ends", 2s},   {"gr2 ends", 2s}};
    EXPECT_EQ(events, expected);
}

ASYNC_TEST(RB7, every_kind_of_nap_lets_the_loop_go_on) {
    const auto start = this_loop().time();
    auto naps = [] {
        return ::nap_by_usleep(10) + ::nap_by_nanosleep(10) + ::nap_by_poll(10) + ::nap_by_select(10) +
               static_cast<int>(::sleep(1));
    };
    auto std_nap = [] { std::this_thread::sleep_for(10ms); };

    const auto results = co_await gather(in_fiber(hooked, naps), in_fiber(hooked, naps));
    const auto took = this_loop().time() - start;
    co_await in_fiber(hooked, std_nap);

    EXPECT_EQ(std::get<0>(results), 0);
    EXPECT_EQ(std::get<1>(results), 0);
    EXPECT_EQ(took, 1040ms);
    EXPECT_EQ(this_loop().time() - start, took + 10ms);
}

ASYNC_TEST_REAL_TIME(RB7, two_fibers_talk_over_a_pipe_and_a_socket_by_read_and_write) {
    std::array<int, 2> pipe{};
    TANDEM_CO_ASSERT_EQ(::pipe(pipe.data()), 0);
    const Pair sockets;
    const std::string text(300000, 'p');  // more than either holds
    auto writer = [&](int fd) {
        const auto count = ::write(fd, text.data(), text.size());
        if (fd == pipe[1]) ::close(fd);
        return static_cast<long>(count);
    };
    auto reader = [&](int fd) {
        std::string got;
        std::array<char, 8192> buffer{};
        while (got.size() < text.size()) {
            const auto count = ::read(fd, buffer.data(), buffer.size());
            if (count <= 0) break;
            got.append(buffer.data(), static_cast<std::size_t>(count));
        }
        return static_cast<long>(got == text ? got.size() : 0);
    };

    const auto counts =
        co_await gather(in_fiber(hooked, reader, pipe[0]), in_fiber(hooked, writer, pipe[1]),
                        in_fiber(hooked, reader, sockets.ends[0]), in_fiber(hooked, writer, sockets.ends[1]));
    ::close(pipe[0]);

    const auto all = static_cast<long>(text.size());
    EXPECT_EQ(counts, std::make_tuple(all, all, all, all));
}

ASYNC_TEST_REAL_TIME(SemF18, poll_tells_which_of_its_descriptors_is_ready) {
    const Pair first;
    const Pair second;
    auto look = [&] {
        std::array<pollfd, 3> list = {pollfd{first.ends[0], POLLIN, 0}, pollfd{second.ends[0], POLLIN, 0},
                                      pollfd{second.ends[0], POLLIN, 0}};
        const int none = ::poll(list.data(), list.size(), 20);
        const int some = ::poll(list.data(), list.size(), -1);
        return std::vector<int>{none, some, list[0].revents, list[1].revents, list[2].revents};
    };
    auto choose = [&] {
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(first.ends[0], &readable);
        FD_SET(second.ends[0], &readable);
        timeval limit{5, 0};
        const int count =
            ::select(std::max(first.ends[0], second.ends[0]) + 1, &readable, nullptr, nullptr, &limit);
        return count == 1 && FD_ISSET(second.ends[0], &readable) && !FD_ISSET(first.ends[0], &readable) &&
               limit.tv_sec == 4;
    };
    auto speaks = [&]() -> Task<void> {
        co_await sleep(60ms);
        EXPECT_EQ(::send(second.ends[1], "x", 1, 0), 1);
    };

    const auto results = co_await gather(in_fiber(hooked, look), in_fiber(hooked, choose), speaks());

    EXPECT_EQ(std::get<0>(results), std::vector<int>({0, 2, 0, POLLIN, POLLIN}));
    EXPECT_TRUE(std::get<1>(results));
}

ASYNC_TEST_REAL_TIME(SemF18, errno_and_timeouts_are_those_of_the_calls) {
    const Pair sockets;
    const timeval limit{0, 30000};
    ::setsockopt(sockets.ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    auto receive = [&](int flags) {
        char byte = 0;
        errno = 0;
        const auto start = Clock::now();
        const auto count = ::recv(sockets.ends[0], &byte, 1, flags);
        const int error = errno;
        return count < 0 && error == EAGAIN ? Clock::now() - start : Duration(-1);
    };
    auto refused = [] {
        std::array<char, 64> body{};
        const long length = ::blocking_get("127.0.0.1", "1", "/", body.data(), body.size());
        return length < 0 ? errno : 0;
    };
    auto closed = [] {
        char byte = 0;
        return ::read(-1, &byte, 1) < 0 ? errno : 0;
    };

    const Duration in_time = co_await in_fiber(hooked, receive, 0);
    const Duration at_once = co_await in_fiber(hooked, receive, int{MSG_DONTWAIT});
    const int connecting = co_await in_fiber(hooked, refused);
    const int bad = co_await in_fiber(hooked, closed);

    EXPECT_GE(in_time, 30ms);
    EXPECT_GE(at_once, 0ms);
    EXPECT_LT(at_once, 20ms);
    EXPECT_EQ(connecting, ECONNREFUSED);
    EXPECT_EQ(bad, EBADF);
}

ASYNC_TEST_REAL_TIME(SemF18, accept_waits_for_a_client_and_recv_for_all_it_was_told_to) {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    TANDEM_CO_ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
    TANDEM_CO_ASSERT_EQ(::listen(listener, 1), 0);
    TANDEM_CO_ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
    auto serve = [&] {
        const int fd = ::accept(listener, nullptr, nullptr);
        std::array<char, 10> got{};
        const auto count = ::recv(fd, got.data(), got.size(), MSG_WAITALL);
        ::close(fd);
        return std::string(got.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    };
    auto call = [&] {
        ::usleep(10000);
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), size);
        ::send(fd, "hello", 5, 0);
        ::usleep(10000);
        ::send(fd, "world", 5, 0);
        ::close(fd);
        return result;
    };

    const auto results = co_await gather(in_fiber(hooked, serve), in_fiber(hooked, call));
    ::close(listener);

    EXPECT_EQ(std::get<0>(results), "helloworld");
    EXPECT_EQ(std::get<1>(results), 0);
}

ASYNC_TEST(SemF18, a_cancelled_fibers_calls_fail_with_ecanceled) {
    std::vector<int> errors;
    auto body = [&] {
        for (int i = 0; i < 2; ++i) errors.push_back(::nap_by_poll(3600000) < 0 ? errno : 0);
        sleep(1h).get();
        errors.push_back(-1);
    };
    auto handle = create_task(in_fiber(hooked, body));
    co_await sleep(1ms);
    handle.cancel();
    co_await handle.join_only();

    EXPECT_TRUE(handle.cancelled());
    EXPECT_EQ(errors, std::vector<int>({ECANCELED, ECANCELED}));
}
