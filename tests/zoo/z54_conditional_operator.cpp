// Z54: `condition ? T(a) : T(b)` with class operands in a full expression with co_await. g++ 12 destroys the
// chosen operand twice.
#include "zoo_task.hpp"

using namespace zoo;

namespace {

Task<int> value_of(Life life) { co_return life.value(); }
Task<int> value_at(const Life& life) { co_return life.value(); }
Task<int> number(int value) { co_return value; }
Task<bool> truth(bool value) { co_return value; }
Task<Life> life_of(int value) { co_return Life(value); }

// Natural forms.

Task<int> class_argument(bool first) {
    const int result = co_await value_of(first ? Life(1) : Life(2));
    co_return result;
}
Task<int> class_argument_by_reference(bool first) {
    const int result = co_await value_at(first ? Life(1) : Life(2));
    co_return result;
}
Task<int> class_argument_of_copies(bool first) {
    const Life one(1);
    const int result = co_await value_of(first ? one : Life(2));
    co_return result;
}
Task<int> tasks_as_operands(bool first) {
    const int result = co_await (first ? number(1) : number(2));
    co_return result;
}
Task<int> awaits_as_class_operands(bool first) {
    const Life life = first ? co_await life_of(1) : co_await life_of(2);
    co_return life.value();
}
Task<int> awaited_condition_class_operands(bool first) {
    const Life life = co_await truth(first) ? Life(1) : Life(2);
    co_return life.value();
}

// Forms that are right.

Task<int> scalar_argument(bool first) {
    const int result = co_await number(first ? 1 : 2);
    co_return result;
}
Task<int> awaits_as_scalar_operands(bool first) {
    const int result = first ? co_await number(1) : co_await number(2);
    co_return result;
}
Task<int> awaited_condition_scalar_operands(bool first) {
    const int result = co_await truth(first) ? 1 : 2;
    co_return result;
}
Task<int> lvalue_operands(bool first) {
    const Life one(1);
    const Life two(2);
    const int result = co_await value_at(first ? one : two);
    co_return result;
}
Task<int> if_else(bool first) {
    int result = 0;
    if (first)
        result = co_await value_of(Life(1));
    else
        result = co_await value_of(Life(2));
    co_return result;
}
Task<int> named(bool first) {
    Life life = first ? Life(1) : Life(2);
    const int result = co_await value_of(std::move(life));
    co_return result;
}

void chooses(Task<int> (*form)(bool)) {
    expect(run(form(true)) == 1, "the first operand");
    expect(run(form(false)) == 2, "the second operand");
}

}  // namespace

int main() {
    Report report("Z54 conditional operator");
    report.natural("f(b ? T(1) : T(2))", broken_on_gcc12, [] { chooses(class_argument); });
    report.natural("f(b ? T(1) : T(2)), const T&", broken_on_gcc12,
                   [] { chooses(class_argument_by_reference); });
    report.natural("f(b ? t : T(2))", broken_on_gcc12, [] { chooses(class_argument_of_copies); });
    report.natural("co_await (b ? f() : g())", broken_on_gcc12, [] { chooses(tasks_as_operands); });
    report.natural("b ? co_await f() : co_await g(), class", broken_on_gcc12,
                   [] { chooses(awaits_as_class_operands); });
    report.natural("co_await b() ? T(1) : T(2)", broken_on_gcc12,
                   [] { chooses(awaited_condition_class_operands); });

    report.right("f(b ? 1 : 2)", [] { chooses(scalar_argument); });
    report.right("b ? co_await f() : co_await g(), scalar", [] { chooses(awaits_as_scalar_operands); });
    report.right("co_await b() ? 1 : 2", [] { chooses(awaited_condition_scalar_operands); });
    report.right("f(b ? one : two), two named objects", [] { chooses(lvalue_operands); });
    report.right("if else", [] { chooses(if_else); });
    report.right("named", [] { chooses(named); });
    return report.exit_code();
}
