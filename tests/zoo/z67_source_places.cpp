// Z67: a defaulted source_location of await_transform tells the exact line of each co_await, and one of
// get_return_object names the coroutine, whatever the optimiser does. g++ 12 gives the last line of an
// expression that has several, and the last line of the coroutine for its definition.
#include "zoo_task.hpp"

#include <string_view>

using namespace zoo;

namespace {

unsigned here(std::source_location where = std::source_location::current()) { return where.line(); }

const unsigned leaf_defined_at = here() + 1;
Task<int> leaf(Gate& gate, unsigned& line) {
    line = here() + 1;
    co_await gate.wait();
    co_return 7;
}
Task<int> middle(Gate& gate, unsigned& own_line, unsigned& leaf_line) {
    own_line = here() + 1;
    const int result = co_await leaf(gate, leaf_line);
    co_return result;
}
Task<int> outer(Gate& gate, unsigned (&lines)[3]) {
    lines[0] = here() + 1;
    const int result = co_await middle(gate, lines[1], lines[2]);
    co_return result;
}
Task<int> two_awaits(Gate& gate, unsigned (&lines)[2]) {
    lines[0] = here() + 1;
    co_await gate.wait();
    lines[1] = here() + 1;
    co_await gate.wait();
    co_return 7;
}
#define WAIT_AT(gate) co_await (gate).wait()
Task<int> in_a_macro(Gate& gate, unsigned& line) {
    line = here() + 1;
    WAIT_AT(gate);
    co_return 7;
}
// clang-format off
Task<int> over_several_lines(Gate& gate, unsigned& line) {
    unsigned inner = 0;
    line = here() + 2;
    const int result =
        co_await
        leaf(
            gate,
            inner);
    co_return result;
}
// clang-format on

struct Member {
    Gate& gate;
    Task<int> waits() {
        co_await gate.wait();
        co_return 7;
    }
};

bool names(const std::source_location& place, std::string_view name) {
    const std::string_view text = place.function_name();
    return text.find(name) != std::string_view::npos && text.find("actor") == std::string_view::npos &&
           text.find("Frame") == std::string_view::npos;
}

bool in_this_file(const std::source_location& place) {
    return std::string_view(place.file_name()).ends_with("z67_source_places.cpp");
}

void finish(Gate& gate, Task<int>& task) {
    while (!task.done()) gate.open();
    expect(task.result() == 7, "the value arrived");
}

}  // namespace

int main() {
    Report report("Z67 source places");
    report.right("nested awaits, each at its own line", [] {
        Gate gate;
        unsigned lines[3] = {};
        auto task = outer(gate, lines);
        start(task);
        const PromiseBase* frame = &task.promise();
        for (const unsigned line : lines) {
            expect(frame->at.line() == line && in_this_file(frame->at), "the line of the co_await");
            frame = frame->child;
        }
        expect(!frame, "as many frames as lines");
        finish(gate, task);
    });
    report.right("the line moves on with the coroutine", [] {
        Gate gate;
        unsigned lines[2] = {};
        auto task = two_awaits(gate, lines);
        start(task);
        expect(task.promise().at.line() == lines[0], "the first co_await");
        gate.open();
        expect(task.promise().at.line() == lines[1], "the second co_await");
        finish(gate, task);
    });
    report.right("macro: the line of its use", [] {
        Gate gate;
        unsigned line = 0;
        auto task = in_a_macro(gate, line);
        start(task);
        expect(task.promise().at.line() == line, "the line of the macro's use");
        finish(gate, task);
    });
    report.natural("several lines: the line of the word co_await", broken_on_gcc12, [] {
        Gate gate;
        unsigned line = 0;
        auto task = over_several_lines(gate, line);
        start(task);
        expect(task.promise().at.line() == line,
               "off by " + std::to_string(task.promise().at.line() - line) + " lines");
        finish(gate, task);
    });
    report.right("lambda", [] {
        Gate gate;
        unsigned line = 0;
        const auto lambda = [](Gate& inner, unsigned& at) -> Task<int> {
            at = here() + 1;
            co_await inner.wait();
            co_return 7;
        };
        auto task = lambda(gate, line);
        start(task);
        expect(task.promise().at.line() == line, "the line of the co_await");
        expect(names(task.promise().born, ""), "a clean name");
        finish(gate, task);
    });
    report.right("born: the coroutine's clean name", [] {
        Gate gate;
        unsigned line = 0;
        auto task = leaf(gate, line);
        expect(names(task.promise().born, "leaf(") && in_this_file(task.promise().born), "leaf");
        Member member = {gate};
        auto other = member.waits();
        expect(names(other.promise().born, "Member::waits"), "Member::waits");
    });
    report.natural("born: the line of the definition", broken_on_gcc12, [] {
        Gate gate;
        unsigned line = 0;
        auto task = leaf(gate, line);
        expect(task.promise().born.line() == leaf_defined_at,
               "off by " + std::to_string(task.promise().born.line() - leaf_defined_at) + " lines");
    });
    report.natural("at: the coroutine's clean name", broken_on_gcc12, [] {
        Gate gate;
        unsigned line = 0;
        auto task = leaf(gate, line);
        start(task);
        expect(names(task.promise().at, "leaf("), task.promise().at.function_name());
        finish(gate, task);
    });
    return report.exit_code();
}
