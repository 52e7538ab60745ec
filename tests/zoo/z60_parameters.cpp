// Z60: a coroutine's parameters live in its frame: each ends exactly once, after the locals, whichever way
// the frame ends and on whatever thread it ran. The last should end first; g++ 12 begins with the first.
#include "zoo_task.hpp"

#include <memory>
#include <thread>

using namespace zoo;

namespace {

enum class Body { returns, throws, waits };

Task<int> three(Life first, Life second, Life third, Body body, Gate& gate) {
    const Life local(4);
    if (body == Body::throws) throw 7;
    if (body == Body::waits) co_await gate.wait();
    co_return first.value() + second.value() + third.value();
}

Task<int> keeps(std::unique_ptr<Life> owned, const Life& borrowed) {
    const int more = borrowed.value();
    co_return owned->value() + more;
}

Task<int> passes_on(Life life) {
    const int result = co_await keeps(std::make_unique<Life>(3), life);
    co_return result;
}

std::vector<int> ends_of_frame(Body body, bool started, bool on_another_thread) {
    Gate gate;
    {
        auto task = three(Life(1), Life(2), Life(3), body, gate);
        Life::counts().ended.clear();
        const auto run_it = [&task] { expect(run_step(task.handle()), lost_text); };
        if (started && on_another_thread) std::thread(run_it).join();
        if (started && !on_another_thread) run_it();
        expect(task.done() == (started && body != Body::waits), "it ended, or not, as it should");
        if (body == Body::returns && started) expect(task.result() == 6, "the sum");
    }
    return Life::counts().ended;
}

void ends_once(Body body, bool started, bool on_another_thread) {
    auto ends = ends_of_frame(body, started, on_another_thread);
    if (started) {
        expect(ends.front() == 4, "the local ended first");
        ends.erase(ends.begin());
    }
    std::sort(ends.begin(), ends.end());
    expect(ends == std::vector<int>{1, 2, 3}, "each parameter ended once");
}

}  // namespace

int main() {
    Report report("Z60 parameters");
    report.right("finished", [] { ends_once(Body::returns, true, false); });
    report.right("body throws", [] { ends_once(Body::throws, true, false); });
    report.right("destroyed while suspended", [] { ends_once(Body::waits, true, false); });
    report.right("never started", [] { ends_once(Body::returns, false, false); });
    report.right("started on another thread", [] { ends_once(Body::returns, true, true); });
    report.right("throws on another thread", [] { ends_once(Body::throws, true, true); });
    report.natural("the last parameter ends first", broken_on_gcc12, [] {
        const auto ends = ends_of_frame(Body::returns, true, false);
        expect(ends == std::vector<int>{4, 3, 2, 1}, "the order of the ends");
    });
    report.right("moved from a named object", [] {
        Life named(7);
        Gate gate;
        expect(run(three(std::move(named), named, named, Body::returns, gate)) == 21, "the sum");
        expect(Life::living() == 1, "the named object lives on");
    });
    report.right("owned and borrowed", [] { expect(run(passes_on(Life(4))) == 7, "the sum"); });
    return report.exit_code();
}
