// Z75: awaiting what is already there allocates nothing and never comes near the step loop.
#include "zoo_task.hpp"

using namespace zoo;

namespace {

long allocations = 0;

}  // namespace

#if !defined(ZOO_TSAN)  // whose library defines them already; frames are counted all the same
// Not inline: g++ 12 would warn that malloc and delete do not match.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    ++allocations;
    if (void* memory = std::malloc(bytes)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace {

/// A value that is there, or comes when the gate opens.
class Value {
public:
    class Awaiter {
    public:
        Awaiter(Value& value, bool is_there) : value_(&value), is_there_(is_there), gate_(value.gate_) {}
        bool await_ready() const noexcept { return is_there_; }
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<> waiting) noexcept {
            ++value_->suspensions;
            gate_.await_suspend(waiting);
        }
        int await_resume() const { return life_.value(); }

    private:
        Value* value_;
        bool is_there_;
        Gate::Awaiter gate_;
        Life life_{7};
    };

    Awaiter get(bool is_there) { return Awaiter(*this, is_there); }
    void come() { gate_.open(); }
    long suspensions = 0;

private:
    friend Awaiter;
    Gate gate_;
};

struct Cost {
    long allocations;
    long frames;
    long handovers;
    bool accounted;
};
Cost cost() { return {allocations, frames_alive(), this_step().handovers, this_step().accounted}; }
bool operator==(const Cost& a, const Cost& b) {
    return a.allocations == b.allocations && a.frames == b.frames && a.handovers == b.handovers &&
           a.accounted == b.accounted;
}

constexpr int rounds = 1'000;

Task<int> awaits_ready(Value& value) {
    int sum = 0;
    sum += co_await value.get(true);  // Life's own books grow here
    const auto before = cost();
    for (int i = 1; i < rounds; ++i) sum += co_await value.get(true);
    const auto after = cost();
    expect(before == after, "no allocation, no frame, no hand-over");
    co_return sum;
}
Task<int> awaits_both(Value& value) {
    int sum = 0;
    for (int i = 0; i < rounds; ++i) sum += co_await value.get(i % 2 == 0);
    co_return sum;
}
Task<int> number() { co_return 7; }
Task<int> awaits_task() {
    const auto before = cost();
    const int result = co_await number();
    const auto after = cost();
    expect(after.handovers == before.handovers + 1, "a task is handed over");
    co_return result;
}

}  // namespace

int main() {
    Report report("Z75 ready awaiters");
    report.right("ready, 1 000 times", [] {
        Life::counts().ended.reserve(4 * rounds);
        Value value;
        expect(run(awaits_ready(value)) == 7 * rounds, "the sum");
        expect(value.suspensions == 0, "await_suspend was never called");
    });
    report.right("ready and not ready in turn", [] {
        Value value;
        auto task = awaits_both(value);
        start(task);
        while (!task.done()) value.come();
        expect(task.result() == 7 * rounds, "the sum");
        expect(value.suspensions == rounds / 2, "it suspended every second time");
    });
    report.right("the books notice a task", [] { expect(run(awaits_task()) == 7, "the value arrived"); });
    return report.exit_code();
}
