// Z52: a lambda whose captures have a destructor, as a temporary in the co_await expression. g++ 12 destroys
// the closure twice. What takes a callable and its arguments needs no capture.
#include "zoo_task.hpp"

#include <functional>
#include <memory>

using namespace zoo;

namespace {

template <class F, class... Args>
Task<int> call(F function, Args... args) {
    co_return function(args...);
}

template <class F>
Task<int> call_by_reference(F&& function) {
    co_return function();
}

Task<int> call_function(std::function<int()> function) { co_return function(); }

template <class F>
class Calls {
public:
    explicit Calls(F function) : function_(std::move(function)) {}
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    int await_resume() { return function_(); }

private:
    F function_;
};

// Natural forms.

Task<int> by_value() {
    const Life life(7);
    const int result = co_await call([life] { return life.value(); });
    co_return result;
}
Task<int> init_capture() {
    Life life(7);
    const int result = co_await call([mine = std::move(life)] { return mine.value(); });
    co_return result;
}
Task<int> move_only_capture() {
    auto life = std::make_unique<Life>(7);
    const int result = co_await call([mine = std::move(life)] { return mine->value(); });
    co_return result;
}
Task<int> shared_capture() {
    const auto life = std::make_shared<Life>(7);
    const int result = co_await call([life] { return life->value(); });
    expect(life.use_count() == 1, "every copy of the shared_ptr ended once");
    co_return result;
}
Task<int> in_a_function_object() {
    const Life life(7);
    const int result = co_await call_function([life] { return life.value(); });
    co_return result;
}
Task<int> bound_to_a_reference() {
    const Life life(7);
    const int result = co_await call_by_reference([life] { return life.value(); });
    co_return result;
}
Task<int> in_an_awaiter() {
    const Life life(7);
    const int result = co_await Calls([life] { return life.value(); });
    co_return result;
}
Task<int> immediately_called() {
    const Life life(7);
    const int result = co_await [life]() -> Task<int> { co_return life.value(); }();
    co_return result;
}

// Safe forms.

Task<int> capture_by_reference() {
    const Life life(7);
    const int result = co_await call([&life] { return life.value(); });
    co_return result;
}
Task<int> capture_of_everything_by_reference() {
    const Life life(7);
    const int result = co_await call_function([&] { return life.value(); });
    co_return result;
}
Task<int> trivial_capture() {
    int value = 7;
    const int result = co_await call([value] { return value + 0; });
    co_return result;
}
Task<int> callable_and_arguments() {
    const Life life(7);
    const int result = co_await call([](const Life& argument) { return argument.value(); }, life);
    co_return result;
}
Task<int> two_statements() {
    const Life life(7);
    auto task = call([life] { return life.value(); });
    const int result = co_await std::move(task);
    co_return result;
}
Task<int> named_and_moved_in() {
    const Life life(7);
    auto lambda = [life] { return life.value(); };
    const int result = co_await call(std::move(lambda));
    co_return result;
}
Task<int> named_function_object() {
    const Life life(7);
    std::function<int()> function = [life] { return life.value(); };
    const int result = co_await call_function(std::move(function));
    co_return result;
}
Task<int> named_coroutine_lambda() {
    const Life life(7);
    const auto lambda = [life]() -> Task<int> { co_return life.value(); };
    const int result = co_await lambda();
    co_return result;
}

void gives_seven(Task<int> task) { expect(run(std::move(task)) == 7, "the captured value arrived"); }

}  // namespace

int main() {
    Report report("Z52 closures");
    report.natural("capture by value", broken_on_gcc12, [] { gives_seven(by_value()); });
    report.natural("init-capture", broken_on_gcc12, [] { gives_seven(init_capture()); });
    report.natural("move-only capture", broken_on_gcc12, [] { gives_seven(move_only_capture()); });
    report.natural("shared_ptr capture", broken_on_gcc12, [] { gives_seven(shared_capture()); });
    report.natural("through std::function", broken_on_gcc12, [] { gives_seven(in_a_function_object()); });
    report.natural("bound to T&&", broken_on_gcc12, [] { gives_seven(bound_to_a_reference()); });
    report.natural("in an awaiter", broken_on_gcc12, [] { gives_seven(in_an_awaiter()); });
    report.natural("coroutine lambda called at once", broken_on_gcc12,
                   [] { gives_seven(immediately_called()); });

    report.right("capture by reference", [] { gives_seven(capture_by_reference()); });
    report.right("[&] through std::function", [] { gives_seven(capture_of_everything_by_reference()); });
    report.right("trivial capture", [] { gives_seven(trivial_capture()); });
    report.right("callable and arguments", [] { gives_seven(callable_and_arguments()); });
    report.right("two statements", [] { gives_seven(two_statements()); });
    report.right("named lambda moved in", [] { gives_seven(named_and_moved_in()); });
    report.right("named std::function moved in", [] { gives_seven(named_function_object()); });
    report.right("named coroutine lambda", [] { gives_seven(named_coroutine_lambda()); });
    return report.exit_code();
}
