// What a task is from its making to its end, and how it looks from outside.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

Task<std::string> do_some_work(int x) {
    std::printf("Waiting: %d\n", x);
    co_await sleep(std::chrono::seconds(x));
    co_return "Done after " + std::to_string(x) + "s";
}

// A task's printed form, with the place as a file's name instead of its path.
template <class T>
std::string printed(const TaskHandle<T>& task) {
    std::string text = task.state();
    const auto slash = text.rfind('/');
    if (const auto at = text.find(" at "); slash != text.npos && at < slash)
        text.erase(at + 4, slash - at - 3);
    return "<" + text + ">";
}

long seconds_since(TimePoint start) {
    return std::chrono::round<std::chrono::seconds>(this_loop().time() - start).count();
}

// B1 to B4: a loop, and a task on it

void run_a_coroutine() {
    EventLoop loop;
    const TimePoint start = loop.time();
    Task<std::string> coroutine = do_some_work(2);
    std::puts("nothing has run");
    loop.run_until_complete(std::move(coroutine));
    const auto elapsed = std::chrono::round<std::chrono::seconds>(loop.time() - start);
    std::printf("TIME: %ld\n", static_cast<long>(elapsed.count()));
}

void before_and_after() {
    EventLoop loop;
    auto task = loop.create_task(do_some_work(2), {.name = "do_some_work"});
    std::puts(printed(task).c_str());
    loop.call_later(1s, [&] { std::puts(printed(task).c_str()); });
    loop.run_until_complete(task);
    std::puts(printed(task).c_str());
}

void callback(const TaskHandle<std::string>& task) { std::printf("Callback: %s\n", task.result().c_str()); }

void callback_with_an_argument(int t, const TaskHandle<std::string>& task) {
    std::printf("Callback: %d %s\n", t, task.result().c_str());
}

void with_callbacks() {
    EventLoop loop;
    auto task = loop.create_task(do_some_work(2));
    task.add_done_callback(callback);
    task.add_done_callback(std::bind_front(callback_with_an_argument, 2));
    loop.run_until_complete(task);
}

void with_a_result() {
    EventLoop loop;
    auto task = loop.create_task(do_some_work(2));
    try {
        std::puts(task.result().c_str());
    } catch (const InvalidStateError&) {
        std::puts("InvalidStateError");
    }
    loop.run_until_complete(task);
    std::printf("Task ret: %s\n", task.result().c_str());
}

// B5: sleep gives control to the others

Task<void> other_work() {
    std::puts("the other's turn");
    co_return;
}

Task<void> blocking_and_await() {
    auto other = create_task(other_work());
    const std::string result = co_await do_some_work(2);
    std::puts(result.c_str());
    co_await other;
}

// B6, B7: three at once

std::vector<TaskHandle<std::string>> three_tasks() {
    std::vector<TaskHandle<std::string>> tasks;
    for (int x : {1, 2, 4}) tasks.push_back(create_task(do_some_work(x)));
    return tasks;
}

void print(const std::vector<std::string>& results) {
    for (const auto& result : results) std::printf("Task ret: %s\n", result.c_str());
}

void print(const WaitResult<std::string>& result) {
    for (const auto& task : result.done) std::printf("Task ret: %s\n", task.result().c_str());
}

Task<void> concurrent() {
    auto start = this_loop().time();
    auto tasks = three_tasks();
    co_await wait(tasks);
    for (const auto& task : tasks) std::printf("Task ret: %s\n", task.result().c_str());
    std::printf("TIME: %ld\n", seconds_since(start));

    start = this_loop().time();
    auto results = co_await gather(three_tasks());
    print(results);
    std::printf("TIME: %ld\n", seconds_since(start));
}

Task<void> waits() {
    auto result = co_await wait(three_tasks());
    print(result);
}

Task<void> gathers() {
    auto results = co_await gather(three_tasks());
    print(results);
}

Task<WaitResult<std::string>> returns_the_wait() { return wait(three_tasks()); }
Task<void> waits_for_what_was_returned() {
    auto result = co_await returns_the_wait();
    print(result);
}

Task<std::vector<std::string>> returns_the_gather() { return gather(three_tasks()); }
Task<void> gathers_what_was_returned() {
    auto results = co_await returns_the_gather();
    print(results);
}

Task<void> as_they_complete() {
    auto completed = as_completed(three_tasks());
    while (auto task = co_await completed.next()) std::printf("Task ret: %s\n", task->result().c_str());
}

Task<void> timed(Task<void> nested) {
    const auto start = this_loop().time();
    co_await std::move(nested);
    std::printf("TIME: %ld\n", seconds_since(start));
}

// B8: pending, running, done, cancelled

Task<void> looks_at_itself(const TaskHandle<void>& itself) {
    std::printf("inside: %s\n", printed(itself).c_str());
    co_return;
}

Task<void> four_states() {
    TaskHandle<void> task;
    task = create_task(looks_at_itself(task), {.name = "task"});
    std::printf("before: %s\n", printed(task).c_str());
    co_await task;
    std::printf("after: %s\n", printed(task).c_str());

    auto sleeper = create_task(do_some_work(1), {.name = "sleeper"});
    co_await checkpoint();
    sleeper.cancel();
    co_await sleeper.join();
    std::printf("cancelled: %s\n", printed(sleeper).c_str());
}

// J7: what can be asked, and failures that stay inside

Task<std::string> win() { co_return "You win!"; }

Task<std::string> fail() {
    co_await checkpoint();
    throw std::runtime_error("You fail at failing.");
}

const char* yes_or_no(bool value) { return value ? "yes" : "no"; }

Task<void> winner_and_loser() {
    auto winner = create_task(win());
    auto loser = create_task(fail());
    const std::vector<TaskHandle<std::string>> both = {winner, loser};
    co_await wait(both);
    std::printf("started: %s, %s\n", yes_or_no(winner.started()), yes_or_no(loser.started()));
    std::printf("ready: %s, %s\n", yes_or_no(winner.done()), yes_or_no(loser.done()));
    std::printf("successful: %s, %s\n", yes_or_no(winner.successful()), yes_or_no(loser.successful()));
    std::printf("value: %s\n", winner.result().c_str());
    std::printf("exception: %s\n", describe(loser.exception()).c_str());
    try {
        loser.result();
    } catch (const std::runtime_error& error) {
        std::printf("get() throws: %s\n", error.what());
    }
}

// S5: each prints to the page of the task that it runs in, and to the terminal if there is none.

ContextVar<std::string*> page("page", nullptr);

void say(const std::string& line) {
    if (std::string* const text = page.get())
        *text += line + "\n";
    else
        std::puts(line.c_str());
}

Task<std::string> task_func() {
    say("in task_func");
    co_return "the result";
}

Task<void> create_and_await() {
    say("creating task");
    auto task = create_task(task_func(), {.name = "task_func"});
    say("waiting for " + printed(task));
    const std::string return_value = co_await task;
    say("task completed " + printed(task));
    say("return value: '" + return_value + "'");
}

Task<void> cancel_before_the_start() {
    say("creating task");
    auto task = create_task(task_func(), {.name = "task_func"});
    say("canceling task");
    task.cancel();
    say("canceled task " + printed(task));
    try {
        co_await task;
    } catch (const TaskCancelled&) {
        say("caught error from canceled task");
    }
}

Task<void> sleeping_task_func() {
    say("in task_func, sleeping");
    try {
        co_await sleep(1s);
    } catch (const Cancelled&) {
        say("task_func was canceled");
        throw;
    }
}

void task_canceller(const TaskHandle<void>& task) {
    say("in task_canceller");
    task.cancel();
    say("canceled the task");
}

Task<void> cancel_from_a_callback() {
    say("creating task");
    auto task = create_task(sleeping_task_func());
    this_loop().call_soon(task_canceller, task);
    try {
        co_await task;
    } catch (const TaskCancelled&) {
        say("main() also sees task as canceled");
    }
}

Task<std::string> wrapped() {
    say("wrapped");
    co_return "result";
}

Task<void> inner(TaskHandle<std::string> task) {
    say("inner: starting");
    say("inner: waiting for " + printed(task));
    const std::string result = co_await task;
    say("inner: task returned '" + result + "'");
}

Task<void> starter() {
    say("starter: creating task");
    auto task = create_task(wrapped(), {.name = "wrapped"});
    say("starter: waiting for inner");
    co_await inner(task);
    say("starter: inner returned");
}

Task<std::string> on_a_page_of_its_own(Task<void> program) {
    std::string text;
    page.set(&text);
    co_await std::move(program);
    co_return text;
}

Task<void> all_four_at_once() {
    std::vector<Task<std::string>> programs;
    programs.push_back(on_a_page_of_its_own(create_and_await()));
    programs.push_back(on_a_page_of_its_own(cancel_before_the_start()));
    programs.push_back(on_a_page_of_its_own(cancel_from_a_callback()));
    programs.push_back(on_a_page_of_its_own(starter()));
    auto pages = co_await gather(std::move(programs));
    for (const auto& text : pages) std::fputs(text.c_str(), stdout);
}

int main() {
    std::puts("B1");
    run_a_coroutine();
    std::puts("B2");
    before_and_after();
    std::puts("B3");
    with_callbacks();
    std::puts("B4");
    with_a_result();
    std::puts("B5");
    run(blocking_and_await());
    std::puts("B6");
    run(concurrent());
    std::puts("B7a");
    run(timed(waits()));
    std::puts("B7b");
    run(timed(gathers()));
    std::puts("B7c");
    run(timed(waits_for_what_was_returned()));
    std::puts("B7d");
    run(timed(gathers_what_was_returned()));
    std::puts("B7e");
    run(timed(as_they_complete()));
    std::puts("B8");
    run(four_states());
    std::puts("J7");
    run(winner_and_loser());
    std::puts("S5a");
    run(create_and_await());
    std::puts("S5b");
    run(cancel_before_the_start());
    std::puts("S5c");
    run(cancel_from_a_callback());
    std::puts("S5d");
    run(starter());
    std::puts("S16");
    run(all_four_at_once());
}
