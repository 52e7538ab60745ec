// Z65: a child that ends, and an awaiter that is cancelled, in the same step: the awaiter runs once, has the
// child's result, and meets the cancellation at its next wait.
#include "zoo_task.hpp"

using namespace zoo;

namespace {

struct Cancelled {};

/// One scope and at most one wait in it. A wait leaves the scope when it is opened or cancelled, whichever is
/// first.
class Scope {
public:
    class Awaiter {
    public:
        explicit Awaiter(Scope& scope) noexcept : scope_(&scope) {}
        bool await_ready() const noexcept { return scope_->cancelled_; }
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<> waiting) noexcept {
            this_step().accounted = true;
            scope_->waiting_ = waiting;
        }
        void await_resume() const {
            if (scope_->cancelled_ && !scope_->opened_) throw Cancelled();
            scope_->opened_ = false;
        }

    private:
        Scope* scope_;
    };

    Awaiter wait() noexcept { return Awaiter(*this); }
    /// The one who waits, to be resumed by the caller; nobody if someone else has taken it already.
    std::coroutine_handle<> open() noexcept {
        opened_ = bool(waiting_);
        return std::exchange(waiting_, nullptr);
    }
    std::coroutine_handle<> cancel() noexcept {
        cancelled_ = true;
        return std::exchange(waiting_, nullptr);
    }

private:
    std::coroutine_handle<> waiting_;
    bool cancelled_ = false;
    bool opened_ = false;
};

struct Seen {
    int resumed = 0;
    int value = 0;
    bool child_cancelled = false;
    bool cancelled_at_the_next_wait = false;
};

class CancelsAtItsEnd {
public:
    explicit CancelsAtItsEnd(Scope* scope) : scope_(scope) {}
    CancelsAtItsEnd(const CancelsAtItsEnd&) = delete;
    CancelsAtItsEnd& operator=(const CancelsAtItsEnd&) = delete;
    ~CancelsAtItsEnd() {
        if (scope_) expect(!scope_->cancel(), "nobody waits in the scope while the child runs");
    }

private:
    Scope* scope_;
};

Task<int> child(Scope& scope, Scope* cancelled_at_the_end, bool throws) {
    const Life life(7);
    const CancelsAtItsEnd end(cancelled_at_the_end);
    co_await scope.wait();
    if (throws) throw 7;
    co_return life.value();
}

Task<void> parent(Scope& scope, Seen& seen, Scope* cancelled_at_the_end, bool throws) {
    const Life life(1);
    try {
        seen.value = co_await child(scope, cancelled_at_the_end, throws);
    } catch (int value) {
        seen.value = value;
    } catch (Cancelled) {
        seen.child_cancelled = true;
    }
    ++seen.resumed;
    try {
        co_await scope.wait();
    } catch (Cancelled) {
        seen.cancelled_at_the_next_wait = true;
    }
}

void cancelled_by_the_ending_child(bool throws) {
    Scope scope;
    Seen seen;
    auto task = parent(scope, seen, &scope, throws);
    start(task);
    expect(run_step(scope.open()), lost_text);
    expect(seen.resumed == 1 && seen.value == 7, "the awaiter ran once, with the child's result");
    expect(seen.cancelled_at_the_next_wait && task.done(), "and was cancelled at its next wait");
    expect(!scope.open() && !scope.cancel(), "nothing is left to be resumed");
}

}  // namespace

int main() {
    Report report("Z65 final_suspend and cancellation in one step");
    report.right("the child cancels its awaiter and returns", [] { cancelled_by_the_ending_child(false); });
    report.right("the child cancels its awaiter and throws", [] { cancelled_by_the_ending_child(true); });
    report.right("cancelled after the child was opened, before it ran", [] {
        Scope scope;
        Seen seen;
        auto task = parent(scope, seen, nullptr, false);
        start(task);
        const auto opened = scope.open();
        expect(!scope.cancel(), "the cancellation finds nobody to resume");
        expect(run_step(opened), lost_text);
        expect(seen.resumed == 1 && seen.value == 7 && !seen.child_cancelled,
               "the child's result is not lost");
        expect(seen.cancelled_at_the_next_wait && task.done(), "the awaiter was cancelled at its next wait");
    });
    report.right("opened after the child was cancelled", [] {
        Scope scope;
        Seen seen;
        auto task = parent(scope, seen, nullptr, false);
        start(task);
        const auto cancelled = scope.cancel();
        expect(!scope.open(), "the opening finds nobody to resume");
        expect(run_step(cancelled), lost_text);
        expect(seen.resumed == 1 && seen.child_cancelled, "the child was cancelled, once");
        expect(seen.cancelled_at_the_next_wait && task.done(), "and so was the awaiter");
    });
    report.right("not cancelled: the awaiter waits on", [] {
        Scope scope;
        Seen seen;
        auto task = parent(scope, seen, nullptr, false);
        start(task);
        expect(run_step(scope.open()), lost_text);
        expect(seen.resumed == 1 && !task.done(), "it waits again");
        expect(run_step(scope.open()) && task.done() && !seen.cancelled_at_the_next_wait, "it ended");
    });
    return report.exit_code();
}
