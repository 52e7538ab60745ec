// Actors: objects that talk by messages, each with an inbox of its own.
#include <tandem/tandem.hpp>

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

using namespace tandem;

// J18: each sends to the other.
struct Pinger {
    using Message = std::string;
    Task<void> receive(std::string message);
};
struct Ponger {
    using Message = std::string;
    Task<void> receive(std::string message);
};
Actor<Pinger> ping;
Actor<Ponger> pong;
int lines = 0;

void say(const std::string& message) {
    if (lines == 10) return;
    std::puts(message.c_str());
    if (++lines < 10) return;
    ping.stop();
    pong.stop();
}

Task<void> Pinger::receive(std::string message) {
    say(message);
    if (lines < 10) co_await pong.tell("ping");
}
Task<void> Ponger::receive(std::string message) {
    say(message);
    if (lines < 10) co_await ping.tell("pong");
}

Task<void> ping_pong() {
    co_await ping.tell("start");
    co_await gather(ping.run(), pong.run());
}

// Z1: the smallest one.
struct Greeter {
    using Message = std::string;
    Task<void> started() {
        std::puts("started");
        co_return;
    }
    Task<void> receive(std::string name) {
        std::printf("hello, %s\n", name.c_str());
        co_await sleep(std::chrono::milliseconds(10));
        std::printf("goodbye, %s\n", name.c_str());
    }
    Task<void> stopped() {
        std::puts("stopped");
        co_return;
    }
};

Task<void> one_at_a_time() {
    Actor<Greeter> greeter;
    auto life = create_task(greeter.run());
    co_await greeter.tell("ada");
    co_await greeter.tell("grace");
    greeter.stop();
    std::puts("stop was sent");
    try {
        co_await greeter.tell("nobody");
    } catch (const QueueShutDown&) {
        std::puts("nobody came too late");
    }
    co_await life;
}

// Z2: a question carries the place for its answer.
struct Add {
    int n;
};
struct Total {
    Reply<int> reply;
};

class Account {
public:
    using Message = std::variant<Add, Total>;
    Task<void> receive(Message message) {
        if (const auto* add = std::get_if<Add>(&message))
            total_ += add->n;
        else
            std::get<Total>(message).reply(total_);
        co_return;
    }

private:
    int total_ = 0;
};

Account::Message for_total(Reply<int> reply) { return Total{std::move(reply)}; }

Task<void> question_and_answer() {
    Actor<Account> account;
    auto life = create_task(account.run());
    co_await account.tell(Add{30});
    co_await account.tell(Add{12});
    const int total = co_await account.ask<int>(for_total);
    std::printf("total: %d\n", total);

    auto late = create_task(account.ask<int>(for_total));
    co_await checkpoint();
    life.cancel();
    try {
        co_await late;
    } catch (const CompletionDropped&) {
        std::puts("stopped before it answered");
    }
}

// Z3: the same ball, 10,000 times there and back.
constexpr int rounds = 10'000;
class Player {
public:
    using Message = int;
    Player(std::vector<char>& hits, char name, Inbox<int>*& other)
        : hits_(hits), name_(name), other_(other) {}
    Task<void> receive(int hit) {
        hits_.push_back(name_);
        if (hit < 2 * rounds) co_await other_->tell(hit + 1);
        if (hit >= 2 * rounds - 1) other_->stop();
    }

private:
    std::vector<char>& hits_;
    char name_;
    Inbox<int>*& other_;
};

Task<void> tennis() {
    std::vector<char> hits;
    Inbox<int>* to_left = nullptr;
    Inbox<int>* to_right = nullptr;
    Actor<Player> left({}, std::ref(hits), '<', std::ref(to_right));
    Actor<Player> right({}, std::ref(hits), '>', std::ref(to_left));
    to_left = &left;
    to_right = &right;
    co_await left.tell(1);
    co_await gather(left.run(), right.run());
    const bool alternating = std::adjacent_find(hits.begin(), hits.end()) == hits.end();
    std::printf("%zu rounds, %s\n", hits.size() / 2, alternating ? "strictly alternating" : "out of turn");
}

// Z4: what fails starts afresh, but not for ever.
class Divider {
public:
    using Message = int;
    Task<void> receive(int divisor) {
        ++handled_;
        if (divisor == 0) throw std::domain_error("division by zero");
        std::printf("100 / %d = %d, message %d of this life\n", divisor, 100 / divisor, handled_);
        co_return;
    }

private:
    int handled_ = 0;
};

Task<void> supervision() {
    this_loop().set_exception_handler(
        [](EventLoop&, const ErrorContext& context) { std::printf("log: %s\n", context.message.c_str()); });
    Actor<Divider> divider({.give_up_after = 3});
    for (const int divisor : {5, 4, 0, 20, 0, 10, 0, 1}) co_await divider.tell(divisor);
    try {
        co_await divider.run();
    } catch (const std::domain_error& error) {
        std::printf("given up: %s\n", error.what());
    }
}

// Z5: 100 actors, and 1,000 messages for each.
constexpr int actors = 100;
constexpr int senders = 10;
constexpr int per_actor = 1'000;
struct Numbered {
    int sender;
    int number;
};
struct Tally {
    int received = 0;
    int out_of_order = 0;
};
class Listener {
public:
    using Message = Numbered;
    explicit Listener(Tally& tally) : tally_(tally) {}
    Task<void> receive(Numbered message) {
        int& last = last_[static_cast<std::size_t>(message.sender)];
        if (message.number != last + 1) ++tally_.out_of_order;
        last = message.number;
        ++tally_.received;
        co_return;
    }

private:
    Tally& tally_;
    std::vector<int> last_ = std::vector<int>(senders);
};

Task<void> send(std::vector<std::unique_ptr<Actor<Listener>>>& all, int sender) {
    for (int number = 1; number <= per_actor / senders; ++number)
        for (auto& receiver : all) co_await receiver->tell(Numbered{sender, number});
}

Task<void> crowd() {
    Tally tally;
    std::vector<std::unique_ptr<Actor<Listener>>> all;
    TaskGroup lives;
    for (int i = 0; i < actors; ++i) {
        all.push_back(std::make_unique<Actor<Listener>>(ActorOptions{}, std::ref(tally)));
        lives.create_task(all.back()->run());
    }
    std::vector<Task<void>> sending;
    for (int sender = 0; sender < senders; ++sender) sending.push_back(send(all, sender));
    co_await gather(std::move(sending));
    for (auto& receiver : all) receiver->stop();
    co_await lives.join();
    std::printf("%d messages, %d out of order\n", tally.received, tally.out_of_order);
}

// Z6: who sends faster than the actor works has to wait.
struct Slow {
    using Message = int;
    Task<void> receive(int) { co_await sleep(std::chrono::milliseconds(1)); }
};
struct Counter {
    using Message = int;
    explicit Counter(int& c) : count(c) {}
    Task<void> receive(int) {
        ++count;
        co_return;
    }
    int& count;
};

Task<void> backpressure() {
    Actor<Slow> slow({.inbox_room = 10});
    auto life = create_task(slow.run());
    std::size_t most = 0;
    for (int i = 0; i < 50; ++i) {
        co_await slow.tell(i);
        most = std::max(most, slow.size());
    }
    slow.stop();
    co_await life;
    std::printf("at most %zu waiting\n", most);

    int count = 0;
    Actor<Counter> counter({.inbox_room = 10}, std::ref(count));
    auto counting = create_task(counter.run());
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&counter] {
            for (int i = 0; i < 10'000; ++i) counter.tell_blocking(i);
        });
    co_await to_thread([&threads] { threads.clear(); });
    counter.stop();
    co_await counting;
    std::printf("%d of four threads arrived\n", count);
}

int main() {
    std::puts("J18");
    run(ping_pong());
    std::puts("Z1");
    run(one_at_a_time());
    std::puts("Z2");
    run(question_and_answer());
    std::puts("Z3");
    run(tennis());
    std::puts("Z4");
    run(supervision());
    std::puts("Z5");
    run(crowd());
    std::puts("Z6");
    run(backpressure());
}
