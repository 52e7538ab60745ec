// Z53: an aggregate with a member that has a destructor, made in the co_await expression. g++ 12 destroys it
// twice, the second time a bitwise copy. A constructor, trivial members or a name make it right.
#include "zoo_task.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace zoo;

namespace {

struct Agg {
    Life life;
    int more = 0;
    int read() const { return life.value(); }
    Task<int> read_later() const { co_return life.value(); }
};
struct Texts {
    std::string text;
};
struct Shared {
    std::shared_ptr<int> pointer;
};
struct Numbers {
    std::vector<int> numbers;
};
struct Unique {
    std::unique_ptr<int> pointer;
};

class Options {
public:
    Options() : life_(7) {}
    explicit Options(int value) : life_(value) {}
    Options(int value, int) : life_(value) {}
    Options& value(int value) & {
        life_ = Life(value);
        return *this;
    }
    Options&& value(int value) && {
        life_ = Life(value);
        return std::move(*this);
    }
    int read() const { return life_.value(); }

private:
    Life life_;
};

struct Trivial {
    std::chrono::milliseconds after{};
    std::string_view name = {};
    std::optional<int> value = {};
};

const std::string long_text(64, 'x');

Task<int> take(Agg agg) { co_return agg.read(); }
Task<int> take_reference(const Agg& agg) { co_return agg.read(); }
Task<int> take_default(Agg agg = {}) { co_return agg.read(); }
Task<int> take_array(std::array<Life, 2> lives) { co_return lives[1].value(); }
Task<int> take_text(Texts texts) { co_return texts.text == long_text ? 7 : 0; }
Task<int> take_shared(Shared shared) { co_return *shared.pointer; }
Task<int> take_numbers(Numbers numbers) { co_return numbers.numbers.at(0); }
Task<int> take_unique(Unique unique) { co_return *unique.pointer; }
Task<int> take_options(Options options) { co_return options.read(); }
Task<int> take_default_options(Options options = {}) { co_return options.read(); }
Task<int> take_trivial(Trivial trivial) { co_return trivial.value.value_or(0); }
Agg make_agg(int value) { return Agg{Life(value)}; }

struct AggAwaiter {
    Life life;
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    int await_resume() const { return life.value(); }
};
class ClassAwaiter {
public:
    explicit ClassAwaiter(Life life) : life_(std::move(life)) {}
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    int await_resume() const { return life_.value(); }

private:
    Life life_;
};

// Natural forms.

Task<int> designated() {
    const int result = co_await take({.life = Life(7)});
    co_return result;
}
Task<int> designated_copy() {
    const Life life(7);
    const int result = co_await take({.life = life});
    co_return result;
}
Task<int> typed_braces() {
    const int result = co_await take(Agg{Life(7)});
    co_return result;
}
Task<int> bound_to_const_reference() {
    const int result = co_await take_reference(Agg{Life(7)});
    co_return result;
}
Task<int> empty_braces() {
    const int result = co_await take(Agg{});
    co_return result + 7;
}
Task<int> default_argument() {
    const int result = co_await take_default();
    co_return result + 7;
}
Task<int> array() {
    const int result = co_await take_array({Life(6), Life(7)});
    co_return result;
}
Task<int> awaiter() {
    const int result = co_await AggAwaiter{Life(7)};
    co_return result;
}
Task<int> method_of_a_temporary() {
    const int result = co_await Agg{Life(7)}.read_later();
    co_return result;
}
Task<int> string_member() {
    const int result = co_await take_text({.text = long_text});
    co_return result;
}
Task<int> shared_member() {
    const auto pointer = std::make_shared<int>(7);
    const int result = co_await take_shared({.pointer = pointer});
    expect(pointer.use_count() == 1, "every copy of the shared_ptr ended once");
    co_return result;
}
Task<int> vector_member() {
    std::vector<int> numbers = {7, 8, 9};
    const int result = co_await take_numbers({.numbers = numbers});
    expect(numbers.at(2) == 9, "the vector is whole");
    co_return result;
}
Task<int> moved_vector_member() {
    std::vector<int> numbers = {7, 8, 9};
    const int result = co_await take_numbers({.numbers = std::move(numbers)});
    co_return result;
}
Task<int> moved_unique_member() {
    auto pointer = std::make_unique<int>(7);
    const int result = co_await take_unique({.pointer = std::move(pointer)});
    co_return result;
}

// Safe forms.

Task<int> with_constructor() {
    const int result = co_await take_options(Options(7));
    co_return result;
}
Task<int> with_constructor_in_braces() {
    const int result = co_await take_options({7, 0});
    co_return result;
}
Task<int> with_constructor_empty_braces() {
    const int result = co_await take_options({});
    co_return result;
}
Task<int> with_constructor_by_default() {
    const int result = co_await take_default_options();
    co_return result;
}
Task<int> chained_setters() {
    const int result = co_await take_options(Options().value(3).value(7));
    co_return result;
}
Task<int> trivial_members() {
    const int result =
        co_await take_trivial({.after = std::chrono::milliseconds(3), .name = "x", .value = 7});
    co_return result;
}
Task<int> named() {
    Agg agg = {.life = Life(7)};
    const int result = co_await take(std::move(agg));
    co_return result;
}
Task<int> returned_from_a_function() {
    const int result = co_await take(make_agg(7));
    co_return result;
}
Task<int> two_statements() {
    auto task = take({.life = Life(7)});
    const int result = co_await std::move(task);
    co_return result;
}
Task<int> class_awaiter() {
    const int result = co_await ClassAwaiter{Life(7)};
    co_return result;
}

void gives_seven(Task<int> task) { expect(run(std::move(task)) == 7, "the value arrived"); }

}  // namespace

int main() {
    Report report("Z53 aggregates");
    // Damage to the heap itself, which ThreadSanitizer's allocator does not check.
    const auto on_the_heap = tsan ? unknown_on_gcc : broken_on_gcc12;
    report.natural("f({.life = Life(7)})", broken_on_gcc12, [] { gives_seven(designated()); });
    report.natural("f({.life = life})", broken_on_gcc12, [] { gives_seven(designated_copy()); });
    report.natural("f(Agg{Life(7)})", broken_on_gcc12, [] { gives_seven(typed_braces()); });
    report.natural("f(Agg{Life(7)}), const Agg&", broken_on_gcc12,
                   [] { gives_seven(bound_to_const_reference()); });
    report.natural("f(Agg{})", broken_on_gcc12, [] { gives_seven(empty_braces()); });
    report.natural("default argument Agg agg = {}", broken_on_gcc12, [] { gives_seven(default_argument()); });
    report.natural("std::array", broken_on_gcc12, [] { gives_seven(array()); });
    report.natural("co_await Awaiter{life}", broken_on_gcc12, [] { gives_seven(awaiter()); });
    report.natural("Agg{...}.method()", broken_on_gcc12, [] { gives_seven(method_of_a_temporary()); });
    report.natural("string member", on_the_heap, [] { gives_seven(string_member()); });
    report.natural("shared_ptr member", broken_on_gcc12, [] { gives_seven(shared_member()); });
    report.natural("vector member", on_the_heap, [] { gives_seven(vector_member()); });
    report.natural("moved vector member", on_the_heap, [] { gives_seven(moved_vector_member()); });
    report.natural("moved unique_ptr member", on_the_heap, [] { gives_seven(moved_unique_member()); });

    report.right("class with constructor", [] { gives_seven(with_constructor()); });
    report.right("class with constructor, braces", [] { gives_seven(with_constructor_in_braces()); });
    report.right("class with constructor, {}", [] { gives_seven(with_constructor_empty_braces()); });
    report.right("class with constructor, default argument",
                 [] { gives_seven(with_constructor_by_default()); });
    report.right("class with chained setters", [] { gives_seven(chained_setters()); });
    report.right("designated, trivially destructible", [] { gives_seven(trivial_members()); });
    report.right("named", [] { gives_seven(named()); });
    report.right("returned from a function", [] { gives_seven(returned_from_a_function()); });
    report.right("two statements", [] { gives_seven(two_statements()); });
    report.right("awaiter with constructor", [] { gives_seven(class_awaiter()); });
    return report.exit_code();
}
