// Z64: what a foreign awaiter receives is a relay (K9): a handle whose resume() may be called from any
// thread, once, and only posts. A raw handle would run the coroutine inside the foreign call.
#include "zoo_task.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

using namespace zoo;

namespace {

/// The loop's inbox.
class Inbox {
public:
    void post(std::coroutine_handle<> waiting) {
        {
            const std::lock_guard lock(mutex_);
            posted_.push_back(waiting);
        }
        arrived_.notify_one();
    }
    void run_one() {
        std::unique_lock lock(mutex_);
        arrived_.wait(lock, [this] { return !posted_.empty(); });
        const auto waiting = posted_.front();
        posted_.pop_front();
        lock.unlock();
        expect(run_step(waiting), lost_text);
    }
    std::size_t size() {
        const std::lock_guard lock(mutex_);
        return posted_.size();
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<std::coroutine_handle<>> posted_;
};

/// Posts once the relay is suspended. Were it posted by the relay's body, the loop could destroy a frame that
/// still runs on another thread: ThreadSanitizer found that.
class Posts {
public:
    Posts(Inbox& inbox, std::coroutine_handle<> waiting) noexcept : inbox_(inbox), waiting_(waiting) {}
    bool await_ready() const noexcept { return false; }
    [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) const { inbox_.post(waiting_); }
    void await_resume() const noexcept {}

private:
    Inbox& inbox_;
    std::coroutine_handle<> waiting_;
};

/// A coroutine that posts another when it is resumed first, and counts the times it should not have been.
class Relay {
public:
    struct promise_type {
        Relay get_return_object() noexcept {
            return Relay(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
    };

    Relay() = default;
    Relay(Relay&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Relay& operator=(Relay&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Relay() {
        if (handle_) handle_.destroy();
    }
    std::coroutine_handle<> handle() const { return handle_; }

    static Relay make(Inbox& inbox, std::coroutine_handle<> waiting, int& too_often) {
        co_await Posts(inbox, waiting);
        for (;;) {
            ++too_often;
            co_await std::suspend_always();
        }
    }

private:
    explicit Relay(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

/// An awaiter of somebody else's making. What it does with the handle it is given is its own affair.
class Foreign {
public:
    Foreign(bool ready, void (*on_suspend)(std::coroutine_handle<>))
        : ready_(ready), on_suspend_(on_suspend) {}
    bool await_ready() const noexcept { return ready_; }
    void await_suspend(std::coroutine_handle<> waiting) const { on_suspend_(waiting); }
    int await_resume() const { return life_.value(); }

private:
    bool ready_;
    void (*on_suspend_)(std::coroutine_handle<>);
    Life life_{7};
};

class Adapted {
public:
    Adapted(Inbox& inbox, int& too_often, Foreign foreign)
        : inbox_(inbox), too_often_(too_often), foreign_(std::move(foreign)) {}
    bool await_ready() const noexcept { return foreign_.await_ready(); }
    [[gnu::noinline]] void await_suspend(std::coroutine_handle<> waiting) {
        this_step().accounted = true;
        relay_ = Relay::make(inbox_, waiting, too_often_);
        foreign_.await_suspend(relay_.handle());
    }
    int await_resume() const { return foreign_.await_resume(); }

private:
    Inbox& inbox_;
    int& too_often_;
    Foreign foreign_;
    Relay relay_;
};

std::coroutine_handle<> kept;
void keep(std::coroutine_handle<> waiting) { kept = waiting; }
void resume_at_once(std::coroutine_handle<> waiting) { waiting.resume(); }

Task<int> awaits(Inbox& inbox, int& too_often, bool ready, void (*on_suspend)(std::coroutine_handle<>)) {
    const Life local(1);
    const int result = co_await Adapted(inbox, too_often, Foreign(ready, on_suspend));
    co_return result;
}
Task<int> awaits_often(Inbox& inbox, int& too_often, StackMeter& meter) {
    int sum = 0;
    for (int i = 0; i < 2'000; ++i) {
        sum += co_await Adapted(inbox, too_often, Foreign(false, resume_at_once));
        meter.mark();
    }
    co_return sum;
}
Task<int> awaits_raw(StackMeter& meter) {
    int sum = 0;
    for (int i = 0; i < 2'000; ++i) {
        sum += co_await Foreign(false, resume_at_once);
        meter.mark();
    }
    co_return sum;
}

void expect_flat(const StackMeter& meter) {
    expect(meter.grown_bytes() < 16 * 1024,
           "the native stack grew by " + std::to_string(meter.grown_bytes()) + " bytes");
}

}  // namespace

int main() {
    Report report("Z64 relay");
    report.right("resumed from another thread", [] {
        Inbox inbox;
        int too_often = 0;
        auto task = awaits(inbox, too_often, false, keep);
        start(task);
        std::thread other([] { kept.resume(); });
        inbox.run_one();
        other.join();
        expect(task.done() && task.result() == 7 && too_often == 0, "it was resumed once, here");
    });
    report.right("resumed by the awaiter's own thread", [] {
        Inbox inbox;
        int too_often = 0;
        static std::thread other;
        auto task = awaits(inbox, too_often, false,
                           [](std::coroutine_handle<> waiting) { other = std::thread(waiting); });
        start(task);
        inbox.run_one();
        expect(task.done() && task.result() == 7 && too_often == 0, "it was resumed once, here");
        other.join();
    });
    report.right("resumed twice: the second is caught", [] {
        Inbox inbox;
        int too_often = 0;
        auto task = awaits(inbox, too_often, false, keep);
        start(task);
        kept.resume();
        kept.resume();
        expect(too_often == 1 && inbox.size() == 1, "the second was counted, and posted nothing");
        inbox.run_one();
        expect(task.done() && task.result() == 7, "the value arrived");
    });
    report.right("never resumed, destroyed", [] {
        Inbox inbox;
        int too_often = 0;
        auto task = awaits(inbox, too_often, false, keep);
        start(task);
        expect(Life::living() >= 2 && !task.done(), "it waits");
    });
    report.right("ready: no relay, no post", [] {
        Inbox inbox;
        int too_often = 0;
        auto task = awaits(inbox, too_often, true, [](auto) { expect(false, "await_suspend was called"); });
        start(task);
        expect(task.done() && task.result() == 7 && inbox.size() == 0, "it ran through");
    });
    report.right("completes inside await_suspend, 2 000 times", [] {
        Inbox inbox;
        int too_often = 0;
        StackMeter meter;
        auto task = awaits_often(inbox, too_often, meter);
        start(task);
        while (!task.done()) inbox.run_one();
        expect(task.result() == 14'000 && too_often == 0, "the sum");
        expect_flat(meter);
    });
    report.natural("raw handle, resumed inside await_suspend, 2 000 times",
                   gcc12 || clang ? Expect::broken : Expect::measured, [] {
                       StackMeter meter;
                       expect(run(awaits_raw(meter)) == 14'000, "the sum");
                       expect_flat(meter);
                   });
    return report.exit_code();
}
