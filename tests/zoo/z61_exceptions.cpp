// Z61: an exception from every place that may throw: it comes out once, and nothing is leaked or ended twice.
// Only initial_suspend must not throw: g++ 12 then destroys the frame beside the returned object that owns
// it.
#include "zoo_task.hpp"

using namespace zoo;

namespace {

enum class At {
    nowhere,
    operator_new,
    promise,
    get_return_object,
    initial_suspend,
    await_transform,
    operator_co_await,
    await_ready,
    await_suspend,
    await_resume,
    body,
    return_value,
    local_destructor,
    unhandled_exception,
};
At fault = At::nowhere;

void may_throw(At place) {
    if (fault == place) throw static_cast<int>(place);
}

class Awaited {
public:
    class Awaiter {
    public:
        bool await_ready() const {
            may_throw(At::await_ready);
            return false;
        }
        [[gnu::noinline]] bool await_suspend(std::coroutine_handle<>) const {
            may_throw(At::await_suspend);
            return false;
        }
        int await_resume() const {
            may_throw(At::await_resume);
            return life_.value();
        }

    private:
        Life life_{7};
    };
    Awaiter operator co_await() const {
        may_throw(At::operator_co_await);
        return Awaiter();
    }

private:
    Life life_{6};
};

class Faulty {
public:
    struct promise_type : PromiseBase, Result<int> {
        promise_type() { may_throw(At::promise); }
        Faulty get_return_object() {
            may_throw(At::get_return_object);
            return Faulty(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() {
            may_throw(At::initial_suspend);
            return {};
        }
        Final<Transfer::trampoline> final_suspend() noexcept { return {}; }
        Awaited&& await_transform(Awaited&& awaited) {
            may_throw(At::await_transform);
            return std::move(awaited);
        }
        void unhandled_exception() {
            if (fault == At::unhandled_exception) throw;
            PromiseBase::unhandled_exception();
        }
        void return_value(int result) {
            may_throw(At::return_value);
            Result<int>::return_value(result);
        }
        [[gnu::noinline]] static void* operator new(std::size_t bytes) {
            may_throw(At::operator_new);
            return PromiseBase::operator new(bytes);
        }
        [[gnu::noinline]] static void operator delete(void* memory, std::size_t bytes) {
            PromiseBase::operator delete(memory, bytes);
        }
    };

    Faulty(Faulty&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    ~Faulty() {
        if (handle_) handle_.destroy();
    }
    std::coroutine_handle<promise_type> handle() const { return handle_; }

private:
    explicit Faulty(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

struct ThrowsAtItsEnd {
    ~ThrowsAtItsEnd() noexcept(false) { may_throw(At::local_destructor); }
};

Faulty coroutine(Life parameter) {
    const Life local(1);
    const ThrowsAtItsEnd end;
    if (fault == At::body || fault == At::unhandled_exception) throw static_cast<int>(fault);
    const int result = co_await Awaited();
    co_return result + 0 * parameter.value();
}

/// Where the exception of `place` came out: at the call, at the resumption, or in the promise.
enum class Came { out_of_the_call, out_of_resume, into_the_promise, not_at_all };

Came throw_at(At place) {
    fault = place;
    int caught = 0;
    auto came = Came::not_at_all;
    try {
        const auto task = coroutine(Life(2));
        came = Came::out_of_resume;
        task.handle().resume();
        came = Came::not_at_all;
        expect(task.handle().done(), "it ended");
        if (task.handle().promise().error) {
            came = Came::into_the_promise;
            std::rethrow_exception(task.handle().promise().error);
        }
        expect(task.handle().promise().take() == 7, "the value");
    } catch (int value) {
        caught = value;
        if (came == Came::not_at_all) came = Came::out_of_the_call;
    }
    fault = At::nowhere;
    expect(caught == static_cast<int>(place), "the exception that was thrown");
    return came;
}

template <At place, Came expected>
void comes() {
    expect(throw_at(place) == expected, "where it came out");
}

Task<int> throws(int value) {
    throw value;
    co_return 0;
}
Task<int> number(int value) { co_return value; }

Task<int> before_the_first_await() {
    const Life life(1);
    if (life.value() == 1) throw 7;
    const int result = co_await number(1);
    co_return result;
}
Task<int> thrown_again_after_an_await(Gate& gate) {
    std::exception_ptr kept;
    try {
        co_await throws(7);
    } catch (...) {
        kept = std::current_exception();
    }
    co_await gate.wait();
    if (kept) std::rethrow_exception(kept);
    co_return 0;
}
Task<int> thrown_while_another_is_handled() {
    int sum = 0;
    try {
        co_await throws(3);
    } catch (int outer) {
        try {
            run(throws(4));
        } catch (int inner) {
            sum = outer + inner;
        }
    }
    co_return sum;
}

int thrown_by(Task<int>& task) {
    try {
        task.result();
    } catch (int value) {
        return value;
    }
    return 0;
}

}  // namespace

int main() {
    Report report("Z61 exceptions");
    report.right("none", comes<At::nowhere, Came::not_at_all>);
    report.right("operator new", comes<At::operator_new, Came::out_of_the_call>);
    report.right("promise constructor", comes<At::promise, Came::out_of_the_call>);
    report.right("get_return_object", comes<At::get_return_object, Came::out_of_the_call>);
    report.natural("initial_suspend", broken_on_gcc12, comes<At::initial_suspend, Came::out_of_the_call>);
    report.right("await_transform", comes<At::await_transform, Came::into_the_promise>);
    report.right("operator co_await", comes<At::operator_co_await, Came::into_the_promise>);
    report.right("await_ready", comes<At::await_ready, Came::into_the_promise>);
    report.right("await_suspend", comes<At::await_suspend, Came::into_the_promise>);
    report.right("await_resume", comes<At::await_resume, Came::into_the_promise>);
    report.right("body", comes<At::body, Came::into_the_promise>);
    report.right("return_value", comes<At::return_value, Came::into_the_promise>);
    report.right("destructor of a local, at co_return", comes<At::local_destructor, Came::into_the_promise>);
    report.right("unhandled_exception", comes<At::unhandled_exception, Came::out_of_resume>);

    report.right("before the first await", [] {
        auto task = before_the_first_await();
        start(task);
        expect(thrown_by(task) == 7, "the exception");
    });
    report.right("thrown again after an await", [] {
        Gate gate;
        auto task = thrown_again_after_an_await(gate);
        start(task);
        expect(!task.done() && !std::current_exception(), "nothing is thrown while it waits");
        gate.open();
        expect(thrown_by(task) == 7, "the exception");
    });
    report.right("thrown while another is handled",
                 [] { expect(run(thrown_while_another_is_handled()) == 7, "both exceptions"); });
    return report.exit_code();
}
