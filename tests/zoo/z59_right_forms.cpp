// Z59: the forms that both compilers get right, so that nobody has to fear them. Each is run once.
#include "zoo_task.hpp"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

using namespace zoo;

namespace {

Task<int> number(int value) { co_return value; }
Task<Life> life_of(int value) { co_return Life(value); }
Task<bool> truth(bool value) { co_return value; }
Task<int> by_value(Life life) { co_return life.value(); }
Task<int> by_const_reference(const Life& life) { co_return life.value(); }
Task<int> by_rvalue_reference(Life&& life) { co_return life.value(); }
Task<int> with_default(Life life = Life(7)) { co_return life.value(); }
Task<int> sum_of(int a, int b) { co_return a + b; }
Task<int> throws() {
    throw 7;
    co_return 0;
}
int adds(int a, int b) { return a + b; }

struct Two {
    Life first;
    Life second;
};
Task<std::pair<int, Life>> pair_of(int a, int b) { co_return {a, Life(b)}; }
Task<Two> two_of(int a, int b) { co_return {Life(a), Life(b)}; }
Task<std::vector<Life>> lives(int count) {
    std::vector<Life> result;
    for (int i = 1; i <= count; ++i) result.emplace_back(i);
    co_return result;
}
Task<std::unique_ptr<Life>> owned(int value) { co_return std::make_unique<Life>(value); }

// Parameters and arguments.
Task<int> temporary_by_value() {
    const int result = co_await by_value(Life(7));
    co_return result;
}
Task<int> temporary_by_const_reference() {
    const int result = co_await by_const_reference(Life(7));
    co_return result;
}
Task<int> temporary_by_rvalue_reference() {
    const int result = co_await by_rvalue_reference(Life(7));
    co_return result;
}
Task<int> default_argument() {
    const int result = co_await with_default();
    co_return result;
}
Task<int> awaits_as_arguments() {
    const int result = adds(co_await number(3), co_await number(4));
    co_return result;
}
Task<int> awaits_as_arguments_of_an_await() {
    const int result = co_await sum_of(co_await number(3), co_await number(4));
    co_return result;
}
Task<int> awaited_class_as_argument() {
    const int result = co_await by_value(co_await life_of(7));
    co_return result;
}

// Operators.
Task<int> both_sides_of_plus() {
    const int result = co_await number(3) + co_await number(4);
    co_return result;
}
Task<int> both_sides_of_and() {
    const bool both = co_await truth(true) && co_await truth(true);
    const bool second_is_skipped = co_await truth(false) && co_await throws() == 0;
    co_return both && !second_is_skipped ? 7 : 0;
}
Task<int> both_sides_of_or() {
    const bool either = co_await truth(false) || co_await truth(true);
    const bool second_is_skipped = co_await truth(true) || co_await throws() == 0;
    co_return either&& second_is_skipped ? 7 : 0;
}
Task<int> scalar_conditional() {
    const int result = co_await truth(true) ? co_await number(7) : co_await number(0);
    co_return result;
}
Task<int> compound_assignment() {
    int result = 3;
    result += co_await number(4);
    co_return result;
}
Task<int> member_of_awaited() {
    const int result = (co_await life_of(7)).value();
    co_return result;
}

// Loops.
Task<int> for_with_awaits_in_all_parts() {
    int result = 0;
    for (int i = co_await number(0); i < co_await number(7); i += co_await number(1)) ++result;
    co_return result;
}
Task<int> range_for_over_awaited() {
    int result = 1;
    for (const Life& life : co_await lives(3)) result += life.value();
    co_return result;
}
Task<int> range_for_with_awaits_in_the_body() {
    int result = 1;
    const std::vector<int> numbers = {1, 2, 3};
    for (const int value : numbers) result += co_await number(value);
    co_return result;
}
Task<int> break_and_continue() {
    int result = 0;
    for (int i = 0;; ++i) {
        const Life life(i);
        const int value = co_await by_value(life);
        if (value == 2) continue;
        if (value > 4) break;
        result += value;
    }
    co_return result - 1;
}

// Results.
Task<int> bindings_of_pair() {
    const auto [first, second] = co_await pair_of(3, 4);
    co_return first + second.value();
}
Task<int> bindings_of_struct() {
    const auto [first, second] = co_await two_of(3, 4);
    co_return first.value() + second.value();
}
Task<int> move_only_result() {
    const auto life = co_await owned(7);
    co_return life->value();
}
Task<int> result_bound_to_const_reference() {
    const Life& life = co_await life_of(7);
    const int other = co_await number(0);
    co_return life.value() + other;
}
Task<int> forwarded() { co_return co_await number(7); }

// Exceptions.
Task<int> exception_of_the_callee() {
    const Life life(7);
    int result = 0;
    try {
        co_await throws();
    } catch (int value) {
        result = value;
    }
    co_return result;
}
Life throwing_argument() { throw 7; }
Task<int> exception_of_an_argument() {
    int result = 0;
    try {
        co_await by_value(throwing_argument());
    } catch (int value) {
        result = value;
    }
    co_return result;
}
class ThrowsAtResume {
public:
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    int await_resume() const { throw 7; }
};
Task<int> exception_of_await_resume() {
    int result = 0;
    try {
        co_await ThrowsAtResume();
    } catch (int value) {
        result = value;
    }
    co_return result;
}
Task<int> exception_of_nested_blocks() {
    int result = 0;
    try {
        const Life outer(1);
        try {
            const Life inner(2);
            co_await throws();
        } catch (const char*) {
            result = -1;
        }
    } catch (int value) {
        result += value;
    }
    co_return result;
}
Task<int> exception_amid_temporaries() {
    int result = 0;
    try {
        result = (co_await life_of(3)).value() + co_await by_value(Life(4)) + co_await throws();
    } catch (int value) {
        result = value;
    }
    co_return result;
}

// Kinds of coroutines.
struct Member {
    Life life{7};
    Task<int> plain() const {
        const int more = co_await number(0);
        co_return life.value() + more;
    }
    static Task<int> fixed() { co_return 7; }
    virtual Task<int> overridden() { co_return 0; }
    virtual ~Member() = default;
};
struct Derived : Member {
    Task<int> overridden() override { co_return co_await number(7); }
};
template <class T>
    requires std::is_integral_v<T>
Task<T> constrained(T value) {
    const T result = co_await number(value);
    co_return result;
}
template <class... Values>
Task<int> pack(Values... values) {
    const int result = (0 + ... + values.value());
    const int more = co_await number(0);
    co_return result + more;
}
Task<int> no_throw(Life life) noexcept {
    const int more = co_await number(0);
    co_return life.value() + more;
}
class Builder {
public:
    Builder() = default;
    Builder&& add(int value) && {
        life_ = Life(life_.value() + value);
        return std::move(*this);
    }
    Task<int> send() && { return by_value(std::move(life_)); }

private:
    Life life_;
};
Task<int> builder_chain() {
    const int result = co_await Builder().add(3).add(4).send();
    co_return result;
}
template <class F>
Task<int> call(F function) {
    co_return function();
}
Task<int> bound_front() {
    const Life life(7);
    const int result = co_await call(std::bind_front([](const Life& bound) { return bound.value(); }, life));
    co_return result;
}
Task<int> member_coroutines() {
    const Member member;
    Derived derived;
    const int first = co_await member.plain();
    const int second = co_await Member::fixed();
    const int third = co_await derived.overridden();
    co_return first == 7 && second == 7 ? third : 0;
}
Task<int> templates() {
    const int first = co_await constrained(3);
    const int second = co_await pack(Life(1), Life(3));
    co_return first + second;
}

Task<int> suspended_amid_temporaries(Gate& gate) {
    const Life local(1);
    class Waits {
    public:
        Waits(Gate& gate, Life life) : awaiter_(gate), life_(std::move(life)) {}
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiting) noexcept { awaiter_.await_suspend(waiting); }
        int await_resume() const { return life_.value(); }

    private:
        Gate::Awaiter awaiter_;
        Life life_;
    };
    const int result = (co_await life_of(2)).value() + co_await Waits(gate, Life(5));
    co_return result;
}

void gives_seven(Task<int> task) { expect(run(std::move(task)) == 7, "the value arrived"); }

template <Task<int> (*form)()>
void check() {
    gives_seven(form());
}

}  // namespace

int main() {
    Report report("Z59 right on both");
    report.right("temporary by value", check<temporary_by_value>);
    report.right("temporary by const&", check<temporary_by_const_reference>);
    report.right("temporary by &&", check<temporary_by_rvalue_reference>);
    report.right("default argument of class type", check<default_argument>);
    report.right("awaits as arguments", check<awaits_as_arguments>);
    report.right("awaits as arguments of an awaited call", check<awaits_as_arguments_of_an_await>);
    report.right("awaited class as argument", check<awaited_class_as_argument>);
    report.right("both sides of +", check<both_sides_of_plus>);
    report.right("both sides of &&, bound", check<both_sides_of_and>);
    report.right("both sides of ||, bound", check<both_sides_of_or>);
    report.right("scalar ?:", check<scalar_conditional>);
    report.right("compound assignment", check<compound_assignment>);
    report.right("(co_await f()).member()", check<member_of_awaited>);
    report.right("for with awaits in all three parts", check<for_with_awaits_in_all_parts>);
    report.right("range-for over an awaited container", check<range_for_over_awaited>);
    report.right("range-for with awaits in the body", check<range_for_with_awaits_in_the_body>);
    report.right("break and continue", check<break_and_continue>);
    report.right("structured bindings of a pair", check<bindings_of_pair>);
    report.right("structured bindings and co_return {a, b}", check<bindings_of_struct>);
    report.right("move-only result", check<move_only_result>);
    report.right("const T& r = co_await f()", check<result_bound_to_const_reference>);
    report.right("co_return co_await f()", check<forwarded>);
    report.right("exception of the callee", check<exception_of_the_callee>);
    report.right("exception of an argument", check<exception_of_an_argument>);
    report.right("exception of await_resume", check<exception_of_await_resume>);
    report.right("exception through nested blocks", check<exception_of_nested_blocks>);
    report.right("exception amid temporaries", check<exception_amid_temporaries>);
    report.right("member, static and virtual coroutines", check<member_coroutines>);
    report.right("templates with constraints, packs", check<templates>);
    report.right("noexcept coroutine", [] { gives_seven(no_throw(Life(7))); });
    report.right("builder chain", check<builder_chain>);
    report.right("std::bind_front", check<bound_front>);
    report.right("suspended amid temporaries, finished", [] {
        Gate gate;
        auto task = suspended_amid_temporaries(gate);
        start(task);
        gate.open();
        expect(task.done() && task.result() == 7, "the value arrived");
    });
    report.right("suspended amid temporaries, destroyed", [] {
        Gate gate;
        auto task = suspended_amid_temporaries(gate);
        start(task);
    });
    return report.exit_code();
}
