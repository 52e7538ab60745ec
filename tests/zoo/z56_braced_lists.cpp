// Z56: a braced list that becomes a std::initializer_list in the co_await expression. g++ 12 does not compile
// it: "array used as initializer". Compile with -DZOO_NATURAL=1 ... 4 for the natural forms, which clang gets
// right; run_all and CMakeLists.txt do.
#include "zoo_task.hpp"

#include <initializer_list>
#include <map>
#include <string>
#include <vector>

using namespace zoo;

#ifndef ZOO_NATURAL
#define ZOO_NATURAL 0
#endif

namespace {

using Headers = std::map<std::string, std::string>;

[[maybe_unused]] Task<int> sum(std::vector<int> numbers) {
    int total = 0;
    for (const int number : numbers) total += number;
    co_return total;
}
[[maybe_unused]] Task<int> sum_of_list(std::initializer_list<int> numbers) {
    int total = 0;
    for (const int number : numbers) total += number;
    co_return total;
}
[[maybe_unused]] Task<int> longest(Headers headers) {
    std::size_t length = 0;
    for (const auto& [name, value] : headers) length = std::max(length, value.size());
    co_return static_cast<int>(length);
}

Task<int> form() {
#if ZOO_NATURAL == 1
    const int result = co_await sum({3, 4});
#elif ZOO_NATURAL == 2
    const int result = co_await sum(std::vector<int>{3, 4});
#elif ZOO_NATURAL == 3
    const int result = co_await sum_of_list({3, 4});
#elif ZOO_NATURAL == 4
    const int result = co_await longest({{"host", "a"}, {"accept", "*/*;q=0"}});
#else
    const std::vector<int> numbers = {3, 4};
    const int result = co_await sum(numbers);
#endif
    co_return result;
}

Task<int> two_statements() {
    auto task = sum({3, 4});
    const int result = co_await std::move(task);
    co_return result;
}
Task<int> two_statements_map() {
    auto task = longest({{"host", "a"}, {"accept", "*/*;q=0"}});
    const int result = co_await std::move(task);
    co_return result;
}
Task<int> named_map() {
    Headers headers = {{"host", "a"}, {"accept", "*/*;q=0"}};
    const int result = co_await longest(std::move(headers));
    co_return result;
}
// The list's array dies with the full expression, so this form must finish within it.
Task<int> named_list() {
    const std::initializer_list<int> numbers = {3, 4};
    const int result = co_await sum_of_list(numbers);
    co_return result;
}

void gives_seven(Task<int> task) { expect(run(std::move(task)) == 7, "the list arrived"); }

}  // namespace

int main() {
    Report report("Z56 braced lists");
    report.right(ZOO_NATURAL == 0 ? "named" : "natural", [] { gives_seven(form()); });
    report.right("two statements", [] { gives_seven(two_statements()); });
    report.right("two statements, map", [] { gives_seven(two_statements_map()); });
    report.right("named map", [] { gives_seven(named_map()); });
    report.right("named initializer_list", [] { gives_seven(named_list()); });
    return report.exit_code();
}
