// Z68: what the compilers refuse. Compile with -DZOO_NATURAL=1 ... 4 and -Werror: 1 and 2 must fail on both
// compilers, 3 and 4 on clang, whose attributes see what is bound to a task. Without it all must be clean.
#include "zoo_task.hpp"

using namespace zoo;

#ifndef ZOO_NATURAL
#define ZOO_NATURAL 0
#endif

#if defined(__clang__)
#define ZOO_CORO_TYPE [[clang::coro_return_type, clang::coro_lifetimebound]]
#define ZOO_CORO_WRAPPER [[clang::coro_wrapper]]
#else
#define ZOO_CORO_TYPE
#define ZOO_CORO_WRAPPER
#endif

namespace {

template <class T>
class [[nodiscard("co_await it, start it, or call .get()")]] ZOO_CORO_TYPE StrictTask {
public:
    struct promise_type : PromiseBase, Result<T> {
        ZOO_CORO_WRAPPER StrictTask get_return_object() noexcept {
            return StrictTask(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        Final<Transfer::trampoline> final_suspend() noexcept { return {}; }
    };
    StrictTask(StrictTask&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    ~StrictTask() {
        if (handle_) handle_.destroy();
    }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> parent) noexcept {
        handle_.promise().awaiter = &parent.promise();
        parent.promise().self = parent;
        this_step().accounted = true;
        this_step().next = handle_;
    }
    T await_resume() { return handle_.promise().take(); }
    std::coroutine_handle<promise_type> handle() const { return handle_; }

private:
    explicit StrictTask(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

StrictTask<int> by_reference(const Life& life) { co_return life.value(); }

#if ZOO_NATURAL == 1
void discards_a_task(const Life& life) { by_reference(life); }
#elif ZOO_NATURAL == 2
StrictTask<int> forgets_to_await(const Life& life) {
    by_reference(life);
    co_return 7;
}
#elif ZOO_NATURAL == 3
StrictTask<int> keeps_a_task_of_a_dead_temporary() {
    auto task = by_reference(Life(7));
    const int result = co_await std::move(task);
    co_return result;
}
#elif ZOO_NATURAL == 4
ZOO_CORO_WRAPPER StrictTask<int> returns_a_task_of_a_dead_parameter(Life life) { return by_reference(life); }
#endif

StrictTask<int> awaits_at_once() {
    const int result = co_await by_reference(Life(7));
    co_return result;
}
StrictTask<int> keeps_both() {
    const Life life(7);
    auto task = by_reference(life);
    const int result = co_await std::move(task);
    co_return result;
}

void gives_seven(const StrictTask<int>& task) {
    expect(run_step(task.handle()), lost_text);
    expect(task.handle().promise().take() == 7, "the value arrived");
}

}  // namespace

int main() {
    Report report("Z68 attributes");
    report.right("awaited at once, temporary bound to const&", [] { gives_seven(awaits_at_once()); });
    report.right("task and what it borrows both kept", [] { gives_seven(keeps_both()); });
#if ZOO_NATURAL == 3
    gives_seven(keeps_a_task_of_a_dead_temporary());
#elif ZOO_NATURAL == 4
    gives_seven(returns_a_task_of_a_dead_parameter(Life(7)));
#elif ZOO_NATURAL == 2
    gives_seven(forgets_to_await(Life(7)));
#elif ZOO_NATURAL == 1
    discards_a_task(Life(7));
#endif
    return report.exit_code();
}
