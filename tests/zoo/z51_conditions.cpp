// Z51: co_await inside a condition. g++ 12 lays out the frame wrongly when no block of the coroutine declares
// anything: the body never runs. Naming the result, or any local anywhere, makes it right.
#include "zoo_task.hpp"

using namespace zoo;

namespace {

Task<bool> yes() { co_return true; }
Task<int> number(int value) { co_return value; }

// Natural forms: no local in the outermost block.

Task<int> if_alone() {
    if (co_await yes()) co_return 1;
    co_return 2;
}
Task<int> if_with_parameter(int value) {
    if (co_await yes()) co_return value;
    co_return 2;
}
Task<int> if_else() {
    if (co_await yes())
        co_return 1;
    else
        co_return 2;
}
Task<int> if_negated() {
    if (!co_await yes()) co_return 2;
    co_return 1;
}
Task<int> if_compared() {
    if (co_await number(3) == 3) co_return 1;
    co_return 2;
}
Task<int> if_after_a_statement(int& calls) {
    ++calls;
    if (co_await yes()) co_return 1;
    co_return 2;
}
Task<int> if_after_an_await() {
    co_await number(3);
    if (co_await yes()) co_return 1;
    co_return 2;
}
Task<int> if_in_a_nested_block() {
    {
        int one = 1;
        if (co_await yes()) co_return one;
    }
    co_return 2;
}
Task<int> if_in_a_loop() {
    for (int i = 0; i < 3; ++i)
        if (co_await yes()) co_return 1;
    co_return 2;
}
Task<int> if_in_a_try_block() {
    try {
        if (co_await yes()) co_return 1;
    } catch (...) {
        co_return 3;
    }
    co_return 2;
}
Task<int> if_with_static() {
    static int one = 1;
    if (co_await yes()) co_return one;
    co_return 2;
}
Task<int> while_alone() {
    while (co_await yes()) co_return 1;
    co_return 2;
}
Task<void> while_counting(int& left) {
    while (co_await number(left) > 0) --left;
}
Task<int> switch_alone() {
    switch (co_await number(7)) {
        case 7:
            co_return 1;
        default:
            co_return 2;
    }
}
Task<int> in_an_endless_loop() {
    for (;;)
        if (co_await yes()) co_return 1;
}
Task<int> for_alone() {
    for (; co_await yes();) co_return 1;
    co_return 2;
}
Task<int> saved_by_a_local_of_a_handler() {
    try {
        if (co_await yes()) co_return 1;
    } catch (int error) {
        co_return error;
    }
    co_return 2;
}
Task<int> saved_by_a_local_of_another_block(int value) {
    if (value > 1) {
        int two = 2;
        co_return two;
    }
    if (co_await yes()) co_return value;
    co_return 2;
}
template <class T>
Task<T> if_in_a_template(T value) {
    if (co_await yes()) co_return value;
    co_return T();
}
struct Member {
    int value = 1;
    Task<int> if_alone() {
        if (co_await yes()) co_return value;
        co_return 2;
    }
};

// Right forms.

Task<int> do_while() {
    do {
    } while (!co_await yes());
    co_return 1;
}
Task<int> named_result() {
    const bool ok = co_await yes();
    if (ok) co_return 1;
    co_return 2;
}
Task<int> declared_in_if() {
    if (const auto ok = co_await yes()) co_return ok ? 1 : 3;
    co_return 2;
}
Task<void> declared_in_while(int& left) {
    while (const auto count = co_await number(left)) left = count - 1;
}
Task<int> local_first() {
    int one = 1;
    if (co_await yes()) co_return one;
    co_return 2;
}
Task<int> local_after() {
    if (co_await yes()) co_return 1;
    int two = 2;
    co_return two;
}
Task<int> switch_local_first() {
    int one = 1;
    switch (co_await number(7)) {
        case 7:
            co_return one;
        default:
            co_return 2;
    }
}
Task<int> named_in_a_loop() {
    for (int i = 0; i < 3; ++i) {
        const bool ok = co_await yes();
        if (ok) co_return 1;
    }
    co_return 2;
}
struct SafeMember {
    int value = 1;
    Task<int> named() {
        const bool ok = co_await yes();
        if (ok) co_return value;
        co_return 2;
    }
};

void gives_one(Task<int> task) { expect(run(std::move(task)) == 1, "the first branch was taken"); }

// A lost frame runs on from whatever its memory held before: nowhere, or into an illegal instruction.
// In zeroed memory it returns at once, so that the step loop can tell.
void zeroed(Task<int> (*form)()) {
    frames_zeroed() = true;
    gives_one(form());
}
void for_k7(Report& report) {
    report.natural(
        "if, zeroed frame: the step loop tells", broken_on_gcc12, [] { zeroed(if_alone); }, lost_text);
    report.natural(
        "while, zeroed frame: the step loop tells", broken_on_gcc12, [] { zeroed(while_alone); }, lost_text);
    report.natural(
        "switch, zeroed frame: the step loop tells", broken_on_gcc12, [] { zeroed(switch_alone); },
        lost_text);
}

}  // namespace

int main() {
    Report report("Z51 conditions");
    report.natural("if, function", broken_on_gcc12, [] { gives_one(if_alone()); });
    report.natural("if, function with parameter", broken_on_gcc12, [] { gives_one(if_with_parameter(1)); });
    report.natural("if else", broken_on_gcc12, [] { gives_one(if_else()); });
    report.natural("if, negated", broken_on_gcc12, [] { gives_one(if_negated()); });
    report.natural("if, compared", broken_on_gcc12, [] { gives_one(if_compared()); });
    report.natural("if, after a statement", broken_on_gcc12, [] {
        int calls = 0;
        gives_one(if_after_a_statement(calls));
        expect(calls == 1, "the statement before ran once");
    });
    report.natural("if, after an await", broken_on_gcc12, [] { gives_one(if_after_an_await()); });
    report.right("if, in a nested block with a local", [] { gives_one(if_in_a_nested_block()); });
    report.right("if, in a for loop", [] { gives_one(if_in_a_loop()); });
    report.natural("if, in a for loop without a variable", broken_on_gcc12,
                   [] { gives_one(in_an_endless_loop()); });
    report.natural("for", broken_on_gcc12, [] { gives_one(for_alone()); });
    report.right("if, with a local of a handler", [] { gives_one(saved_by_a_local_of_a_handler()); });
    report.right("if, with a local of another block",
                 [] { gives_one(saved_by_a_local_of_another_block(1)); });
    report.natural("if, in a try block", broken_on_gcc12, [] { gives_one(if_in_a_try_block()); });
    report.right("if, with a static local", [] { gives_one(if_with_static()); });
    report.natural("while", broken_on_gcc12, [] { gives_one(while_alone()); });
    report.natural("while, counting", broken_on_gcc12, [] {
        int left = 5;
        run(while_counting(left));
        expect(left == 0, "it ran to the end");
    });
    report.natural("switch", broken_on_gcc12, [] { gives_one(switch_alone()); });
    report.natural("if, template", broken_on_gcc12, [] { gives_one(if_in_a_template<int>(1)); });
    report.natural("if, member", broken_on_gcc12, [] {
        Member member;
        gives_one(member.if_alone());
    });
    report.right("if, lambda", [] {
        const auto lambda = []() -> Task<int> {
            if (co_await yes()) co_return 1;
            co_return 2;
        };
        gives_one(lambda());
    });
    report.right("while, lambda", [] {
        const auto lambda = []() -> Task<int> {
            while (co_await yes()) co_return 1;
            co_return 2;
        };
        gives_one(lambda());
    });

    report.natural("do while", broken_on_gcc12, [] { gives_one(do_while()); });
    report.right("if (auto x = co_await f())", [] { gives_one(declared_in_if()); });
    report.right("while (auto x = co_await f())", [] {
        int left = 5;
        run(declared_in_while(left));
        expect(left == 0, "it ran to the end");
    });
    report.right("local first", [] { gives_one(local_first()); });
    report.right("local after", [] { gives_one(local_after()); });
    report.right("switch, local first", [] { gives_one(switch_local_first()); });
    for_k7(report);

    report.right("named result", [] { gives_one(named_result()); });
    report.right("named result in a loop", [] { gives_one(named_in_a_loop()); });
    report.right("named result, member", [] {
        SafeMember member;
        gives_one(member.named());
    });
    return report.exit_code();
}
