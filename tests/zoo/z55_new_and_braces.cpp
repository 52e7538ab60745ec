// Z55: co_await inside `new T(...)` and inside the braces of an aggregate. g++ 12 destroys what was made
// twice; `new` of a class is spared only when its constructor takes another one.
#include "zoo_task.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

using namespace zoo;

namespace {

Task<Life> life_of(int value) { co_return Life(value); }
Task<int> number(int value) { co_return value; }

struct Pair {
    Life first;
    Life second;
};
struct Holder {
    explicit Holder(Life from) : life(std::move(from)) {}
    Life life;
};
struct Copier {
    explicit Copier(const Life& from) : life(from) {}
    Life life;
};
struct Numbers {
    int first;
    int second;
};

// Natural forms.

Task<int> new_of_the_same_class() {
    const std::unique_ptr<Life> life(new Life(co_await life_of(7)));
    co_return life->value();
}
Task<int> new_of_another_class() {
    const std::unique_ptr<Holder> holder(new Holder(co_await life_of(7)));
    co_return holder->life.value();
}
Task<int> new_of_another_class_by_reference() {
    const std::unique_ptr<Copier> copier(new Copier(co_await life_of(7)));
    co_return copier->life.value();
}
Task<int> aggregate_of_awaited() {
    const Pair pair{co_await life_of(3), co_await life_of(4)};
    co_return pair.first.value() + pair.second.value();
}
Task<int> designated_of_awaited() {
    const Pair pair = {.first = co_await life_of(3), .second = co_await life_of(4)};
    co_return pair.first.value() + pair.second.value();
}
Task<int> aggregate_half_awaited() {
    const Pair pair{Life(3), co_await life_of(4)};
    co_return pair.first.value() + pair.second.value();
}

// Forms that are right.

Task<int> new_from_an_awaited_number() {
    const std::unique_ptr<Life> life(new Life(co_await number(7)));
    co_return life->value();
}
Task<int> aggregate_of_numbers() {
    const Numbers numbers{co_await number(3), co_await number(4)};
    co_return numbers.first + numbers.second;
}
Task<int> named_then_new() {
    auto life = co_await life_of(7);
    const std::unique_ptr<Holder> holder(new Holder(std::move(life)));
    co_return holder->life.value();
}
Task<int> named_then_aggregate() {
    auto first = co_await life_of(3);
    auto second = co_await life_of(4);
    const Pair pair{std::move(first), std::move(second)};
    co_return pair.first.value() + pair.second.value();
}
Task<int> make_unique() {
    const auto life = std::make_unique<Life>(co_await life_of(7));
    co_return life->value();
}
Task<int> make_shared() {
    const auto holder = std::make_shared<Holder>(co_await life_of(7));
    co_return holder->life.value();
}
Task<int> push_back() {
    std::vector<Life> lives;
    lives.push_back(co_await life_of(3));
    lives.push_back(co_await life_of(4));
    co_return lives[0].value() + lives[1].value();
}
Task<int> emplace() {
    std::map<int, Life> lives;
    lives.emplace(co_await number(1), co_await life_of(7));
    co_return lives.at(1).value();
}
Task<int> constructor_call() {
    const Holder holder(co_await life_of(7));
    co_return holder.life.value();
}

void gives_seven(Task<int> task) { expect(run(std::move(task)) == 7, "the value arrived"); }

}  // namespace

int main() {
    Report report("Z55 new and braces");
    report.natural("new T(co_await f()), f gives T", broken_on_gcc12,
                   [] { gives_seven(new_of_the_same_class()); });
    report.natural("new Holder(co_await f()), f gives T, by value", Expect::right,
                   [] { gives_seven(new_of_another_class()); });
    report.natural("new Holder(co_await f()), f gives T, by reference", Expect::right,
                   [] { gives_seven(new_of_another_class_by_reference()); });
    report.natural("Agg{co_await f(), co_await g()}", broken_on_gcc12,
                   [] { gives_seven(aggregate_of_awaited()); });
    report.natural("{.a = co_await f(), .b = co_await g()}", broken_on_gcc12,
                   [] { gives_seven(designated_of_awaited()); });
    report.natural("Agg{T(3), co_await g()}", broken_on_gcc12, [] { gives_seven(aggregate_half_awaited()); });

    report.right("new T(co_await number())", [] { gives_seven(new_from_an_awaited_number()); });
    report.right("Numbers{co_await f(), co_await g()}", [] { gives_seven(aggregate_of_numbers()); });
    report.right("named, then new", [] { gives_seven(named_then_new()); });
    report.right("named, then aggregate", [] { gives_seven(named_then_aggregate()); });
    report.right("make_unique(co_await f())", [] { gives_seven(make_unique()); });
    report.right("make_shared(co_await f())", [] { gives_seven(make_shared()); });
    report.right("push_back(co_await f())", [] { gives_seven(push_back()); });
    report.right("emplace(co_await f(), co_await g())", [] { gives_seven(emplace()); });
    report.right("T t(co_await f())", [] { gives_seven(constructor_call()); });
    return report.exit_code();
}
