// Z62: results of every kind come through: one object, moved, never copied, ended once.
#include "zoo_task.hpp"

#include <memory>
#include <string>

using namespace zoo;

namespace {

class MayThrowWhenMoved {
public:
    explicit MayThrowWhenMoved(int value) : life_(value) {}
    MayThrowWhenMoved(MayThrowWhenMoved&& other)
        : life_(other.life_.value()), moves_left_(other.moves_left_ - 1) {
        if (moves_left_ == 0) throw 7;
    }
    void throw_at_move(int count) { moves_left_ = count; }
    int value() const { return life_.value(); }

private:
    Life life_;
    int moves_left_ = -1;
};

class NeverCopied {
public:
    explicit NeverCopied(int value) : life_(value) {}
    NeverCopied(NeverCopied&&) = default;
    NeverCopied(const NeverCopied&) = delete;
    NeverCopied& operator=(NeverCopied&&) = default;
    ~NeverCopied() = default;
    int value() const { return life_.value(); }

private:
    Life life_;
};

struct alignas(64) Wide {
    explicit Wide(int first) : value(first) {}
    int value;
    std::uintptr_t misaligned_by() const {
        const volatile Wide* address = this;
        return reinterpret_cast<std::uintptr_t>(address) % 64;
    }
};

Task<Life> value() { co_return Life(7); }
Task<NeverCopied> local() {
    NeverCopied result(7);
    co_return result;
}
Task<std::unique_ptr<Life>> move_only() { co_return std::make_unique<Life>(7); }
Task<Life&> reference(Life& life) { co_return life; }
Task<void> nothing(int& calls) {
    ++calls;
    co_return;
}
Task<std::string> converted() { co_return "seven"; }
Task<std::shared_ptr<const Life>> converted_pointer() { co_return std::make_shared<Life>(7); }
Task<MayThrowWhenMoved> throws_when_moved(int at_move) {
    MayThrowWhenMoved result(7);
    result.throw_at_move(at_move);
    co_return std::move(result);
}
Task<Wide> wide() { co_return Wide(7); }

Task<int> awaits_value() {
    const Life life = co_await value();
    co_return life.value();
}
Task<int> awaits_local() {
    const auto result = co_await local();
    co_return result.value();
}
Task<int> awaits_move_only() {
    const auto life = co_await move_only();
    co_return life->value();
}
Task<int> awaits_reference() {
    Life life(6);
    Life& same = co_await reference(life);
    same = Life(7);
    expect(&same == &life, "the same object");
    co_return life.value();
}
Task<int> awaits_nothing() {
    int calls = 0;
    co_await nothing(calls);
    co_return calls + 6;
}
Task<int> awaits_converted() {
    const std::string text = co_await converted();
    const auto pointer = co_await converted_pointer();
    co_return text == "seven" ? pointer->value() : 0;
}
Task<int> awaits_throwing_move(int at_move) {
    int result = 0;
    try {
        const auto moved = co_await throws_when_moved(at_move);
        result = moved.value() + 100;
    } catch (int caught) {
        result = caught;
    }
    co_return result;
}
Task<int> awaits_wide() {
    const Wide result = co_await wide();
    expect(result.misaligned_by() == 0, "the result is aligned");
    co_return result.value;
}
Task<int> drops_the_result() {
    co_await value();
    co_return 7;
}

void gives_seven(Task<int> task) { expect(run(std::move(task)) == 7, "the value arrived"); }

}  // namespace

int main() {
    Report report("Z62 results");
    report.right("value", [] { gives_seven(awaits_value()); });
    report.right("named local, moved, never copied", [] { gives_seven(awaits_local()); });
    report.right("move-only", [] { gives_seven(awaits_move_only()); });
    report.right("reference", [] { gives_seven(awaits_reference()); });
    report.right("void", [] { gives_seven(awaits_nothing()); });
    report.right("conversion at co_return", [] { gives_seven(awaits_converted()); });
    report.right("move throws at co_return", [] { gives_seven(awaits_throwing_move(1)); });
    report.right("move throws at co_await", [] { gives_seven(awaits_throwing_move(2)); });
    report.right("moves that do not throw", [] { expect(run(awaits_throwing_move(9)) == 107, "the value"); });
    report.right("aligned to 64", [] { gives_seven(awaits_wide()); });
    report.right("dropped", [] { gives_seven(drops_the_result()); });
    report.right("never taken", [] {
        auto task = value();
        start(task);
    });
    return report.exit_code();
}
