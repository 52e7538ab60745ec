// Rows of the design essay: where errors surface, how programs end, what is async by its type, who gets a
// turn.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/sync/channel.hpp>
#include <tandem/sync/condition.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/semaphore.hpp>
#include <tandem/task/async_generator.hpp>
#include <tandem/task/future.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<void> nothing() { co_return; }
Task<int> seven() { co_return 7; }
[[noreturn]] void fail() { throw std::runtime_error("user code"); }
Task<void> body() {
    co_await checkpoint();
    fail();
}
Task<void> endless(bool& cancelled) {
    struct Leaving {
        explicit Leaving(bool& c) : flag(c) {}
        ~Leaving() { flag = true; }
        bool& flag;
    } leaving(cancelled);
    co_await sleep(1h);
}
AsyncGenerator<int> two_and_fail() {
    co_yield 1;
    co_yield 2;
    fail();
}

Task<void> awaited() { co_await body(); }
Task<void> joined() {
    auto handle = create_task(body());
    co_await handle;
}
Task<void> dropped() {
    create_task(body());
    co_await sleep(1ms);
}
Task<void> child_of_a_group() {
    bool sibling_cancelled = false;
    TaskGroup group;
    group.create_task(endless(sibling_cancelled));
    group.create_task(body());
    try {
        co_await group.join();
    } catch (const ExceptionGroup&) {
        if (sibling_cancelled) throw;
    }
}
Task<void> child_of_gather() { co_await gather(body(), sleep(1h)); }
Task<void> body_of_a_group() {
    co_await with_task_group([](TaskGroup&) -> Task<void> { co_await body(); });
}
Task<void> generator() {
    auto numbers = two_and_fail();
    while (auto n = co_await numbers.next()) static_cast<void>(n);
}
Task<void> thread_job() { co_await to_thread(fail); }
Task<void> cleanup_of_success() { co_await with_finally(nothing(), body()); }
Task<void> in_callback() {
    this_loop().call_soon([] { fail(); });
    co_await sleep(1ms);
}
Task<void> in_timer() {
    this_loop().call_later(1ms, [] { fail(); });
    co_await sleep(2ms);
}
Task<void> posted() {
    this_loop().call_soon_threadsafe([] { fail(); });
    co_await sleep(1ms);
}
Task<void> done_callback() {
    auto handle = create_task(seven());
    handle.on_done([](const TaskHandle<int>&) { fail(); });
    co_await handle;
    co_await sleep(1ms);
}
Task<void> future_callback() {
    Future<int> future;
    future.add_done_callback([](const Future<int>&) { fail(); });
    future.set_result(1);
    co_await sleep(1ms);
}
Task<void> predicate() {
    Mutex mutex;
    Condition condition(mutex);
    auto lock = co_await mutex.lock();
    co_await condition.wait([]() -> bool { fail(); });
}

/// What `program` throws, and what the loop's exception handler is told meanwhile.
std::string surfaces(Task<void> program) {
    std::vector<std::string> told;
    std::string thrown;
    EventLoop loop;
    loop.set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        told.push_back(context.exception ? describe(context.exception) : context.message);
    });
    try {
        loop.run_until_complete(std::move(program));
    } catch (const ExceptionGroup& group) {
        thrown = "thrown in a group of " + std::to_string(group.exceptions().size());
    } catch (const std::runtime_error& error) {
        thrown = std::string("thrown: ") + error.what();
    }
    loop.close();
    if (!told.empty() && thrown.empty()) return "told: " + told.front();
    return told.empty() ? thrown : thrown + ", and told: " + told.front();
}

}  // namespace

TEST(V3, a_task_that_is_dropped_is_told_once_in_debug_mode_with_the_place_of_its_definition) {
    std::vector<ErrorContext> told;
    EventLoop loop;
    loop.set_exception_handler([&](EventLoop&, const ErrorContext& context) { told.push_back(context); });
    for (const bool debug : {true, false}) {
        loop.set_debug(debug);
        loop.call_soon([] { static_cast<void>(nothing()); });
        loop.poll_once();
    }
    ASSERT_EQ(told.size(), 1U);
    EXPECT_NE(told[0].message.find("never awaited"), std::string::npos) << told[0].message;
    EXPECT_NE(told[0].message.find("nothing()"), std::string::npos) << told[0].message;
    EXPECT_NE(std::string(told[0].source.file_name()).find("essay_rows_test"), std::string::npos);
}

TEST(V11, whatever_user_code_throws_surfaces_where_somebody_waits_for_it_or_at_the_handler) {
    const std::string thrown = "thrown: user code";
    const std::string told = "told: std::runtime_error: user code";
    const struct {
        const char* place;
        Task<void> (*program)();
        std::string surfaces;
    } table[] = {
        {"a coroutine that is awaited", awaited, thrown},
        {"a task that is joined", joined, thrown},
        {"a task that nobody joins", dropped, told},
        {"a child of a group, whose sibling ends", child_of_a_group, "thrown in a group of 1"},
        {"a child of gather()", child_of_gather, thrown},
        {"the body of a group", body_of_a_group, "thrown in a group of 1"},
        {"a generator", generator, thrown},
        {"a job on a thread", thread_job, thrown},
        {"a cleanup after success", cleanup_of_success, thrown},
        {"a condition's predicate", predicate, thrown},
        {"a callback", in_callback, told},
        {"a timer", in_timer, told},
        {"a callback of another thread", posted, told},
        {"a task's done callback", done_callback, told},
        {"a future's done callback", future_callback, told},
    };
    for (const auto& row : table) EXPECT_EQ(surfaces(row.program()), row.surfaces) << row.place;
}

namespace {

/// A result whose end throws, which C++ lets nobody catch who destroys it on his way.
struct ThrowsAtItsEnd {
    ThrowsAtItsEnd() = default;
    ThrowsAtItsEnd(ThrowsAtItsEnd&& other) noexcept : armed(std::exchange(other.armed, false)) {}
    ThrowsAtItsEnd& operator=(ThrowsAtItsEnd&&) = delete;
    ~ThrowsAtItsEnd() noexcept(false) {
        if (armed) fail();
    }
    bool armed = true;
};

Task<ThrowsAtItsEnd> gives_one() { co_return ThrowsAtItsEnd(); }

Task<std::string> takes_one() {
    try {
        ThrowsAtItsEnd mine = co_await gives_one();
        EXPECT_TRUE(mine.armed);
    } catch (const std::runtime_error& error) {
        co_return error.what();
    }
    co_return "nothing";
}

Task<void> drops_one() {
    auto handle = create_task(gives_one());
    co_await handle.join_only();
}

}  // namespace

/// Whoever took the result out destroys it in his own code, and catches what it throws. One that nobody took
/// dies in the library, with its task: that is std::terminate(), as for every destructor that throws.
TEST(V11, what_a_results_destructor_throws_is_its_takers_and_ends_the_process_where_nobody_took_it) {
    EventLoop loop;
    EXPECT_EQ(loop.run_until_complete(takes_one()), "user code");
    const auto drop = [] {
        EventLoop here;
        here.run_until_complete(drops_one());
    };
    EXPECT_DEATH(drop(), "terminate called|user code");
}

TEST(V11, what_the_handler_itself_throws_is_printed_with_what_it_was_told) {
    EventLoop loop;
    loop.set_exception_handler([](EventLoop&, const ErrorContext&) { throw std::logic_error("handler"); });
    loop.call_soon([] { fail(); });
    ::testing::internal::CaptureStderr();
    loop.poll_once();
    const auto said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("std::logic_error: handler"), std::string::npos) << said;
    EXPECT_NE(said.find("std::runtime_error: user code"), std::string::npos) << said;
}

namespace {

struct Shared {
    Mutex mutex;
    Event never;
    Queue<int> empty;
    Semaphore none{0};
    int cleanups = 0;
};

Task<void> count(Shared& shared) {
    co_await checkpoint();
    ++shared.cleanups;
}
Task<void> somewhere(Shared& shared, int where) {
    switch (where) {
        case 0:
            co_await sleep(1h);
            break;
        case 1:
            co_await shared.never.wait();
            break;
        case 2:
            co_await shared.empty.get();
            break;
        case 3:
            co_await shared.none.acquire();
            break;
        case 4:
            for (;;) co_await sleep(10us);  // no checkpoint(): virtual time passes only while all wait
        default: {
            auto lock = co_await shared.mutex.lock();
            co_await sleep(1h);
        }
    }
}
Task<void> some_task(Shared& shared, int where) {
    co_await with_finally(somewhere(shared, where), count(shared));
}
Task<void> leaves_a_thousand(Shared& shared) {
    std::mt19937 random(7);
    for (int i = 0; i < 1'000; ++i) {
        create_task(some_task(shared, static_cast<int>(random() % 6)));
        if (random() % 10 == 0) co_await checkpoint();
    }
    co_await sleep(1ms);
}

}  // namespace

TEST(V12, a_thousand_tasks_left_anywhere_at_the_end_of_main_all_clean_up_and_nothing_is_said) {
    for (const auto backend : {BackendChoice::automatic, BackendChoice::epoll, BackendChoice::sim}) {
        Shared shared;
        ::testing::internal::CaptureStderr();
        run(leaves_a_thousand(shared), {.backend = backend});
        EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
        EXPECT_EQ(shared.cleanups, 1'000);
    }
}

namespace {

template <class A>
inline constexpr bool waits = AnyAwaitable<A>;
template <class A>
inline constexpr bool is_plain = !AnyAwaitable<A>;

}  // namespace

TEST(V17, what_waits_is_awaitable_by_its_type_and_what_does_not_is_plain) {
    Event event;
    Mutex mutex;
    Semaphore semaphore(1);
    Condition condition(mutex);
    Queue<int> queue;
    auto channel = Channel<int>(1);
    static_assert(std::is_void_v<decltype(event.set())> && waits<decltype(event.wait())>);
    static_assert(std::is_void_v<decltype(event.clear())> && is_plain<decltype(event.is_set())>);
    static_assert(waits<decltype(mutex.lock())> && is_plain<decltype(mutex.try_lock())>);
    static_assert(std::is_void_v<decltype(mutex.unlock())>);
    static_assert(waits<decltype(semaphore.acquire())> && is_plain<decltype(semaphore.try_acquire())>);
    static_assert(std::is_void_v<decltype(semaphore.release())>);
    static_assert(waits<decltype(condition.wait())> && std::is_void_v<decltype(condition.notify())>);
    static_assert(waits<decltype(queue.put(1))> && std::is_void_v<decltype(queue.put_nowait(1))>);
    static_assert(waits<decltype(queue.get())> && std::is_same_v<decltype(queue.get_nowait()), int>);
    static_assert(waits<decltype(queue.join())> && std::is_void_v<decltype(queue.task_done())>);
    static_assert(std::is_void_v<decltype(queue.shutdown())>);
    static_assert(waits<decltype(channel.sender.send(1))> && is_plain<decltype(channel.sender.try_send(1))>);
    static_assert(waits<decltype(sleep(1s))> && waits<decltype(checkpoint())>);
    using Handle = TaskHandle<int>;
    static_assert(waits<Handle> && waits<decltype(std::declval<Handle>().join())>);
    static_assert(is_plain<decltype(std::declval<Handle>().cancel())> &&
                  is_plain<decltype(std::declval<Handle>().done())> &&
                  is_plain<decltype(std::declval<Handle>().result())>);
    static_assert(waits<Future<int>> && std::is_void_v<decltype(std::declval<Future<int>>().set_result(1))>);
    static_assert(waits<decltype(std::declval<TaskGroup>().join())> &&
                  std::is_void_v<decltype(std::declval<TaskGroup>().cancel())>);
    static_assert(is_plain<decltype(create_task(seven()).done())>);
    static_assert(waits<decltype(to_thread(fail))> && waits<decltype(gather(seven(), seven()))>);
    SUCCEED();
}

namespace {

/// What this thread has waited for a processor that others had, ever: not the loop's doing.
Duration kept_waiting() {
    std::int64_t ran = 0;
    std::int64_t waited = 0;
    if (FILE* const file = std::fopen("/proc/thread-self/schedstat", "re")) {
        if (std::fscanf(file, "%" SCNd64 " %" SCNd64, &ran, &waited) != 2) waited = 0;
        std::fclose(file);
    }
    return Duration(waited);
}

/// How late 10 ms timers come, ten of them a millisecond apart, and how long an echo takes that each sends,
/// beside `load`.
class Beside {
public:
    Beside() {
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_), 0);
        loop.add_reader(ends_[1], [this] { echo(); });
        loop.add_reader(ends_[0], [this] { answered(); });
        for (unsigned char number = 0; number < timers; ++number)
            loop.call_later(1ms * number, [this, number] { plan(number); });
    }
    ~Beside() {
        loop.remove_reader(ends_[0]);
        loop.remove_reader(ends_[1]);
        for (const int end : ends_) ::close(end);
    }
    void expect_turns_for_all() {
        loop.run_forever();
        EXPECT_LT(p99(late_), 10ms);
        EXPECT_LT(p99(echoes_), 10ms);
    }
    EventLoop loop;

private:
    static constexpr unsigned char timers = 10;
    static constexpr std::size_t samples = 300;
    struct Start {
        TimePoint at;
        Duration waited;
        /// Since then, without what others took.
        Duration passed() const { return real_time().now() - at - (kept_waiting() - waited); }
    };
    static Start start() { return {real_time().now(), kept_waiting()}; }
    static Duration p99(std::vector<Duration>& all) {
        if (all.size() < samples / 2) return Duration::max();
        std::sort(all.begin(), all.end());
        return all[all.size() * 99 / 100];
    }
    void plan(unsigned char number) {
        loop.call_later(10ms, [this, number, planned = start()] {
            late_.push_back(planned.passed() - 10ms);
            if (late_.size() == samples) return loop.stop();
            sent_[number] = start();
            EXPECT_EQ(::write(ends_[0], &number, 1), 1);
            plan(number);
        });
    }
    void echo() {
        unsigned char byte = 0;
        if (::read(ends_[1], &byte, 1) == 1) {
            EXPECT_EQ(::write(ends_[1], &byte, 1), 1);
        }
    }
    void answered() {
        unsigned char byte = 0;
        if (::read(ends_[0], &byte, 1) == 1) echoes_.push_back(sent_[byte].passed());
    }
    int ends_[2] = {-1, -1};
    std::array<Start, timers> sent_{};
    std::vector<Duration> late_;
    std::vector<Duration> echoes_;
};

Task<void> produce(Sender<int> sender, std::size_t& sent) {
    for (;;) {
        co_await sender.send(1);
        ++sent;
    }
}
Task<void> consume(Receiver<int> receiver) {
    for (;;) co_await receiver.receive();
}

}  // namespace

TEST(V23, a_callback_that_adds_itself_for_ever_starves_neither_timers_nor_descriptors) {
    Beside beside;
    std::size_t calls = 0;
    std::function<void()> storm = [&] {
        ++calls;
        beside.loop.call_soon(storm);
    };
    for (int i = 0; i < 10; ++i) storm();
    beside.expect_turns_for_all();
    EXPECT_GT(calls, 1'000U);
}

TEST(V23, a_channel_that_is_never_empty_starves_neither_timers_nor_descriptors) {
    Beside beside;
    std::size_t sent = 0;
    auto channel = Channel<int>(64);
    auto producer = beside.loop.create_task(produce(channel.sender, sent));
    auto consumer = beside.loop.create_task(consume(channel.receiver));
    beside.expect_turns_for_all();
    EXPECT_GT(sent, 1'000U);
    beside.loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});  // those two are left behind
    beside.loop.close();
}

TEST(V23, a_descriptor_that_is_always_readable_starves_neither_timers_nor_descriptors) {
    Beside beside;
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    ASSERT_EQ(::write(pipe_ends[1], "x", 1), 1);
    std::size_t calls = 0;
    beside.loop.add_reader(pipe_ends[0], [&] { ++calls; });  // and never read
    beside.expect_turns_for_all();
    EXPECT_GT(calls, 100U);
    beside.loop.remove_reader(pipe_ends[0]);
    for (const int end : pipe_ends) ::close(end);
}
