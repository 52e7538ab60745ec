// Groups of tasks, pools that limit how many run at once, and limits of time.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

long seconds_since(TimePoint start) {
    return std::chrono::round<std::chrono::seconds>(this_loop().time() - start).count();
}

Task<void> foo(std::string message, Duration n) {
    co_await sleep(n);
    std::puts(message.c_str());
}

class MyGreenlet {
public:
    MyGreenlet(std::string message, Duration n) : message_(std::move(message)), n_(n) {}
    Task<void> operator()() {
        std::puts(message_.c_str());
        co_await sleep(n_);
    }

private:
    std::string message_;
    Duration n_;
};

Task<void> spawning() {
    TaskPool threads;
    threads.spawn(foo("Hello", 1s));
    threads.spawn(foo("I live!", 2s));
    TaskHandle<int> sum = threads.spawn([](int x) -> Task<int> { co_return x + 1; }, 2);
    co_await threads.join();
    std::printf("%d\n", sum.result());

    threads.spawn(MyGreenlet("Hi there!", 3s));
    co_await threads.join();
}

Task<void> talk(std::string msg) {
    for (int i = 0; i < 3; ++i) std::puts(msg.c_str());
    co_return;
}

Task<void> groups() {
    TaskPool group;
    group.spawn(talk("bar"));
    group.spawn(talk("foo"));
    co_await group.join();

    group.spawn(talk("fizz"));
    co_await group.join();
}

Task<int> intensive(int n) {
    co_await sleep(std::chrono::seconds(3 - n));
    co_return n;
}

Task<void> maps() {
    const std::vector<int> numbers = {0, 1, 2};
    TaskPool group;
    auto hello_from = [&group](int n) -> Task<int> {
        std::printf("Size of group %zu\n", group.size());
        co_await sleep(std::chrono::seconds(3 - n));
        co_return n;
    };
    co_await group.map(hello_from, numbers);

    std::puts("Ordered");
    TimePoint start = this_loop().time();
    TaskPool ogroup;
    auto ordered = ogroup.imap(intensive, numbers);
    while (auto i = co_await ordered.next()) std::printf("task %d at %ld\n", *i, seconds_since(start));

    std::puts("Unordered");
    start = this_loop().time();
    TaskPool igroup;
    auto unordered = igroup.imap_unordered(intensive, numbers);
    while (auto i = co_await unordered.next())
        std::printf("task %d at %ld\n", i->result(), seconds_since(start));
}

Task<void> pool_of_two() {
    const std::vector<int> numbers = {0, 1, 2};
    TaskPool pool(2);
    auto hello_from = [&pool](int n) -> Task<int> {
        std::printf("Size of pool %zu\n", pool.running());
        co_await sleep(1s);
        co_return n;
    };
    co_await pool.map(hello_from, numbers);
}

struct Socket {
    explicit Socket(int& n) : open(n) { ++open; }
    ~Socket() { --open; }
    int& open;
};

class SocketPool {
public:
    void add_handler(std::shared_ptr<Socket> socket) {
        if (pool_.full()) throw std::runtime_error("At maximum pool size");
        pool_.spawn(listen(std::move(socket)));
    }
    Task<void> shutdown() { return pool_.kill(); }

private:
    static Task<void> listen(std::shared_ptr<Socket> socket) {
        while (socket) co_await sleep(1h);
    }
    TaskPool pool_{1000};
};

Task<void> socket_pool() {
    SocketPool pool;
    int open = 0;
    try {
        for (int i = 0; i < 1001; ++i) pool.add_handler(std::make_shared<Socket>(open));
    } catch (const std::runtime_error& error) {
        std::printf("%s: %d\n", error.what(), open);
    }
    co_await pool.shutdown();
    std::printf("open after the shutdown: %d\n", open);
}

// J9: timeouts: as an object, as a scope, with an error of one's own, on a wait, and around a call

class TooLong : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

Task<void> wait_for(Duration length) { co_await sleep(length); }

Task<void> timeouts() {
    TimePoint start = this_loop().time();
    Timeout seconds(10s);
    seconds.start();
    try {
        co_await seconds.run(wait_for(20s));
    } catch (const TimeoutError&) {
        std::printf("Could not complete, at %ld\n", seconds_since(start));
    }
    start = this_loop().time();
    Timeout stopped(1s);
    stopped.start();
    stopped.stop();
    co_await stopped.run(wait_for(2s));
    std::printf("stopped in time, complete at %ld\n", seconds_since(start));

    start = this_loop().time();
    Timeout time_to_wait(5s);
    try {
        co_await time_to_wait.error<TooLong>().run(wait_for(10s));
    } catch (const TooLong&) {
        std::printf("TooLong at %ld\n", seconds_since(start));
    }
}

Task<void> timed_waits() {
    const TimePoint start = this_loop().time();
    auto thread1 = create_task(wait_for(3s));
    try {
        co_await timeout(1s, thread1.join());
    } catch (const TimeoutError&) {
        std::printf("Thread 1 timed out at %ld, still running: %s\n", seconds_since(start),
                    thread1.done() ? "no" : "yes");
    }
    auto thread2 = create_task(wait_for(3s));
    try {
        co_await timeout(1s, thread2);
    } catch (const TimeoutError&) {
        std::printf("Thread 2 timed out at %ld, still running: %s\n", seconds_since(start),
                    thread2.done() ? "no" : "yes");
    }
    try {
        co_await timeout(1s, wait_for(3s));
    } catch (const TimeoutError&) {
        std::printf("Thread 3 timed out at %ld\n", seconds_since(start));
    }
    co_await thread1;
    co_await thread2;
}

Task<void> waits_twice(TimePoint start) {
    try {
        co_await timeout(1s, wait_for(10s));
    } catch (const TimeoutError&) {
        std::printf("inner limit at %ld\n", seconds_since(start));
    }
    co_await sleep(10s);
}

Task<void> nested_timeouts() {
    const TimePoint start = this_loop().time();
    try {
        co_await timeout(3s, waits_twice(start));
    } catch (const TimeoutError&) {
        std::printf("outer limit at %ld\n", seconds_since(start));
    }
}

int main() {
    std::puts("J6");
    run(spawning());
    std::puts("J9");
    run(timeouts());
    run(timed_waits());
    run(nested_timeouts());
    std::puts("J13a");
    run(groups());
    std::puts("J13b");
    run(maps());
    std::puts("J13c");
    run(pool_of_two());
    std::puts("J13d");
    run(socket_pool());
}
