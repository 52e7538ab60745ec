// G13c: trio's. Tasks live in a group, answers come by a channel, and a scope says how long.
#include <examples/styles/parts.hpp>

#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<void> foo() {
    std::puts("Running in foo");
    co_await sleep(0s);
    std::puts("Explicit context switch to foo again");
}

Task<void> bar() {
    std::puts("Explicit context to bar");
    co_await sleep(0s);
    std::puts("Implicit context switch back to bar");
}

Task<void> switching(TaskGroup& group) {
    group.create_task(foo());
    group.create_task(bar());
    co_return;
}

Task<void> gr(std::string name, Duration length) {
    std::printf("%s started work\n", name.c_str());
    co_await sleep(length);
    std::printf("%s ended work\n", name.c_str());
}

Task<void> three(TaskGroup& group) {
    group.create_task(gr("gr1", 2s));
    group.create_task(gr("gr2", 2s));
    group.create_task(gr("gr3", 1s));
    co_return;
}

Task<void> one_of_nine(int id, Duration length, std::string& ended) {
    co_await sleep(length);
    ended += std::to_string(id);
}

Task<void> nine(TaskGroup& group, std::string& ended) {
    for (int id = 1; id <= 9; ++id)
        group.create_task(one_of_nine(id, std::chrono::milliseconds(100 - 10 * id), ended));
    co_return;
}

// Who asks gives the sending end to the tasks, and each closes its own.

using Answers = Sender<std::string>;

Task<void> fetch_ip(std::string url, std::string name, Answers answers) {
    auto response = co_await http::get(url);
    response.raise_for_status();
    co_await response.text();
    co_await answers.send(name);
}

Task<void> in_order_of_completion(TaskGroup& group, const testing::DemoServer& site) {
    auto [sender, answers] = Channel<std::string>(3);
    group.create_task(fetch_ip(site.url("/ip?delay=0.12"), "fetch 1", sender));
    group.create_task(fetch_ip(site.url("/ip?delay=0.04"), "fetch 2", sender));
    group.create_task(fetch_ip(site.url("/ip?delay=0.08"), "fetch 3", std::move(sender)));
    std::string mark;
    while (auto name = co_await answers.receive()) {
        mark += ">>";
        std::printf("%s %s\n", mark.c_str(), name->c_str());
    }
}

Task<void> first_completed(TaskGroup& group, const testing::DemoServer& site) {
    auto [sender, answers] = Channel<std::string>(1);
    group.create_task(fetch_ip(site.url("/ip?delay=0.05"), "ipify", sender));
    group.create_task(fetch_ip(site.url("/ip?delay=5"), "ip-api", std::move(sender)));
    if (auto name = co_await answers.receive()) std::printf("%s answered first\n", name->c_str());
    group.cancel();
}

Task<void> one_fails(TaskGroup& group, const testing::DemoServer& site, Answers answers) {
    group.create_task(fetch_ip(site.url("/error"), "ipify", answers));
    group.create_task(fetch_ip(site.url("/ip?delay=5"), "ip-api", std::move(answers)));
    std::puts("both started");
    co_return;
}

Task<void> errors_come_out_of_the_group(const testing::DemoServer& site) {
    auto [sender, answers] = Channel<std::string>(2);
    try {
        co_await with_task_group(one_fails, std::cref(site), std::move(sender));
    } catch (const ExceptionGroup& group) {
        for (const auto& error : group.exceptions()) {
            const bool status = Error(error).is<http::StatusError>();
            std::printf("out of the group: %s\n", status ? "a status error" : describe(error).c_str());
        }
    }
}

Task<void> in_time(const testing::DemoServer& site, Duration limit) {
    std::string ip = "not available";
    auto [sender, answers] = Channel<std::string>(1);
    co_await move_on_after(limit, fetch_ip(site.url("/ip?delay=0.1"), "10.0.0.1", std::move(sender)));
    if (auto answer = co_await answers.receive()) ip = *answer;
    std::printf("ip: %s\n", ip.c_str());
}

Task<void> cancelled_scope() {
    CancelScope scope;
    this_loop().call_later(100ms, [scope]() mutable { scope.cancel(); });
    co_await scope.run(gr("gr4", 5s));
    std::printf("the scope was %s\n", scope.absorbed() ? "cancelled" : "left");
}

}  // namespace

void in_trios_style(const testing::DemoServer& site) {
    VirtualTime time;  // of what only sleeps
    run(with_task_group(switching));
    run(with_task_group(three), {.time = &time});
    std::string ended;
    run(with_task_group(nine, std::ref(ended)), {.time = &time});
    std::printf("in the order of their sleeps: %s\n", ended.c_str());
    run(with_task_group(in_order_of_completion, std::cref(site)));
    run(with_task_group(first_completed, std::cref(site)));
    run(errors_come_out_of_the_group(site));
    run(in_time(site, 10ms));
    run(in_time(site, 2s));
    run(cancelled_scope(), {.time = &time});
}
