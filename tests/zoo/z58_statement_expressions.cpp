// Z58: co_await in a statement expression, in macros and in the macros of test frameworks. A statement
// expression that may leave the coroutine (the TRY macro of other libraries) is an internal compiler error on
// g++ 12: compile with -DZOO_NATURAL=1 or 2. The other macros hide an `if`, which is Z51's.
#include "zoo_task.hpp"

using namespace zoo;

#ifndef ZOO_NATURAL
#define ZOO_NATURAL 0
#endif

namespace {

Task<bool> yes() { co_return true; }
Task<int> number(int value) { co_return value; }
Task<Life> life_of(int value) { co_return Life(value); }
int passed = 0;

/// Like GoogleTest's: a class with a destructor, tested in an if with a declaration.
class AssertionResult {
public:
    explicit AssertionResult(bool success) : success_(success) {}
    explicit operator bool() const { return success_; }

private:
    bool success_;
    Life life_;
};
AssertionResult compare(int left, int right) { return AssertionResult(left == right); }

// clang-format off
#define PLAIN_CHECK(condition) do { if (condition) ++passed; else expect(false, #condition); } while (0)
#define IF_CHECK(condition) if (!(condition)) expect(false, #condition); else ++passed
#define SHORT_CHECK(condition) (void)((condition) || (expect(false, #condition), false))
#define GTEST_LIKE_TRUE(condition) \
    switch (0) case 0: default: \
        if (const AssertionResult result{static_cast<bool>(condition)}) ++passed; else expect(false, #condition)
#define GTEST_LIKE_EQ(left, right) \
    switch (0) case 0: default: \
        if (const AssertionResult result = compare(left, right)) ++passed; else expect(false, #left)
// clang-format on

#pragma GCC diagnostic ignored "-Wpedantic"
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wgnu-statement-expression"
#endif

Task<int> try_macro() {
#if ZOO_NATURAL == 1
    const int result = ({
        const int inner = co_await number(7);
        if (inner != 7) co_return 3;
        inner;
    });
#elif ZOO_NATURAL == 2
    const Life life = ({
        auto inner = co_await life_of(7);
        if (inner.value() != 7) co_return 3;
        std::move(inner);
    });
    const int result = life.value();
#else
    const int result = co_await number(7);
    if (result != 7) co_return 3;
#endif
    co_return result;
}

// Natural forms.

Task<int> statement_expression_of_number() {
    const int result = ({
        const int inner = co_await number(7);
        inner;
    });
    co_return result;
}
Task<int> statement_expression_of_class() {
    const Life life = ({ co_await life_of(7); });
    co_return life.value();
}

Task<int> plain_check() {
    PLAIN_CHECK(co_await yes());
    co_return 7;
}
Task<int> if_check() {
    IF_CHECK(co_await yes());
    co_return 7;
}
Task<int> short_check() {
    SHORT_CHECK(co_await yes());
    co_return 7;
}
Task<int> gtest_like_true() {
    GTEST_LIKE_TRUE(co_await yes());
    co_return 7;
}
Task<int> gtest_like_equal() {
    GTEST_LIKE_EQ(co_await number(7), 7);
    co_return 7;
}

// Safe forms.

Task<int> named_then_plain_check() {
    const bool ok = co_await yes();
    PLAIN_CHECK(ok);
    co_return 7;
}
Task<int> named_then_gtest_like() {
    const int value = co_await number(7);
    GTEST_LIKE_TRUE(value == 7);
    GTEST_LIKE_EQ(value, 7);
    co_return value;
}

void gives_seven(Task<int> task) { expect(run(std::move(task)) == 7, "it ran to its end"); }

}  // namespace

int main() {
    Report report("Z58 statement expressions and macros");
    report.right(ZOO_NATURAL == 0 ? "named, then co_return" : "statement expression with co_return",
                 [] { gives_seven(try_macro()); });
    report.natural("statement expression of a number", Expect::right,
                   [] { gives_seven(statement_expression_of_number()); });
    report.natural("statement expression of a class", broken_on_gcc12,
                   [] { gives_seven(statement_expression_of_class()); });
    report.natural("macro of do { if (co_await) } while (0)", broken_on_gcc12,
                   [] { gives_seven(plain_check()); });
    report.natural("macro of if (!co_await) else", broken_on_gcc12, [] { gives_seven(if_check()); });
    report.natural("macro of ||", Expect::right, [] { gives_seven(short_check()); });
    report.natural("EXPECT_TRUE of a test framework", Expect::right, [] { gives_seven(gtest_like_true()); });
    report.natural("EXPECT_EQ of a test framework", Expect::right, [] { gives_seven(gtest_like_equal()); });
    report.right("named, then a macro", [] { gives_seven(named_then_plain_check()); });
    report.right("named, then a test framework", [] { gives_seven(named_then_gtest_like()); });
    return report.exit_code();
}
