// Traps for tools/check_coroutines. A line that must be found ends with the rule's id. Never compiled.
// clang-format off: a place is one line
#include "world.hpp"

using namespace tandem;
using namespace planted;
using namespace std::chrono_literals;

// Z4: the outermost block declares nothing.

Task<int> if_in_a_condition() {
    if (co_await ready()) co_return 1;  //! Z4
    co_return 2;
}
Task<int> negated_behind_a_parameter(int value) {
    if (!co_await ready())  //! Z4
        co_return value;
    co_return 2;
}
Task<void> while_it_is_ready() {
    while (co_await number(3) > 0) {  //! Z4
        use(3);
    }
}
Task<void> until_it_is_ready() {
    do {
        use(3);
    } while (!co_await ready());  //! Z4
}
Task<int> chosen() {
    switch (co_await number(7)) {  //! Z4
        case 7: co_return 1;
        default: co_return 2;
    }
}
template <class T>
    requires std::is_integral_v<T>
Task<T> in_a_template(T value) {
    try {
        if (value > 0 && co_await ready()) co_return value;  //! Z4
    } catch (...) {
        use(0);
    }
    co_return T();
}
class Member {
public:
    Task<int> ask() const {
        const_cast<Member*>(this)->calls_ += 1;
        if (co_await (ready())) co_return calls_;  //! Z4
        co_return 2;
    }
    virtual Task<void> run() noexcept;

private:
    int calls_{0};
};
Task<void> Member::run() noexcept {
    if (calls_ > 3)
        co_return;
    else if (co_await ready())  //! Z4
        calls_ = 0;
}
ASYNC_TEST(Member, answers_at_once) {
    static_assert(true);
    if (co_await ready()) use(1);  //! Z4
}
Task<int> in_loops_that_declare_nothing(int left) {
    for (; left > 0; --left) {
        if (co_await ready()) co_return 1;  //! Z4
    }
    for (; co_await number(left) > 0;) --left;  //! Z4
    co_return 2;
}

// Z31: conditions that a local somewhere happens to save.

Task<int> saved_by_a_local_further_down() {
    if (co_await ready()) co_return 1;  //! Z31
    {
        int inner = 2;
        co_return inner;
    }
}
Task<int> saved_by_a_closure() {
    while (co_await ready()) use([] { return 1; }());  //! Z31
    co_return 2;
}
const auto saved_by_being_a_lambda = []() -> Task<int> {
    if (co_await ready()) co_return 1;  //! Z31
    co_return 2;
};
Task<int> operands() {
    const bool both = co_await ready() && co_await ready();  //! Z31
    const int one = co_await ready() ? 1 : 2;                //! Z31
    const Limits limits{co_await wait(), 3};                 //! Z31
    EXPECT_EQ(co_await number(3), 3);                        //! Z31
    int sum = 0;
    sum = sum + co_await number(3);  //! Z42
    sum = ({ co_await number(3); });  //! Z11
    co_return both ? one + limits.most.value_or(0) : sum;
}

// Z5: closures.

Task<int> closures(std::string name, std::unique_ptr<int> own, const std::string& lent, std::span<int> all) {
    int count = 0;
    const auto shared = std::make_shared<int>(7);
    const std::vector<int> numbers = {1, 2};
    auto copied = name_of(3);
    count += co_await call([name] { return name.size(); });                              //! Z5
    count += co_await call([own = std::move(own)] { return *own; });                     //! Z5
    count += co_await call([lent] { return lent.size(); });                              //! Z5
    count += co_await call([&count, shared](int more) { return *shared + more; }, 3);    //! Z5
    count += co_await call([=] { return numbers.size() + 1; });                          //! Z5
    count += co_await [copied]() -> Task<int> { co_return int(copied.size()); }();       //! Z5
    count += co_await call([own{std::move(own)}] { return *own; });                       //! Z5
    count += co_await call([=, &count] { return name.size() + count; });                  //! Z5
    const int result =
        co_await call(std::function<int()>(
            [numbers] { return numbers[0]; }));  //! Z5
    auto task = create_task([](std::string held) -> Task<void> {
        co_await call([held] { use(held); });  //! Z5
    }, name);
    for (int i = 0; i < co_await call([name, i] { return i; }); ++i) use(i);             //! Z5
    co_return result;
}

template <class... Args>
Task<int> closure_of_a_pack(Args... args) {
    const int result = co_await call([... held = std::string(args)] { return sizeof...(held); });  //! Z5
    co_return result;
}
Task<int> Copied::closure_of_itself() {
    const int result = co_await call([*this] { return size_; });  //! Z5
    co_return result;
}

// Z6: aggregates.

Task<int> aggregates(std::string name) {
    int result = 0;
    result += co_await send({.text = name});                                   //! Z6
    result += co_await send(Text{name});                                       //! Z6
    result += co_await planted::send(planted::Text{.text = name, .more = 1});  //! Z6
    result += co_await send(Text{});                                           //! Z6
    result += co_await send_by_reference({name});                              //! Z6
    result += co_await with_default(1);                                        //! Z6
    result += co_await nested({.number = 1});                                  //! Z6
    result += co_await derived(Derived{{name}, 2});                            //! Z6
    result += co_await pair_of({name, name});                                  //! Z6
    result += co_await call(measure, Boxed<int>{numbers(), 3});                //! Z6
    result += co_await anybody(unheard_of({.text = name, .more = 2}));         //! Z6
    struct Local {
        std::string text;
        bool await_ready() const noexcept { return true; }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        int await_resume() const { return 1; }
    };
    result += co_await Local{name};  //! Z6
    co_return result;
}

// Z7: the conditional operator.

Task<int> conditionals(bool first, std::string name) {
    int result = 0;
    result += co_await by_name(first ? std::string("a") : std::string("b"));  //! Z7
    result += co_await by_name(first ? name : "none");                        //! Z7
    result += co_await by_name(first ? name_of(1) : name_of(2));              //! Z7
    result += co_await (first ? number(1) : number(2));                       //! Z7
    result += co_await by_name(first ? holder.title() : "none");              //! Z7
    result += co_await by_name(first ? std::string{} : name);                 //! Z7
    const std::string named = first ? co_await text() : name;                 //! Z7
    result += co_await by_name(first ? name + "x" : name);                    //! Z7
    co_return result;
}

// Z8: what is made from awaited values.

Task<int> made(bool first) {
    std::unique_ptr<Owner> held(new Owner(co_await owner()));  //! Z8
    const Text both{co_await text(), 3};                       //! Z8
    const Text one = {.text = co_await text(), .more = 2};     //! Z8
    use(Text{co_await text()});                                //! Z8
    co_return both.more + one.more;
}

// Z9: lists.

Task<int> lists() {
    int result = 0;
    result += co_await sum({1, 2, 3});                            //! Z9
    result += co_await sum(std::vector<int>{1, 2});               //! Z9
    result += co_await sum_of_headers({{"a", "b"}, {"c", "d"}});  //! Z9
    co_await when_all(std::vector<Task<int>>{number(1)});         //! Z9
    co_return result;
}
