// Z63: destroying frames that were never started, or are suspended. A chain must be destroyed from its leaf
// up, in a loop: when each frame destroys the one below it, the depth shows on the native stack.
#include "zoo_task.hpp"

#include <memory>

using namespace zoo;

namespace {

Task<int> number(int value) { co_return value; }
Task<int> holds(Life life, Task<int> task) {
    const int below = co_await std::move(task);
    co_return below + life.value();
}
Task<int> waits(Gate& gate, Life parameter) {
    const Life local(2);
    co_await gate.wait();
    co_return local.value() + parameter.value();
}
Task<int> waits_in_blocks(Gate& gate) {
    const Life outer(1);
    try {
        const auto owned = std::make_unique<Life>(2);
        for (const Life& life : {Life(3), Life(4)}) {
            co_await gate.wait();
            expect(life.value() > 2, "the element lives");
        }
    } catch (...) {
        expect(false, "destroying is no exception");
    }
    co_return 0;
}
Task<int> chain(Gate& gate, int levels) {
    const Life life(levels);
    if (levels == 1) {
        co_await gate.wait();
        co_return 1;
    }
    const int below = co_await chain(gate, levels - 1);
    co_return below + 1;
}

/// A task as in the tutorials: whoever owns it destroys it, and so on downwards.
class Naive {
public:
    struct promise_type : PromiseBase, Result<int> {
        Naive get_return_object() noexcept {
            self = std::coroutine_handle<promise_type>::from_promise(*this);
            return Naive(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        Final<Transfer::trampoline> final_suspend() noexcept { return {}; }
    };
    Naive(Naive&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    ~Naive() {
        if (handle_) handle_.destroy();
    }
    std::coroutine_handle<promise_type> handle() const { return handle_; }

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> parent) noexcept {
        handle_.promise().awaiter = &parent.promise();
        this_step().accounted = true;
        this_step().next = handle_;
    }
    int await_resume() { return handle_.promise().take(); }

private:
    explicit Naive(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

struct MarksItsEnd {
    StackMeter* meter;
    ~MarksItsEnd() { meter->mark(); }
};

Naive naive_chain(Gate& gate, StackMeter& meter, int levels) {
    const MarksItsEnd mark = {&meter};
    if (levels == 1) {
        co_await gate.wait();
        co_return 1;
    }
    const int below = co_await naive_chain(gate, meter, levels - 1);
    co_return below + 1;
}

void destroy_naive_chain() {
    StackMeter meter;
    Gate gate;
    {
        const auto task = naive_chain(gate, meter, 2'000);
        run_step(task.handle());
    }
    expect(meter.grown_bytes() < 16 * 1024,
           "the native stack grew by " + std::to_string(meter.grown_bytes()) + " bytes");
}

}  // namespace

int main() {
    Report report("Z63 destroying");
    report.right("never started", [] {
        const auto task = waits(*std::make_unique<Gate>(), Life(1));
        expect(Life::living() == 1, "the parameter lives in the frame");
    });
    report.right("never started, holding tasks never started", [] {
        const auto task = holds(Life(1), holds(Life(2), number(3)));
        expect(Life::living() == 2, "the parameters live in their frames");
    });
    report.right("finished, never asked", [] {
        auto task = holds(Life(1), holds(Life(2), number(3)));
        start(task);
        expect(task.done(), "it finished");
    });
    report.right("suspended by a test awaiter", [] {
        Gate gate;
        {
            auto task = waits(gate, Life(1));
            start(task);
            Life::counts().ended.clear();
        }
        expect(Life::counts().ended == std::vector<int>{2, 1}, "the local ended, then the parameter");
    });
    report.right("suspended in nested blocks", [] {
        Gate gate;
        auto task = waits_in_blocks(gate);
        start(task);
        expect(Life::living() == 4, "all four live");
    });
    report.right("100 000 levels", [] {
        Gate gate;
        {
            auto task = chain(gate, 100'000);
            start(task);
            expect(Life::living() == 100'000, "every level lives");
        }
        expect(Life::counts().ended.front() == 1 && Life::counts().ended.back() == 100'000,
               "the leaf ended first");
    });
    report.natural("each frame destroys the one below, 2 000 levels",
                   gcc12 || clang ? Expect::broken : Expect::measured, destroy_naive_chain,
                   "the native stack grew");
    return report.exit_code();
}
