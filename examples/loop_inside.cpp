// What goes on inside a loop: one chain of awaits, its ingredients, and one turn, step by step.
#include <tandem/tandem.hpp>

#include <unistd.h>

#include <chrono>
#include <coroutine>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

// K4: who registers, and who is resumed?

class Steps : public Instrument {
public:
    void before_step(const EntryInfo&) override { std::puts("step begins"); }
    void after_step(const EntryInfo&) override { std::puts("step ends"); }
    void before_wait(const LoopWait& wait) override {
        if (wait.timeout > 0s) std::printf("waiting, %zu timer\n", wait.timers);
    }
};

Task<int> compute(int x, int y) {
    std::printf("Compute %d + %d ...\n", x, y);
    co_await sleep(1s);
    co_return x + y;
}

Task<void> print_sum(int x, int y) {
    const int result = co_await compute(x, y);
    std::printf("%d + %d = %d\n", x, y, result);
}

// K5: its five ingredients, each alone.

struct Suspended {
    bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> handle) { resume = handle; }
    void await_resume() {}
    std::coroutine_handle<> resume;
};

Task<void> suspends(Suspended& leaf) {
    std::puts("runs until it has to wait");
    co_await leaf;
    std::puts("goes on where it was");
}

Task<void> suspending_and_resuming() {
    Suspended leaf;
    auto task = create_task(suspends(leaf));
    co_await checkpoint();
    std::puts("meanwhile");
    leaf.resume.resume();
    co_await task;
}

Task<int> three() { co_return 3; }
Task<int> seven() {
    const int n = co_await three();
    co_return n + 4;
}
Task<void> chaining() {
    const int n = co_await seven();
    std::printf("seven() = three() + 4 = %d\n", n);
}

void the_loop() {
    EventLoop loop;
    loop.call_later(10ms, [&loop] {
        std::puts("a timer");
        loop.stop();
    });
    loop.call_soon([] { std::puts("a callback"); });
    loop.run_forever();
}

Task<void> innermost() {
    co_await sleep(0s);
    std::puts("innermost");
}
Task<void> middle() {
    co_await innermost();
    std::puts("middle");
}
Task<void> resuming_the_chain() {
    co_await middle();
    std::puts("outermost");
}

Task<void> leaves() {
    Future<std::string> leaf;
    this_loop().call_soon([leaf] { leaf.set_result("a leaf has its value"); });
    const std::string text = co_await leaf;
    std::puts(text.c_str());
}

// L1: one turn after another, and a callback that is always there.

class Turns : public Instrument {
public:
    void before_wait(const LoopWait& wait) override {
        if (++turn > 4) return;
        std::printf("turn %d, %zu ready, %zu timers, %s\n", turn, wait.ready, wait.timers,
                    wait.timeout == 0s ? "looks" : "waits");
    }
    int turn = 0;
};

void turns() {
    int pipe_ends[2];
    if (::pipe(pipe_ends) != 0) return;
    Turns trace;
    EventLoop loop({.instrument = &trace});
    bool readable = false;
    loop.call_later(20ms, [] { std::puts("timer"); });
    loop.call_later(10ms, [] { std::puts("never"); }).cancel();
    loop.call_soon([&loop] {
        std::puts("soon");
        loop.call_soon([] { std::puts("added by it: next turn"); });
    });
    loop.call_soon([] { std::puts("soon too"); });
    for (int i = 0; i < 3; ++i) loop.poll_once(1h);

    std::function<void()> again = [&] {
        if (!readable) loop.call_soon(again);
    };
    again();
    loop.add_reader(pipe_ends[0], [&] {
        std::puts("readable, beside a callback that adds itself for ever");
        loop.remove_reader(pipe_ends[0]);
        readable = true;
        loop.stop();
    });
    static_cast<void>(::write(pipe_ends[1], "x", 1));
    loop.run_forever();
    loop.close();
    for (const int end : pipe_ends) ::close(end);
}

// L2: handles and futures.

Task<void> handles_and_futures() {
    EventLoop& loop = this_loop();
    auto soon = loop.call_soon([] { std::puts("never"); });
    auto later = loop.call_later(1ms, [] { std::puts("never"); });
    for (int i = 0; i < 2; ++i) {
        soon.cancel();
        later.cancel();
    }
    co_await sleep(2ms);
    std::puts("cancelled before their turn");

    Future<int> done;
    done.set_result(42);
    done.add_done_callback([](const Future<int>& f) { std::printf("callback: %d\n", f.result()); });
    std::puts("not inline");
    co_await checkpoint();

    const int n = co_await create_task(three());
    std::printf("a task is a future that steps a coroutine: %d\n", n);
}

// L3: what wakes a loop that sleeps.

Task<void> waking() {
    EventLoop& loop = this_loop();
    Event from_thread;
    std::jthread thread([&] {
        std::this_thread::sleep_for(20ms);
        loop.call_soon_threadsafe([&] { from_thread.set(); });
    });
    co_await from_thread.wait();
    std::puts("woken by a thread");

    Event from_signal;
    loop.add_signal_handler(SIGUSR1, [&] { from_signal.set(); });
    std::jthread killer([] {
        std::this_thread::sleep_for(20ms);
        ::kill(::getpid(), SIGUSR1);
    });
    co_await from_signal.wait();
    loop.remove_signal_handler(SIGUSR1);
    std::puts("woken by a signal");
}

/// Writes until it is told to pause.
class Writer : public net::Protocol {
public:
    void connection_made(net::Transport& transport) override {
        transport_ = &transport;
        while (!paused_) transport.write(std::string(1024, 'x'));
    }
    void data_received(Bytes) override {}
    void pause_writing() override {
        paused_ = true;
        std::printf("paused above 64 KiB: %s\n", transport_->write_buffer_bytes() > 64 * 1024 ? "yes" : "no");
    }
    void resume_writing() override {
        std::printf("resumed below a quarter: %s\n",
                    transport_->write_buffer_bytes() < 16 * 1024 ? "yes" : "no");
        transport_->close();
    }

private:
    net::Transport* transport_ = nullptr;
    bool paused_ = false;
};

Task<void> flow_control() {
    net::TcpListener listener = co_await net::listen({.host = "127.0.0.1"});
    net::TcpStream stream = co_await net::connect(listener.local());
    Writer writer;
    auto writing = create_task(net::run_protocol(std::move(stream), writer));
    net::TcpStream reader = co_await listener.accept();
    std::string buffer(100'000, '\0');
    while (auto count = co_await reader.read_some(buffer)) static_cast<void>(count);
    co_await reader.close();
    co_await writing;
}

/// Looks names up as `getaddrinfo` does, slowly, in a thread.
class SlowResolver : public net::Resolver {
public:
    Task<std::vector<net::SocketAddress>> resolve(std::string, std::uint16_t port,
                                                  net::AddressFamily) override {
        co_await to_thread([] { std::this_thread::sleep_for(100ms); });
        std::vector<net::SocketAddress> addresses = {net::SocketAddress::ip("127.0.0.1", port)};
        co_return addresses;
    }
};

Task<void> slow_name() {
    SlowResolver resolver;
    int ticks = 0;
    auto ticker = create_task([&ticks]() -> Task<void> {
        for (;;) {
            co_await sleep(10ms);
            ++ticks;
        }
    });
    const auto addresses = co_await resolver.resolve("slow.example", 80, net::AddressFamily::any);
    ticker.cancel();
    co_await ticker.join();
    std::printf("%s, and the loop ticked meanwhile: %s\n", addresses.at(0).to_string().c_str(),
                ticks > 3 ? "yes" : "no");
}

int ninety() { return 90; }

Task<void> child() {
    const int value = co_await process::to_process(ninety);
    std::printf("a child gave %d and has ended, without a handler of SIGCHLD: %s\n", value,
                std::signal(SIGCHLD, SIG_DFL) == SIG_DFL ? "yes" : "no");
}

int main() {
    std::puts("K4");
    Steps steps;
    run(print_sum(1, 2), {.instrument = &steps});
    std::puts("K5");
    run(suspending_and_resuming());
    run(chaining());
    the_loop();
    run(resuming_the_chain());
    run(leaves());
    std::puts("L1");
    turns();
    std::puts("L2");
    run(handles_and_futures());
    std::puts("L3");
    run(waking());
    run(flow_control());
    run(slow_name());
    run(child());
}
