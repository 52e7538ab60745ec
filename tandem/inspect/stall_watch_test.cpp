#include <tandem/inspect/stall_watch.hpp>

#include <tandem/bridge/run.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using inspect::StallCause;
using inspect::StallRecord;
using inspect::StallWatch;

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool signals_wait = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool signals_wait = true;  // until the thread calls something: its stack is not to be had before
#else
constexpr bool signals_wait = false;
#endif
#else
constexpr bool signals_wait = false;
#endif

/// What a watch has told. Its first record may set free who waits for it.
class Told {
public:
    explicit Told(std::function<void()> on_first = {}) : on_first_(std::move(on_first)) {}
    void operator()(const StallRecord& stall) {
        bool first = false;
        {
            const std::lock_guard lock(mutex_);
            first = records_.empty();
            records_.push_back(stall);
        }
        if (first && on_first_) on_first_();
    }
    std::vector<StallRecord> records() const {
        const std::lock_guard lock(mutex_);
        return records_;
    }

private:
    std::function<void()> on_first_;
    mutable std::mutex mutex_;
    std::vector<StallRecord> records_;
};

struct Pipe {
    Pipe() { EXPECT_EQ(::pipe(ends), 0); }
    ~Pipe() {
        ::close(ends[0]);
        ::close(ends[1]);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    void feed() const { EXPECT_EQ(::write(ends[1], "x", 1), 1); }
    int ends[2] = {-1, -1};
};

/// A blocking call: its result, its errno, and what had been told of it when it returned.
struct Blocked {
    long result = 0;
    int error = 0;
    std::vector<StallRecord> told;
};

Task<Blocked> block_in_step(std::function<long()> call, const Told& told) {
    co_await sleep(1ms);
    errno = 0;
    Blocked blocked;
    blocked.result = call();
    blocked.error = errno;
    blocked.told = told.records();
    co_return blocked;
}

Task<Blocked> caller_of_the_step(std::function<long()> call, const Told& told) {
    co_await sleep(1ms);
    co_return co_await block_in_step(std::move(call), told);
}

Task<Blocked> named_task(std::function<long()> call, const Told& told) {
    const auto body = [&](TaskGroup& group) -> Task<Blocked> {
        auto task = group.create_task(caller_of_the_step(std::move(call), told), {.name = "blocker"});
        co_return co_await task;
    };
    co_return co_await with_task_group(body);
}

Blocked block(std::function<long()> call, Told& told) {
    StallWatch watch({}, std::ref(told));
    return run(named_task(std::move(call), told));
}

void expect_one_record(const Blocked& blocked, const char* function) {
    int news = 0;
    for (const auto& stall : blocked.told) news += stall.again ? 0 : 1;
    ASSERT_EQ(news, 1);
    const auto& stall = blocked.told.front();
    EXPECT_GE(stall.lasted, 100ms);
    if (signals_wait && (stall.cause == StallCause::on_cpu || stall.cause == StallCause::descheduled)) return;
    // A sanitizer's own function in between leaves the frame pointer unknown: callers may be guessed.
    const bool hidden = stall.stack.size() > 1 && stall.stack[1].starts_with("___interceptor_");
    if (!hidden) {
        EXPECT_NE(stall.function.find(function), std::string::npos) << stall.text();
    }
    EXPECT_EQ(stall.task_name, "blocker");
    ASSERT_EQ(stall.await_path.size(), 2U) << stall.text();
    EXPECT_NE(std::string(stall.await_path[0].function.function_name()).find("caller_of_the_step"),
              std::string::npos);
    EXPECT_NE(std::string(stall.await_path[1].function.function_name()).find("block_in_step"),
              std::string::npos);
    EXPECT_NE(stall.text().find("tandem D2 stall: loop "), std::string::npos);
}

// Not the last thing that they do, or they would be left before it.
[[gnu::noinline]] long takes_a_nap() {
    const timespec length{.tv_sec = 0, .tv_nsec = 700'000'000};
    const long result = ::nanosleep(&length, nullptr);
    asm volatile("" ::: "memory");
    return result;
}

[[gnu::noinline]] long reads_a_byte(int fd) {
    char byte = 0;
    const long result = ::read(fd, &byte, 1);
    asm volatile("" ::: "memory");
    return result;
}

[[gnu::noinline]] long takes_the_lock(std::mutex& mutex) {
    mutex.lock();
    asm volatile("" ::: "memory");
    mutex.unlock();
    return 0;
}

[[gnu::noinline]] long computes_until(const std::atomic<bool>& over) {
    long rounds = 0;
    while (!over.load(std::memory_order_relaxed)) ++rounds;
    asm volatile("" ::: "memory");
    return rounds;
}

/// A server of names that says nothing until it is told to, and then that there is no such name.
class SilentNameServer {
public:
    SilentNameServer() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        EXPECT_EQ(::bind(socket_, generic(address_), size), 0);
        EXPECT_EQ(::getsockname(socket_, generic(address_), &size), 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~SilentNameServer() {
        over_ = true;
        speak();
        const int knocks = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(::sendto(knocks, "", 0, 0, generic(address_), sizeof address_), 0);
        thread_.join();
        ::close(knocks);
        ::close(socket_);
    }
    SilentNameServer(const SilentNameServer&) = delete;
    SilentNameServer& operator=(const SilentNameServer&) = delete;
    void speak() {
        speaks_ = true;
        speaks_.notify_all();
    }
    const sockaddr_in& address() const { return address_; }

private:
    static sockaddr* generic(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }
    void serve() {
        while (!over_) {
            std::array<unsigned char, 512> message{};
            sockaddr_in from{};
            socklen_t size = sizeof from;
            const auto count = ::recvfrom(socket_, message.data(), message.size(), 0, generic(from), &size);
            speaks_.wait(false);
            if (count < 12) continue;
            message[2] = 0x81;
            message[3] = 0x83;  // an answer: no such name
            static_cast<void>(
                ::sendto(socket_, message.data(), static_cast<std::size_t>(count), 0, generic(from), size));
        }
    }

    int socket_;
    sockaddr_in address_{};
    std::atomic<bool> speaks_ = false;
    std::atomic<bool> over_ = false;
    std::thread thread_;
};

[[gnu::noinline]] long looks_up(const sockaddr_in& server) {
    ::res_init();
    _res.nscount = 1;
    _res.nsaddr_list[0] = server;
    _res.retrans = 30;
    _res.retry = 1;
    addrinfo hints{};
    hints.ai_family = AF_INET;
    addrinfo* found = nullptr;
    const long result = ::getaddrinfo("stall.test.", nullptr, &hints, &found);
    if (found) ::freeaddrinfo(found);
    asm volatile("" ::: "memory");
    return result;
}

}  // namespace

TEST(RB21, a_step_in_sleep_is_told_before_it_ends_and_the_sleep_is_not_disturbed) {
    Told told;
    const auto blocked = block(takes_a_nap, told);
    EXPECT_EQ(blocked.result, 0) << "errno " << blocked.error;
    expect_one_record(blocked, "takes_a_nap");
    EXPECT_EQ(blocked.told.front().cause, StallCause::system_call);
    EXPECT_EQ(blocked.told.front().system_call, "clock_nanosleep");
}

TEST(RB21, a_step_in_read_is_told_before_it_ends_with_the_descriptor_that_it_reads) {
    const Pipe pipe;
    Told told([&] { pipe.feed(); });
    const auto blocked = block([&] { return reads_a_byte(pipe.ends[0]); }, told);
    EXPECT_EQ(blocked.result, 1);
    EXPECT_EQ(blocked.error, 0);
    expect_one_record(blocked, "reads_a_byte");
    EXPECT_EQ(blocked.told.front().system_call, "read");
    EXPECT_EQ(blocked.told.front().descriptor, pipe.ends[0]);
}

TEST(RB21, a_step_in_getaddrinfo_is_told_before_it_ends_and_gets_the_answer_that_comes_later) {
    SilentNameServer server;
    Told told([&] { server.speak(); });
    const auto blocked = block([&] { return looks_up(server.address()); }, told);
    EXPECT_EQ(blocked.result, EAI_NONAME) << ::gai_strerror(static_cast<int>(blocked.result));
    expect_one_record(blocked, "looks_up");
    bool named = false;
    for (const auto& frame : blocked.told.front().stack) named = named || frame == "getaddrinfo";
    EXPECT_TRUE(named) << blocked.told.front().text();
}

TEST(RB21, a_step_that_computes_is_told_before_it_ends_with_the_function_that_does) {
    std::atomic<bool> over = false;
    Told told([&] { over = true; });
    const auto blocked = block([&] { return computes_until(over); }, told);
    expect_one_record(blocked, "computes_until");
    EXPECT_TRUE(blocked.told.front().system_call.empty());
}

TEST(RB21, a_step_that_waits_for_a_lock_is_told_as_that) {
    std::mutex mutex;
    std::atomic<bool> locked = false;
    std::atomic<bool> release = false;
    Told told([&] {
        release = true;
        release.notify_all();
    });
    std::thread holder([&] {
        const std::lock_guard lock(mutex);
        locked = true;
        locked.notify_all();
        release.wait(false);
    });
    locked.wait(false);
    const auto blocked = block([&] { return takes_the_lock(mutex); }, told);
    holder.join();
    expect_one_record(blocked, "takes_the_lock");
    EXPECT_EQ(blocked.told.front().cause, StallCause::lock);
}
