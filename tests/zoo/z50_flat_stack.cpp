// Z50: neither the number of awaits nor their depth shows on the native stack, if frames are resumed by a
// trampoline. Symmetric transfer keeps that promise only where the compiler makes a tail call of it.
#include "zoo_task.hpp"

using namespace zoo;

namespace {

constexpr int awaits_in_a_row = 1'000'000;
constexpr std::uintptr_t allowed_bytes = 16 * 1024;

struct Deep {
    int levels;
    bool throws;
    Gate* gate;
    StackMeter* meter;
};

void expect_flat(const StackMeter& meter) {
    const auto grown = meter.grown_bytes();
    expect(grown < allowed_bytes, "the native stack grew by " + std::to_string(grown) + " bytes");
}

template <Transfer how>
BasicTask<int, how> one(StackMeter& meter) {
    meter.mark();
    co_return 1;
}

template <Transfer how>
BasicTask<int, how> row(int count, StackMeter& meter) {
    int sum = 0;
    for (int i = 0; i < count; ++i) sum += co_await one<how>(meter);
    co_return sum;
}

template <Transfer how>
BasicTask<int, how> deep(Deep& plan, int level) {
    const Life life(level);
    plan.meter->mark();
    if (level == plan.levels) {
        if (plan.gate) co_await plan.gate->wait();
        if (plan.throws) throw level;
        co_return 1;
    }
    const int below = co_await deep<how>(plan, level + 1);
    plan.meter->mark();
    co_return below + 1;
}

BasicTask<int, Transfer::trampoline> caught_and_thrown_again(Deep& plan, int level, int& handlers) {
    const Life life(level);
    if (level == plan.levels) throw level;
    try {
        co_return co_await caught_and_thrown_again(plan, level + 1, handlers);
    } catch (int) {
        plan.meter->mark();
        ++handlers;
        throw;
    }
}

template <Transfer how>
void in_a_row(int count) {
    StackMeter meter;
    expect(run(row<how>(count, meter)) == count, "every await gave its value");
    expect_flat(meter);
}

template <Transfer how>
void start_and_finish(int levels) {
    StackMeter meter;
    Deep plan = {levels, false, nullptr, &meter};
    expect(run(deep<how>(plan, 1)) == levels, "every level returned");
    expect_flat(meter);
}

template <Transfer how>
void wait_and_finish(int levels) {
    StackMeter meter;
    Gate gate;
    Deep plan = {levels, false, &gate, &meter};
    auto task = deep<how>(plan, 1);
    start(task);
    expect(!task.done() && Life::living() == levels, "every level is alive while the leaf waits");
    gate.open();
    expect(task.done() && task.result() == levels, "every level returned");
    expect_flat(meter);
}

template <Transfer how>
void throw_through(int levels) {
    StackMeter meter;
    Deep plan = {levels, true, nullptr, &meter};
    int caught = 0;
    try {
        run(deep<how>(plan, 1));
    } catch (int level) {
        caught = level;
    }
    expect(caught == levels, "the exception came through every level");
    expect(Life::counts().ended.back() == 1, "the outermost level ended last");
    expect_flat(meter);
}

void catch_in_each(int levels) {
    StackMeter meter;
    Deep plan = {levels, true, nullptr, &meter};
    int handlers = 0;
    try {
        run(caught_and_thrown_again(plan, 1, handlers));
        expect(false, "it threw");
    } catch (int level) {
        expect(level == levels, "the exception of the leaf");
    }
    expect(handlers == levels - 1, "a handler on each level ran");
    expect_flat(meter);
}

struct MarksItsEnd {
    StackMeter* meter;
    ~MarksItsEnd() { meter->mark(); }
};

template <Transfer how>
BasicTask<int, how> abandoned(Deep& plan, int level) {
    const Life life(level);
    const MarksItsEnd mark = {plan.meter};
    if (level == plan.levels) {
        co_await plan.gate->wait();
        co_return 1;
    }
    const int below = co_await abandoned<how>(plan, level + 1);
    co_return below + 1;
}

template <Transfer how>
void destroy_while_suspended(int levels) {
    StackMeter meter;
    Gate gate;
    Deep plan = {levels, false, &gate, &meter};
    {
        auto task = abandoned<how>(plan, 1);
        start(task);
        expect(Life::living() == levels, "every level is alive");
    }
    expect(Life::living() == 0 && Life::counts().destroyed == levels, "every level ended once");
    expect(Life::counts().ended.back() == 1, "the leaf ended first, the outermost level last");
    expect_flat(meter);
}

constexpr const char* grew = "the native stack grew";

constexpr auto trampoline = Transfer::trampoline;
constexpr auto symmetric = Transfer::symmetric;
constexpr auto nested = Transfer::nested;

// g++ 12 makes the tail call only when it optimises and nothing instruments the function.
constexpr Expect no_tail_call = gcc12 && (!optimized || sanitized) ? Expect::broken
                                : gcc12 || clang                   ? Expect::right
                                                                   : Expect::measured;

}  // namespace

int main() {
    Report report("Z50 flat stack");
    report.right("trampoline, 1 000 000 awaits in a row", [] { in_a_row<trampoline>(awaits_in_a_row); });
    report.right("trampoline, 10 000 levels, finish at once", [] { start_and_finish<trampoline>(10'000); });
    report.right("trampoline, 100 000 levels, finish at once", [] { start_and_finish<trampoline>(100'000); });
    report.right("trampoline, 10 000 levels, wait, finish", [] { wait_and_finish<trampoline>(10'000); });
    report.right("trampoline, 100 000 levels, wait, finish", [] { wait_and_finish<trampoline>(100'000); });
    report.right("trampoline, 10 000 levels, throw", [] { throw_through<trampoline>(10'000); });
    report.right("trampoline, 100 000 levels, throw", [] { throw_through<trampoline>(100'000); });
    report.right("trampoline, 100 000 levels, catch and throw in each", [] { catch_in_each(100'000); });
    report.right("trampoline, 10 000 levels, destroyed suspended",
                 [] { destroy_while_suspended<trampoline>(10'000); });
    report.right("trampoline, 100 000 levels, destroyed suspended",
                 [] { destroy_while_suspended<trampoline>(100'000); });

    report.natural(
        "symmetric, 2 000 awaits in a row", no_tail_call, [] { in_a_row<symmetric>(2'000); }, grew);
    report.natural("symmetric, 2 000 levels", no_tail_call, [] { start_and_finish<symmetric>(2'000); }, grew);
    report.natural(
        "symmetric, 2 000 levels, throw", no_tail_call, [] { throw_through<symmetric>(2'000); }, grew);
    // ThreadSanitizer needs half a minute to say that its own shadow stack is full.
    if (!tsan)
        report.natural("symmetric, 1 000 000 awaits in a row", no_tail_call,
                       [] { in_a_row<symmetric>(awaits_in_a_row); });
    report.natural("nested resume(), 2 000 awaits in a row", Expect::right, [] { in_a_row<nested>(2'000); });
    report.natural(
        "nested resume(), 2 000 levels", Expect::broken, [] { start_and_finish<nested>(2'000); }, grew);
    return report.exit_code();
}
