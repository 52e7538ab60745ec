// Loops and tasks written by their user, on the public interface.
#include <tandem/tandem.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

// R1, U3: a loop that hosts real tasks. Their turn is one entry of its queue.

class Loop {
public:
    void call_soon(std::function<void()> fn) { ready_.push_back(std::move(fn)); }
    template <class T>
    T run_until_complete(Task<T> task) {
        auto handle = tasks_.create_task(std::move(task));
        handle.on_done([this](const TaskHandle<T>&) { stop(); });
        call_soon([this] { turn_of_the_tasks(); });
        run_forever();
        return handle.take_result();
    }
    void run_forever() {
        for (stopping_ = false; !stopping_;) run_once();
    }
    void stop() { stopping_ = true; }

private:
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

    std::deque<std::function<void()>> ready_;
    EventLoop tasks_;
    bool stopping_ = false;
};

Task<void> after(Duration delay, const char* line) {
    co_await sleep(delay);
    std::puts(line);
}

Task<void> both() {
    std::vector<TaskHandle<void>> tasks;
    tasks.push_back(create_task(after(0s, "Hello Foo")));
    tasks.push_back(create_task(after(100ms, "Hello Bar")));
    co_await wait(tasks);
}

// R2, U2: a task: a generator of futures, stepped, and woken by the future that it yielded.

using Steps = Generator<Future<void>, void>;

class MyTask : public std::enable_shared_from_this<MyTask> {
public:
    static Future<void> start(Steps steps) {
        const auto task = std::make_shared<MyTask>(std::move(steps));
        this_loop().call_soon([task] { task->step(nullptr); });
        return task->ended_;
    }
    explicit MyTask(Steps steps) : steps_(std::move(steps)) {}

private:
    void step(const std::exception_ptr& error) {
        try {
            const auto future = error ? steps_.throw_in(error) : steps_.next();
            if (future)
                future->add_done_callback(
                    [self = shared_from_this()](const Future<void>& done) { self->wake_up(done); });
            else
                ended_.set_result();
        } catch (const std::exception&) {
            ended_.set_exception(std::current_exception());
        }
    }
    void wake_up(const Future<void>& done) { step(done.exception()); }

    Steps steps_;
    Future<void> ended_;
};

Future<void> slept(Duration delay) {
    Future<void> future;
    this_loop().call_later(delay, [future] { future.set_result(); });
    return future;
}

Future<void> failed() {
    Future<void> future;
    future.set_exception(std::runtime_error("thrown into its body"));
    return future;
}

Steps sleeps(Duration delay, const char* line) {
    co_yield slept(delay);
    std::puts(line);
}

Steps catches() {
    try {
        co_yield failed();
    } catch (const std::runtime_error& error) {
        std::puts(error.what());
    }
}

Task<void> task_prototype(Duration foo, Duration bar) {
    const auto first = MyTask::start(sleeps(foo, "Hello Foo"));
    const auto second = MyTask::start(sleeps(bar, "Hello Bar"));
    const auto third = create_task(after(0s, "a real one beside them"));
    co_await MyTask::start(catches());
    co_await first;
    co_await second;
    co_await third;
}

// K1, K2: a minimal loop on the public interface for descriptors and time.

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
    std::multimap<TimePoint, std::function<void()>> timers_;  // equal times in the order of their coming
    bool stopping_ = false;
};

void pipe_and_timer() {
    MinimalLoop loop;
    int ends[2];
    if (pipe(ends) != 0) return;
    loop.register_event(ends[0], [&] {
        char text[16] = {};
        if (read(ends[0], text, sizeof text - 1) > 0) std::printf("the pipe says %s\n", text);
        loop.unregister_event(ends[0]);
    });
    if (write(ends[1], "hello", 5) != 5) return;
    loop.call_later(100ms, [&] {
        std::puts("the timer fires");
        loop.stop();
    });
    loop.run();
    close(ends[0]);
    close(ends[1]);
}

void timers() {
    MinimalLoop loop;
    const auto now = loop.time();
    loop.call_later(200ms, [&] {
        std::puts("later 0.2");
        loop.stop();
    });
    loop.call_later(100ms, [] { std::puts("later 0.1"); });
    for (int i = 0; i < 5; ++i) loop.call_at(now + 50ms, [i] { std::printf("at 0.05: %d\n", i); });
    loop.run();
}

// U9: a loop with a selector, from nothing: poll(2), and generators that yield the descriptor they wait for.

class SelectorLoop {
public:
    using Coroutine = Generator<int>;

    void create_task(Coroutine coroutine) { go_on(std::make_unique<Coroutine>(std::move(coroutine))); }
    void run() {
        while (!waiting_.empty()) {
            std::vector<pollfd> wanted;
            for (const auto& entry : waiting_) wanted.push_back({entry.first, POLLIN, 0});
            if (poll(wanted.data(), wanted.size(), -1) < 0) return;
            for (const auto& entry : wanted) {
                if (entry.revents == 0) continue;
                auto ready = waiting_.extract(entry.fd);
                go_on(std::move(ready.mapped()));
            }
        }
    }

private:
    void go_on(std::unique_ptr<Coroutine> coroutine) {
        if (const auto fd = coroutine->next()) waiting_.emplace(*fd, std::move(coroutine));
    }
    std::map<int, std::unique_ptr<Coroutine>> waiting_;
};

SelectorLoop::Coroutine echo(int peer) {
    char text[64];
    for (;;) {
        co_yield peer;
        const auto count = recv(peer, text, sizeof text, 0);
        if (count <= 0) break;
        if (send(peer, text, static_cast<std::size_t>(count), MSG_NOSIGNAL) < 0) break;
    }
    close(peer);
}

SelectorLoop::Coroutine serve(SelectorLoop& loop, int listener, int peers) {
    for (; peers > 0; --peers) {
        co_yield listener;
        loop.create_task(echo(accept(listener, nullptr, nullptr)));
    }
    close(listener);
}

int listen_somewhere() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return listen(listener, 8) == 0 ? listener : -1;  // the kernel chooses a port
}

std::string ask(const sockaddr_storage& server, socklen_t length, const std::string& line) {
    const int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::string answer(line.size(), ' ');
    if (connect(peer, reinterpret_cast<const sockaddr*>(&server), length) == 0 &&
        send(peer, line.data(), line.size(), MSG_NOSIGNAL) > 0)
        answer.resize(static_cast<std::size_t>(recv(peer, answer.data(), answer.size(), MSG_WAITALL)));
    close(peer);
    return answer;
}

void selector_loop() {
    const int listener = listen_somewhere();
    sockaddr_storage server{};
    socklen_t length = sizeof server;
    if (getsockname(listener, reinterpret_cast<sockaddr*>(&server), &length) != 0) return;
    std::thread peers([&] {
        for (const char* line : {"hello", "world"})
            std::printf("echo: %s\n", ask(server, length, line).c_str());
    });
    SelectorLoop loop;
    loop.create_task(serve(loop, listener, 2));
    loop.run();
    peers.join();
}

int main() {
    std::puts("R1");
    Loop().run_until_complete(both());
    std::puts("R2");
    run(task_prototype(200ms, 100ms));
    std::puts("U2");
    run(task_prototype(300ms, 100ms));
    std::puts("U3");
    Loop().run_until_complete(both());
    std::puts("K1");
    pipe_and_timer();
    std::puts("K2");
    timers();
    std::puts("U9");
    selector_loop();
}
