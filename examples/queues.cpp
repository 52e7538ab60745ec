// Tasks that hand work to tasks, through queues.
#include <tandem/tandem.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <optional>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace j12a {

Task<void> worker(Queue<int>& tasks, std::string name) {
    while (!tasks.empty()) {
        const int task = co_await tasks.get();
        std::printf("Worker %s got task %d\n", name.c_str(), task);
        co_await sleep(0s);
    }
    std::puts("Quitting time!");
}

Task<void> boss(Queue<int>& tasks) {
    for (int i = 1; i < 25; ++i) tasks.put_nowait(i);
    co_return;
}

Task<void> main() {
    Queue<int> tasks;
    co_await boss(tasks);
    co_await gather(worker(tasks, "steve"), worker(tasks, "john"), worker(tasks, "nancy"));
}

}  // namespace j12a

namespace j12b {

Task<void> worker(Queue<int>& tasks, std::string name) {
    try {
        for (;;) {
            const int task = co_await timeout(1s, tasks.get());
            std::printf("Worker %s got task %d\n", name.c_str(), task);
            co_await sleep(0s);
        }
    } catch (const TimeoutError&) {
        std::puts("Quitting time!");
    }
}

Task<void> boss(Queue<int>& tasks) {
    for (int i = 1; i < 10; ++i) co_await tasks.put(i);
    std::puts("Assigned all work in iteration 1");
    for (int i = 10; i < 20; ++i) co_await tasks.put(i);
    std::puts("Assigned all work in iteration 2");
}

Task<void> main() {
    Queue<int> tasks(3);
    co_await gather(boss(tasks), worker(tasks, "steve"), worker(tasks, "john"), worker(tasks, "bob"));
}

}  // namespace j12b

namespace j12c {

void main() {
    Queue<int> queue(1);
    queue.put_nowait(1);
    try {
        queue.put_nowait(2);
    } catch (const QueueFull&) {
        std::puts("QueueFull");
    }
    queue.get_nowait();
    try {
        queue.get_nowait();
    } catch (const QueueEmpty&) {
        std::puts("QueueEmpty");
    }
}

}  // namespace j12c

namespace q1 {

Task<void> produce(Queue<std::optional<int>>& queue, int n) {
    for (int x = 1; x <= n; ++x) {
        std::printf("producing %d/%d\n", x, n);
        co_await sleep(100ms);
        co_await queue.put(x);
    }
    co_await queue.put(std::nullopt);
}

Task<void> consume(Queue<std::optional<int>>& queue) {
    for (;;) {
        const std::optional<int> item = co_await queue.get();
        if (!item) co_return;
        std::printf("consuming %d\n", *item);
        co_await sleep(100ms);
    }
}

Task<void> main() {
    Queue<std::optional<int>> queue;
    co_await gather(produce(queue, 10), consume(queue));
}

}  // namespace q1

namespace q2 {

Task<void> produce(Queue<int>& queue, int n) {
    for (int x = 1; x <= n; ++x) {
        std::printf("producing %d/%d\n", x, n);
        co_await sleep(100ms);
        co_await queue.put(x);
    }
}

Task<void> consume(Queue<int>& queue) {
    for (;;) {
        const int item = co_await queue.get();
        std::printf("consuming %d\n", item);
        co_await sleep(100ms);
        queue.task_done();
    }
}

Task<void> main() {
    Queue<int> queue;
    auto consumer = create_task(consume(queue));
    co_await produce(queue, 10);
    co_await queue.join();
    std::puts("all done");
    consumer.cancel();
    try {
        co_await consumer;
    } catch (const TaskCancelled&) {
        std::puts("the consumer was cancelled");
    }
}

}  // namespace q2

namespace r8 {

Task<void> consume(PriorityQueue<int>& queue, Semaphore& semaphore) {
    for (;;) {
        const int number = co_await queue.get();
        auto permit = co_await semaphore.hold();
        std::printf("consumed %d\n", number);
        co_await sleep(100ms);
        queue.task_done();
    }
}

Task<void> main() {
    PriorityQueue<int> queue;
    Semaphore semaphore(1);
    for (const int number : {83, 7, 42, 99, 15, 64, 28}) co_await queue.put(number);
    auto consumer = create_task(consume(queue, semaphore));
    co_await queue.join();
    consumer.cancel();
    try {
        co_await consumer;
    } catch (const TaskCancelled&) {
        std::puts("the consumer was cancelled");
    }
}

}  // namespace r8

namespace s7d {

using Work = Queue<std::optional<int>>;

Task<void> consumer(int n, Work& queue) {
    std::printf("consumer %d: starting\n", n);
    for (;;) {
        std::printf("consumer %d: waiting for item\n", n);
        const std::optional<int> item = co_await queue.get();
        if (!item) {
            queue.task_done();
            break;
        }
        std::printf("consumer %d: has item %d\n", n, *item);
        co_await sleep(10ms * *item);
        queue.task_done();
    }
    std::printf("consumer %d: ending\n", n);
}

Task<void> producer(Work& queue, int workers) {
    std::puts("producer: starting");
    for (int i = 0; i < workers * 3; ++i) {
        co_await queue.put(i);
        std::printf("producer: added task %d to the queue\n", i);
    }
    std::puts("producer: adding stop signals to the queue");
    for (int i = 0; i < workers; ++i) co_await queue.put(std::nullopt);
    std::puts("producer: waiting for queue to empty");
    co_await queue.join();
    std::puts("producer: ending");
}

Task<void> main() {
    Work queue(2);
    co_await gather(consumer(0, queue), consumer(1, queue), producer(queue, 2));
}

}  // namespace s7d

namespace u25n {

Task<void> produce(Queue<std::string>& queue, int number) {
    for (int i = 0; i < 3; ++i) {
        co_await sleep(500ms);
        co_await queue.put("item " + std::to_string(number) + "-" + std::to_string(i));
    }
}

Task<void> consume(Queue<std::string>& queue, int number) {
    try {
        for (;;) {
            const std::string item = co_await timeout(2s, queue.get());
            std::printf("consumer %d: %s\n", number, item.c_str());
            queue.task_done();
        }
    } catch (const TimeoutError&) {
        std::printf("consumer %d timed out\n", number);
    }
}

/// A buffer of bounded size, by hand.
class BoundedBuffer {
public:
    explicit BoundedBuffer(std::size_t size) : size_(size) {}

    Task<void> put(int item) {
        auto guard = co_await lock_.lock();
        co_await changed_.wait([this] { return items_.size() < size_; });
        items_.push_back(item);
        changed_.notify_all();
    }
    Task<int> get() {
        auto guard = co_await lock_.lock();
        co_await changed_.wait([this] { return !items_.empty(); });
        const int item = items_.front();
        items_.pop_front();
        changed_.notify_all();
        co_return item;
    }

private:
    std::size_t size_;
    std::deque<int> items_;
    Mutex lock_;
    Condition changed_{lock_};
};

Task<void> fill(BoundedBuffer& buffer) {
    for (int i = 0; i < 5; ++i) co_await buffer.put(i);
}

Task<void> empty(BoundedBuffer& buffer) {
    int sum = 0;
    for (int i = 0; i < 5; ++i) {
        const int item = co_await buffer.get();
        sum += item;
    }
    std::printf("sum of the buffer's items: %d\n", sum);
}

Task<void> increment(Mutex& lock, int& counter) {
    for (int i = 0; i < 100; ++i) {
        auto guard = co_await lock.lock();
        const int before = counter;
        co_await sleep(0s);
        counter = before + 1;
    }
}

Task<void> main() {
    Queue<std::string> queue(2);
    co_await gather(produce(queue, 0), produce(queue, 1), consume(queue, 0), consume(queue, 1));

    BoundedBuffer buffer(2);
    co_await gather(fill(buffer), empty(buffer));

    PriorityQueue<int> urgent;
    for (const int priority : {3, 1, 2}) co_await urgent.put(priority);
    while (!urgent.empty()) std::printf("priority %d\n", urgent.get_nowait());

    Mutex lock;
    int counter = 0;
    co_await gather(increment(lock, counter), increment(lock, counter), increment(lock, counter));
    std::printf("counter: %d\n", counter);
}

}  // namespace u25n

int main() {
    std::puts("J12a");
    run(j12a::main());
    std::puts("J12b");
    run(j12b::main());
    std::puts("J12c");
    j12c::main();
    std::puts("Q1");
    run(q1::main());
    std::puts("Q2");
    run(q2::main());
    std::puts("R8");
    run(r8::main());
    std::puts("S7d");
    run(s7d::main());
    std::puts("U25n");
    run(u25n::main());
}
