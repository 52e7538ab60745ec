// What tandem tells about a program: in debug mode, and when something has gone wrong.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <regex>
#include <string>
#include <thread>

using namespace tandem;
using namespace std::chrono_literals;

// Places without the folder, functions without types, and times without what differs from run to run.
std::string plain(std::string text) {
    static const std::regex folder(R"([^ (\n]*/(\w+\.[ch]pp))");
    static const std::regex function(R"([\w:]*Task<\w+> (\w+)\([^)]*\))");
    static const std::regex tenth(R"(took 0\.[12]\d\d seconds)");
    text = std::regex_replace(text, folder, "$1");
    text = std::regex_replace(text, function, "$1()");
    return std::regex_replace(text, tenth, "took 0.1xx seconds");
}

std::string place(const SourceLocation& at) {
    return plain(std::string(at.file_name()) + ":" + std::to_string(at.line()));
}

void tell(EventLoop&, const ErrorContext& context) {
    std::printf("log: %s\n", plain(context.message).c_str());
    std::printf("  created at %s\n", place(context.source).c_str());
}

Task<void> inner() { co_return std::this_thread::sleep_for(110ms); }

Task<void> outer() {
    static_cast<void>(inner());
    co_await create_task(inner(), {.name = "inner"});
}

// Q3i: the switch is a variable of the environment.

Task<void> main_program() {
    this_loop().set_exception_handler(tell);
    co_await outer();
}

void with_environment(const char* self, const char* setting) {
    std::printf("%s\n", setting);
    std::fflush(stdout);
    static_cast<void>(
        std::system((std::string("env -u TANDEM_DEBUG ") + setting + " " + self + " main").c_str()));
}

// S15: a slow step, with the place where its task was created, and a loop that nobody closed.

void slow_steps(bool debug) {
    EventLoop loop;
    loop.set_debug(debug);
    loop.set_exception_handler(tell);
    loop.set_slow_callback_duration(1ms);
    loop.run_until_complete(loop.create_task(inner(), {.name = "inner"}));
    loop.close();
}

void unclosed() {
    EventLoop loop;
    loop.set_debug(true);
    loop.set_exception_handler(tell);
}

// T5: the switch, in the program.

Task<void> switching() {
    EventLoop& loop = this_loop();
    for (const bool on : {true, false}) {
        loop.set_debug(on);
        std::printf("debug: %s\n", loop.debug() ? "on" : "off");
    }
    co_return;
}

// V22: five functions in three tasks, and the way of an error through them.

Task<int> parse(std::string text) {
    co_await checkpoint();
    co_return std::stoi(text);
}
Task<int> read_setting() { co_return co_await parse("twelve"); }
Task<int> load(TaskHandle<int>& reader) {
    reader = create_task(read_setting(), {.name = "reader"});
    co_return co_await reader;
}
Task<int> prepare(TaskHandle<int>& reader) { co_return co_await load(reader); }
Task<int> start(TaskHandle<int>& loader, TaskHandle<int>& reader) {
    loader = create_task(prepare(reader), {.name = "loader"});
    co_return co_await loader;
}

Task<void> deep_failure() {
    TaskHandle<int> reader;
    TaskHandle<int> loader;
    auto starter = create_task(start(loader, reader), {.name = "starter"});
    co_await starter.join_only();
    for (const auto& task : {reader, loader, starter}) {
        std::fputs(plain(task.stack()).c_str(), stdout);
        static_cast<void>(task.exception());
    }
}

// V24: three tasks that wait for each other.

Task<void> wait_for(TaskHandle<void>& other) { co_await other; }

Task<void> stuck() {
    TaskHandle<void> a;
    TaskHandle<void> b;
    TaskHandle<void> c;
    b = create_task(wait_for(c), {.name = "B"});
    c = create_task(wait_for(a), {.name = "C"});
    a = create_task(wait_for(b), {.name = "A"});
    for (const auto& task : {a, b, c}) co_await task.join_only();
    try {
        a.result();
    } catch (const WouldDeadlock& error) {
        const std::string text = error.what();
        std::puts(text.substr(0, text.find(',')).c_str());
    }
    for (const auto& task : {b, c}) static_cast<void>(task.exception());
}

int main(int argc, char** argv) {
    if (argc > 1) {
        run(main_program());
        return EXIT_SUCCESS;
    }
    std::puts("Q3i");
    with_environment(argv[0], "TANDEM_DEBUG=1");
    with_environment(argv[0], "TANDEM_DEBUG=");
    std::puts("S15");
    slow_steps(true);
    unclosed();
    slow_steps(false);
    std::puts("T5");
    run(switching());
    std::puts("V22");
    run(deep_failure());
    std::puts("V24");
    run(stuck());
}
