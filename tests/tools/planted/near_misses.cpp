// What looks like a trap and is none: tools/check_coroutines says nothing here. Never compiled.
// clang-format off: a place is one line
#include "world.hpp"

#if defined(NEVER)
#define TRAP(task) if (co_await (task)) return
#endif

using namespace tandem;
using namespace planted;
using namespace std::chrono_literals;

const char* const said = R"cpp(
#include "nothing"
    if (co_await ready()) co_return 1;  }}}
)cpp";
const char quote = '"', brace = '{';  // if (co_await ready()) { co_await send(Text{name});
/* co_await sum({1, 2, 3});
   while (co_await ready()) */
const int million = 1'000'000;

Task<int> named() {
    const bool ok = co_await ready();
    if (ok) co_return 1;
    co_return 2;
}
Task<int> declared_in_the_condition() {
    if (const auto got = co_await number(3)) co_return got;
    while (auto got = co_await number(3)) use(got);
    if (const int n = co_await number(1); n > 0) co_return n;
    co_return 2;
}
Task<int> in_every_part_of_a_loop() {
    int sum = 0;
    for (int i = co_await number(0); i < co_await number(7); i += co_await number(1)) sum += i;
    for (const auto& each : co_await texts()) sum += int(each.size());
    co_return sum;
}
Task<int> no_await_in_the_condition(int value) {
    if (value > 2) co_await ready();
    while (value-- > 0) co_await ready();
    co_return value;
}

Task<int> closures(std::string name, std::unique_ptr<int> own, const std::string& lent, std::span<int> all) {
    int count = 0;
    auto* pointer = &count;
    const auto wait = 10ms;
    const Mode mode = Mode::first;
    count += co_await call([&name] { return name.size(); });
    count += co_await call([&] { return name.size() + lent.size(); });
    count += co_await call([count, pointer, wait, mode, all] { return count; });
    count += co_await call([=] { return count + *pointer; });
    count += co_await call([view = std::string_view(name)] { return view.size(); });
    count += co_await call([n = count + 1] { return n; });
    count += co_await call([=, &name, &lent] { return count + name.size() + lent.size(); });
    count += co_await call([this] { return size_; });
    count += co_await call([](const std::string& text) { return text.size(); }, name);
    auto two_statements = call([name] { return name.size(); });
    count += co_await std::move(two_statements);
    auto lambda = [name, own = std::move(own)]() -> Task<int> { co_return co_await number(int(name.size())); };
    count += co_await lambda();
    const auto handle = create_task(call([name] { return name.size(); }));
    co_await call([] { const auto inner = [text = std::string("x")] { return text; }; return inner().size(); });
    numbers()[count] = co_await number(3);
    co_return count;
}

Task<int> aggregates(std::string name) {
    int result = 0;
    Text whole{.text = name};
    Text empty = {};
    result += co_await send(std::move(whole));
    result += co_await send(make_text());
    result += co_await limited();
    result += co_await limited({.total = 3s, .most = 3, .name = "x", .mode = Mode::all});
    result += co_await limited(Limits{.total = 3s});
    result += co_await limited(Limits());
    result += co_await send(Text());
    result += co_await with_options();
    result += co_await with_options({});
    result += co_await configured({3, 4});
    result += co_await configured(Options().header(name).retries(3));
    result += co_await with_default(1, std::move(empty));
    result += co_await Owner{name}.wait();
    auto task = send({.text = name});
    result += co_await std::move(task);
    co_return result;
}
Task<std::pair<int, std::string>> returned() {
    auto got = co_await text();
    co_return {1, std::move(got)};
}

Task<int> conditionals(bool first, std::string name, std::string other) {
    int result = 0;
    result += co_await number(first ? 1 : 2);
    result += co_await number(first ? count_of(1) : -1);
    result += co_await by_name(first ? name : other);
    result += co_await by_name(first ? std::move(name) : std::move(other));
    co_await sleep(first ? 1h : 10ms);
    const std::string chosen = first ? name_of(1) : name_of(2);
    switch (first ? 1 : 2) {
        case 1: co_return co_await number(1);
        default: break;
    }
    co_return result;
}

Task<int> made() {
    auto got = co_await text();
    const Text both{std::move(got), 3};
    const auto held = std::make_unique<Owner>(co_await owner());
    std::vector<std::string> texts;
    texts.push_back(co_await text());
    const Owner direct(co_await owner());
    auto* raw = new Text{std::move(got)};
    co_return both.more;
}

Task<int> lists() {
    const std::vector<int> numbers = {1, 2, 3};
    int result = co_await sum(numbers);
    result += co_await sum({});
    result += co_await sum(std::vector<int>{});
    result += co_await sum(std::vector<int>(3, 1));
    auto task = sum({1, 2, 3});
    result += co_await std::move(task);
    for (const int each : {1, 2, 3}) result += co_await number(each);
    co_return result;
}
Generator<double> averages() {
    int n = 0;
    const double value = co_yield n == 0 ? 0 : 1.0 / n;
    use(value);
}

Task<int> on_purpose() {
    // trap Z4: to show what g++ 12 makes of it
    if (co_await ready()) co_return 1;
    co_return 2;
}
