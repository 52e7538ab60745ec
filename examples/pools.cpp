// Groups of tasks, and pools that limit how many run at once.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

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

long seconds_since(TimePoint start) {
    return std::chrono::round<std::chrono::seconds>(this_loop().time() - start).count();
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

int main() {
    std::puts("J6");
    run(spawning());
    std::puts("J13a");
    run(groups());
    std::puts("J13b");
    run(maps());
    std::puts("J13c");
    run(pool_of_two());
    std::puts("J13d");
    run(socket_pool());
}
