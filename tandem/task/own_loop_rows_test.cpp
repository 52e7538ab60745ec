// Loops, tasks and backends that a user writes, on the public interface.
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/future.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/generator.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

/// A loop of one's own: a queue, in which the tasks' turn is an entry like any other.
class Loop {
public:
    Loop() : tasks_(options(time_)) {}
    void call_soon(std::function<void()> fn) { ready_.push_back(std::move(fn)); }
    template <class T>
    T run_until_complete(Task<T> task) {
        auto handle = tasks_.create_task(std::move(task));
        handle.on_done([this](const TaskHandle<T>&) { stop(); });
        call_soon([this] { turn_of_the_tasks(); });
        for (stopping_ = false; !stopping_;) run_once();
        return handle.take_result();
    }
    void stop() { stopping_ = true; }

private:
    static EventLoopOptions options(LoopTime& time) {
        EventLoopOptions made;
        made.time = &time;
        return made;
    }
    void run_once() {
        for (auto left = ready_.size(); left > 0; --left) {
            const auto fn = std::move(ready_.front());
            ready_.pop_front();
            fn();
        }
    }
    void turn_of_the_tasks() {
        tasks_.poll_once(ready_.empty() ? Deadline(tasks_.next_deadline()) : Deadline(0s));
        if (!stopping_) call_soon([this] { turn_of_the_tasks(); });
    }
    VirtualTime time_;
    EventLoop tasks_;
    std::deque<std::function<void()>> ready_;
    bool stopping_ = false;
};

Task<void> says_after(Duration delay, std::string line, Lines& lines) {
    co_await sleep(delay);
    lines.push_back(line);
}

Task<int> waits_for_both(Lines& lines) {
    std::vector<TaskHandle<void>> tasks;
    tasks.push_back(create_task(says_after(0s, "Hello Foo", lines)));
    tasks.push_back(create_task(says_after(1s, "Hello Bar", lines)));
    auto seen = co_await wait(tasks);
    co_return static_cast<int>(seen.done.size());
}

using Steps = Generator<Future<void>>;

/// A task of one's own: stepped, and woken by the future that its body yielded.
class MyTask : public std::enable_shared_from_this<MyTask> {
public:
    explicit MyTask(Steps steps) : steps_(std::move(steps)) {}
    static Future<void> start(Steps steps) {
        const auto task = std::make_shared<MyTask>(std::move(steps));
        this_loop().call_soon([task] { task->step(nullptr); });
        return task->ended_;
    }

private:
    void step(const std::exception_ptr& error) {
        try {
            const auto future = error ? steps_.throw_in(error) : steps_.next();
            if (future)
                future->add_done_callback(
                    [self = shared_from_this()](const Future<void>& done) { self->step(done.exception()); });
            else
                ended_.set_result();
        } catch (const std::exception&) {
            ended_.set_exception(std::current_exception());
        }
    }
    Steps steps_;
    Future<void> ended_;
};

Future<void> slept(Duration delay) {
    const Future<void> future;
    this_loop().call_later(delay, [future] { future.set_result(); });
    return future;
}

Steps sleeps(Duration delay, std::string line, Lines& lines) {
    co_yield slept(delay);
    lines.push_back(line);
}

Steps fails(Lines& lines, bool catches) {
    const Future<void> future;
    future.set_exception(std::runtime_error("thrown in"));
    bool caught = false;
    try {
        co_yield future;
    } catch (const std::runtime_error&) {
        if (!catches) throw;
        caught = true;
    }
    if (caught) lines.push_back("caught");
}

/// What a scheduler must offer to host tasks, and no more: two polls of a descriptor, a sleep, a wake-up
/// (sem:L49).
class PollBackend final : public Backend {
public:
    PollBackend() {
        if (pipe(wake_.data()) != 0) std::abort();
    }
    ~PollBackend() override {
        close(wake_[0]);
        close(wake_[1]);
    }
    std::string_view name() const noexcept override { return "poll"; }
    Submitted submit(Operation& operation) noexcept override {
        if (operation.code != OpCode::poll_readable && operation.code != OpCode::poll_writable)
            return {.done = true, .result = -ENOSYS};
        waiting_.push_back(&operation);
        return {};
    }
    void cancel(Operation& operation) noexcept override { operation.cancel_requested = true; }
    void wait(TimePoint deadline) noexcept override {
        std::vector<pollfd> wanted = {{wake_[0], POLLIN, 0}};
        bool cancelled = false;
        for (const Operation* operation : waiting_) {
            const short events = operation->code == OpCode::poll_readable ? POLLIN : POLLOUT;
            wanted.push_back({operation->fd, events, 0});
            cancelled |= operation->cancel_requested;
        }
        poll(wanted.data(), wanted.size(), cancelled ? 0 : milliseconds_until(deadline));
        char byte = 0;
        if (wanted[0].revents != 0 && read(wake_[0], &byte, 1) < 0) std::abort();
        const auto asked = std::exchange(waiting_, {});
        for (std::size_t i = 0; i < asked.size(); ++i) {
            if (asked[i]->cancel_requested)
                asked[i]->completed(-ECANCELED);
            else if (wanted[i + 1].revents != 0)
                asked[i]->completed(0);
            else
                waiting_.push_back(asked[i]);
        }
    }
    void wake() noexcept override {
        if (write(wake_[1], "", 1) < 0) std::abort();
    }
    void forget(int) noexcept override {}
    std::size_t in_flight() const noexcept override { return waiting_.size(); }
    int pollable_fd() noexcept override { return wake_[0]; }

private:
    static int milliseconds_until(TimePoint deadline) {
        if (deadline == TimePoint::max()) return -1;
        const auto now = real_time().now();
        if (deadline <= now) return 0;
        return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count());
    }
    std::array<int, 2> wake_{};
    std::vector<Operation*> waiting_;
};

Task<std::string> read_when_ready(int fd) {
    co_await OperationWait(OpCode::poll_readable, fd);
    char text[16] = {};
    const auto count = read(fd, text, sizeof text);
    co_return std::string(text, static_cast<std::size_t>(count));
}

Task<void> write_later(int fd) {
    co_await sleep(20ms);
    EXPECT_EQ(write(fd, "hello", 5), 5);
}

Task<std::string> both_ends(int reader, int writer) {
    auto results = co_await gather(read_when_ready(reader), write_later(writer));
    co_return std::get<0>(results);
}

/// Register, unregister, poll with the nearest timer as limit, handle events, handle timers.
class MinimalLoop {
public:
    void register_event(int fd, std::function<void()> fn) { io_.add_reader(fd, std::move(fn)); }
    void unregister_event(int fd) { io_.remove_reader(fd); }
    void call_at(TimePoint when, std::function<void()> fn) { timers_.emplace(when, std::move(fn)); }
    void call_later(Duration delay, std::function<void()> fn) { call_at(time() + delay, std::move(fn)); }
    TimePoint time() const { return io_.time(); }
    void stop() { stopping_ = true; }
    void run() {
        for (stopping_ = false; !stopping_;) {
            io_.poll_once(timers_.empty() ? Deadline() : Deadline(timers_.begin()->first));
            const auto now = time();
            while (!timers_.empty() && timers_.begin()->first <= now) {
                const auto fn = std::move(timers_.begin()->second);
                timers_.erase(timers_.begin());
                fn();
            }
        }
    }

private:
    EventLoop io_;
    std::multimap<TimePoint, std::function<void()>> timers_;
    bool stopping_ = false;
};

}  // namespace

TEST(R1, a_loop_of_forty_lines_hosts_real_tasks_and_wait) {
    Lines lines;
    EXPECT_EQ(Loop().run_until_complete(waits_for_both(lines)), 2);
    EXPECT_EQ(lines, (Lines{"Hello Foo", "Hello Bar"}));
}

TEST(U3, its_own_callbacks_and_the_tasks_take_turns) {
    Lines lines;
    Loop loop;
    loop.call_soon([&] { lines.push_back("a callback"); });
    loop.run_until_complete(waits_for_both(lines));
    EXPECT_EQ(lines, (Lines{"a callback", "Hello Foo", "Hello Bar"}));
    EXPECT_EQ(loop.run_until_complete(waits_for_both(lines)), 2);
}

ASYNC_TEST(R2, a_user_written_task_runs_beside_a_real_one_and_gets_errors_thrown_into_its_body) {
    Lines lines;
    const auto foo = MyTask::start(sleeps(2s, "Hello Foo", lines));
    const auto bar = MyTask::start(sleeps(1s, "Hello Bar", lines));
    const auto real = create_task(says_after(500ms, "a real one", lines));
    co_await MyTask::start(fails(lines, true));
    co_await foo;
    co_await bar;
    co_await real;
    EXPECT_EQ(lines, (Lines{"caught", "a real one", "Hello Bar", "Hello Foo"}));

    const auto failing = MyTask::start(fails(lines, false));
    co_await failing.wait();
    EXPECT_THROW(failing.result(), std::runtime_error);
}

ASYNC_TEST(U2, a_task_prototype_sleeps_three_and_one) {
    Lines lines;
    const auto start = this_loop().time();
    const auto foo = MyTask::start(sleeps(3s, "Hello Foo", lines));
    const auto bar = MyTask::start(sleeps(1s, "Hello Bar", lines));
    co_await foo;
    co_await bar;
    EXPECT_EQ(lines, (Lines{"Hello Bar", "Hello Foo"}));
    EXPECT_EQ(this_loop().time() - start, 3s);
}

TEST(K1, a_pipe_and_a_timer_are_handled_in_order) {
    Lines lines;
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    {
        MinimalLoop loop;
        loop.register_event(ends[0], [&] {
            char text[16] = {};
            EXPECT_EQ(read(ends[0], text, sizeof text), 5);
            lines.push_back(text);
            loop.unregister_event(ends[0]);
        });
        ASSERT_EQ(write(ends[1], "hello", 5), 5);
        loop.call_later(20ms, [&] {
            lines.push_back("timer");
            loop.stop();
        });
        loop.run();
    }
    close(ends[0]);
    close(ends[1]);
    EXPECT_EQ(lines, (Lines{"hello", "timer"}));
}

TEST(K2, timers_fire_when_due_and_equal_ones_in_the_order_of_their_coming) {
    std::vector<int> order;
    MinimalLoop loop;
    const auto start = loop.time();
    loop.call_later(20ms, [&] {
        order.push_back(9);
        loop.stop();
    });
    for (int i = 0; i < 5; ++i) loop.call_at(start + 10ms, [&order, i] { order.push_back(i); });
    loop.run();
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4, 9}));
    EXPECT_GE(loop.time() - start, 20ms);
}

TEST(SemL49, a_scheduler_with_post_time_and_two_polls_hosts_tasks) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    {
        EventLoop loop(std::make_unique<PollBackend>());
        EXPECT_EQ(loop.backend_name(), "poll");
        EXPECT_EQ(loop.run_until_complete(both_ends(ends[0], ends[1])), "hello");
        const auto waiting = loop.create_task(read_when_ready(ends[0]));
        loop.poll_once();
        waiting.cancel();
        loop.poll_once();
        loop.poll_once();
        EXPECT_TRUE(waiting.cancelled());
    }
    close(ends[0]);
    close(ends[1]);
}
