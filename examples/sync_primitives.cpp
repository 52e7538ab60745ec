// Tasks that wait for tasks: locks, events, conditions, semaphores.
#include <tandem/tandem.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace j11 {

Task<void> setter(Event& event) {
    std::puts("A: Hey wait for me, I have to do something");
    co_await sleep(3s);
    std::puts("Ok, I'm done");
    event.set();
}

Task<void> waiter(Event& event) {
    std::puts("I'll wait for you");
    co_await event.wait();
    std::puts("It's about time");
}

Task<void> result_setter(Sender<std::string> result) {
    co_await sleep(3s);
    co_await result.send("Hello!");
}

Task<void> result_waiter(Receiver<std::string> result) {
    auto text = co_await result.receive();
    std::puts(text->c_str());
}

Task<void> main() {
    Event event;
    TaskGroup group;
    group.create_task(setter(event));
    for (int i = 0; i < 5; ++i) group.create_task(waiter(event));
    co_await group.join();

    auto [sender, receiver] = Channel<std::string>();
    auto both = gather(result_setter(std::move(sender)), result_waiter(std::move(receiver)));
    co_await std::move(both);
}

}  // namespace j11

namespace j14 {

Task<void> worker1(BoundedSemaphore& semaphore, int n) {
    co_await semaphore.acquire();
    std::printf("Worker %d acquired semaphore\n", n);
    co_await sleep(0s);
    semaphore.release();
    std::printf("Worker %d released semaphore\n", n);
}

Task<void> worker2(BoundedSemaphore& semaphore, int n) {
    {
        auto permit = co_await semaphore.hold();
        std::printf("Worker %d acquired semaphore\n", n);
        co_await sleep(0s);
    }
    std::printf("Worker %d released semaphore\n", n);
}

Task<void> main() {
    BoundedSemaphore semaphore(2);
    TaskGroup group;
    for (const int n : {0, 1}) group.create_task(worker1(semaphore, n));
    for (const int n : {3, 4, 5}) group.create_task(worker2(semaphore, n));
    co_await group.join();
}

}  // namespace j14

namespace s7a {

Task<void> coro1(Mutex& lock) {
    std::puts("coro1 waiting for the lock");
    {
        auto guard = co_await lock.lock();
        std::puts("coro1 acquired lock");
    }
    std::puts("coro1 released lock");
}

Task<void> coro2(Mutex& lock) {
    std::puts("coro2 waiting for the lock");
    co_await lock.acquire();
    std::puts("coro2 acquired lock");
    std::puts("coro2 released lock");
    lock.unlock();
}

Task<void> main() {
    Mutex lock;
    std::puts("acquiring the lock before starting coroutines");
    co_await lock.acquire();
    std::printf("lock acquired: %s\n", lock.locked() ? "True" : "False");
    this_loop().call_later(100ms, [&lock] {
        std::puts("callback releasing lock");
        lock.unlock();
    });
    std::puts("waiting for coroutines");
    co_await gather(coro1(lock), coro2(lock));
}

}  // namespace s7a

namespace s7b {

Task<void> coro(const char* name, Event& event) {
    std::printf("%s waiting for event\n", name);
    co_await event.wait();
    std::printf("%s triggered\n", name);
}

Task<void> main() {
    Event event;
    std::printf("event start state: %s\n", event.is_set() ? "True" : "False");
    this_loop().call_later(100ms, [&event] {
        std::puts("setting event in callback");
        event.set();
    });
    co_await gather(coro("coro1", event), coro("coro2", event));
    std::printf("event end state: %s\n", event.is_set() ? "True" : "False");
}

}  // namespace s7b

namespace s7c {

Task<void> consumer(Condition& condition, int n) {
    auto guard = co_await condition.mutex().lock();
    std::printf("consumer %d is waiting\n", n);
    co_await condition.wait();
    std::printf("consumer %d triggered\n", n);
    guard.unlock();
    std::printf("ending consumer %d\n", n);
}

Task<void> manipulate_condition(Condition& condition) {
    std::puts("starting manipulate_condition");
    co_await sleep(100ms);  // lets the consumers start
    for (const std::size_t i : {1u, 2u}) {
        {
            auto guard = co_await condition.mutex().lock();
            std::printf("notifying %zu consumers\n", i);
            condition.notify(i);
        }
        co_await sleep(100ms);
    }
    {
        auto guard = co_await condition.mutex().lock();
        std::puts("notifying remaining consumers");
        condition.notify_all();
    }
    std::puts("ending manipulate_condition");
}

Task<void> main() {
    Mutex lock;
    Condition condition(lock);
    auto manipulator = create_task(manipulate_condition(condition));
    TaskGroup consumers;
    for (int n = 0; n < 5; ++n) consumers.create_task(consumer(condition, n));
    co_await consumers.join();
    co_await manipulator;
}

}  // namespace s7c

namespace r4 {

Task<void> worker(const char* name, Mutex& lock) {
    std::printf("%s waiting\n", name);
    {
        auto guard = co_await lock.lock();
        std::printf("%s acquired\n", name);
    }
    std::printf("%s released\n", name);
}

Task<void> main() {
    Mutex lock;
    co_await lock.acquire();
    this_loop().call_later(1s, [&lock] {
        std::puts("callback releasing");
        lock.unlock();
    });
    co_await gather(worker("l1", lock), worker("l2", lock));
}

}  // namespace r4

namespace r5 {

Task<void> main() {
    Event event;
    std::printf("start %s\n", event.is_set() ? "true" : "false");
    this_loop().call_later(1s, [&event] {
        std::puts("set in callback");
        event.set();
    });
    co_await gather(s7b::coro("e1", event), s7b::coro("e2", event));
    std::printf("end %s\n", event.is_set() ? "true" : "false");
}

}  // namespace r5

namespace r6 {

Task<void> worker(const char* name, Condition& condition) {
    auto guard = co_await condition.mutex().lock();
    co_await condition.wait();
    std::puts(name);
}

Task<void> start_two(TaskGroup& group, Condition& condition) {
    group.create_task(worker("c1", condition));
    group.create_task(worker("c2", condition));
    co_await sleep(1s);
}

Task<void> main() {
    Mutex lock;
    Condition condition(lock);
    TaskGroup group;
    co_await start_two(group, condition);
    for (const int i : {1, 2}) {
        {
            auto guard = co_await lock.lock();
            std::printf("notify %d\n", i);
            condition.notify(1);
        }
        co_await sleep(1s);
    }
    co_await start_two(group, condition);
    {
        auto guard = co_await lock.lock();
        std::puts("notify all");
        condition.notify_all();
    }
    co_await group.join();
}

}  // namespace r6

namespace r7 {

struct Site {
    int busy = 0;
    int most = 0;
};

Task<int> fetch(Site& site, Semaphore& semaphore, int number) {
    auto permit = co_await semaphore.hold();
    site.most = std::max(site.most, ++site.busy);
    co_await sleep(1s);
    --site.busy;
    co_return number;
}

Task<void> main() {
    Site site;
    Semaphore semaphore(3);
    std::vector<Task<int>> fetches;
    for (int i = 0; i < 12; ++i) fetches.push_back(fetch(site, semaphore, i));
    const auto start = this_loop().time();
    auto results = co_await gather(std::move(fetches));
    std::printf("%zu results, at most %d at once, %ld s\n", results.size(), site.most,
                static_cast<long>((this_loop().time() - start) / 1s));
}

}  // namespace r7

int main() {
    std::puts("J11");
    run(j11::main());
    std::puts("J14");
    run(j14::main());
    std::puts("R4");
    run(r4::main());
    std::puts("R5");
    run(r5::main());
    std::puts("R6");
    run(r6::main());
    std::puts("R7");
    run(r7::main());
    std::puts("S7a");
    run(s7a::main());
    std::puts("S7b");
    run(s7b::main());
    std::puts("S7c");
    run(s7c::main());
}
