// Child processes: run, gathered, talked to, by streams, by a protocol, and by a pipe to a fork.
#include <tandem/io/readiness.hpp>
#include <tandem/tandem.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using process::Command;
using process::PIPE;

// J16: a command of the shell, and a line every 0.2 s.

Task<void> cron() {
    for (int i = 0; i < 5; ++i) {
        std::puts("cron");
        co_await sleep(200ms);
    }
}

Task<void> sleep_and_uname() {
    const std::string system = co_await process::output(Command::shell("sleep 1; uname"));
    std::fputs(system.c_str(), stdout);
}

Task<void> command_beside_cron() { co_await gather(cron(), sleep_and_uname()); }

// J17: a pipe to a forked child, by waiting until it is ready.

struct Pipe {
    Pipe() {
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    }
    std::array<int, 2> ends{};
};

// Ready to write means that one byte goes through: whoever has more is ready to be stopped in the middle.
Task<void> write_ready(int fd, std::string text) {
    std::string_view rest = text;
    while (!rest.empty()) {
        co_await io::writable(fd);
        const auto written = ::write(fd, rest.data(), rest.size());
        if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
    }
    ::close(fd);
}

Task<std::string> read_ready(int fd) {
    std::string text;
    std::array<char, 4096> buffer{};
    for (;;) {
        co_await io::readable(fd);
        const auto count = ::read(fd, buffer.data(), buffer.size());
        if (count <= 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    ::close(fd);
    co_return text;
}

[[noreturn]] void child_that_writes(EventLoop& inherited, int out) {
    std::string text;
    try {
        inherited.call_soon_threadsafe([] {});
    } catch (const LoopClosed&) {
        text = "child: the loop is my parent's\n";
    }
    for (int i = 0; i < 10; ++i) text += "hi in " + std::to_string(i) + "\n";
    ::_exit(::write(out, text.data(), text.size()) < 0 ? 1 : 0);
}

Task<void> forked_writer() {
    const Pipe pipe;
    std::fflush(stdout);
    EventLoop& loop = this_loop();
    const auto child = ::fork();
    if (child == 0) child_that_writes(loop, pipe.ends[1]);
    ::close(pipe.ends[1]);
    const std::string text = co_await read_ready(pipe.ends[0]);
    std::fputs(text.c_str(), stdout);
    ::waitpid(child, nullptr, 0);
}

Task<void> large_write() {
    const Pipe pipe;
    ::fcntl(pipe.ends[1], F_SETFL, O_NONBLOCK);
    auto writing = create_task(write_ready(pipe.ends[1], std::string(1 << 20, 'x')));
    co_await sleep(1ms);
    std::puts(writing.done() ? "1 MiB fits into a pipe" : "the loop goes on while 1 MiB waits for a reader");
    const std::string text = co_await read_ready(pipe.ends[0]);
    co_await writing;
    std::printf("%zu bytes read\n", text.size());
}

// Q3d: two commands gathered.

Task<void> uname_and_date() {
    auto [system, date] = co_await gather(process::output("uname"), process::output(Command("date", "+%s")));
    std::fputs(system.c_str(), stdout);
    std::puts(std::labs(std::stol(date) - std::time(nullptr)) <= 2 ? "now, by date" : "another time");
}

// Q3e: `cat` echoes.

Task<void> echo() {
    auto cat = co_await process::exec(Command("cat").stdin_from(PIPE).stdout_to(PIPE));
    auto lines = io::LineReader(cat.stdout_stream());
    std::puts("Writing 'hello!' ...");
    co_await cat.stdin_stream().write_all("hello!\n");
    const auto line = co_await lines.next();
    std::printf("Received '%s'\n", line.value_or("nothing").c_str());
    cat.terminate();
    const int code = co_await cat.wait();
    std::printf("Terminated with code %d\n", code);
}

// S12a: `df` by a protocol.

struct DfProtocol : process::Protocol {
    void connection_made(process::Process& made) override {
        std::puts("process started");
        child = &made;
        started.set();
    }
    void pipe_data_received(int fd, Bytes data) override {
        if (fd != 1) return;
        if (text.empty()) std::puts("read n bytes");
        text += data.text();
    }
    void process_exited() override {
        std::puts("process exited");
        std::printf("return code %d\n", *child->returncode());
    }
    process::Process* child = nullptr;
    Event started;
    std::string text;
};

Task<void> run_df() {
    std::puts("in run_df");
    DfProtocol df;
    std::puts("launching process");
    auto running = create_task(process::exec_protocol(Command("df", "-hl").env("LC_ALL", "C"), df));
    co_await df.started.wait();
    std::puts("waiting for process to complete");
    const int code = co_await running;
    if (code == 0) std::puts("parsing results");
    std::puts(df.text.starts_with("Filesystem") ? "a table of file systems" : "no table");
}

// S12b: `df` by streams.

Task<void> df_lines() {
    auto df = co_await process::exec(Command("df", "-hl").env("LC_ALL", "C").stdout_to(PIPE));
    auto lines = io::LineReader(df.stdout_stream());
    while (auto line = co_await lines.next())
        if (line->starts_with("Filesystem")) std::puts("read: Filesystem ...");
    std::puts("no more output from command");
    const int code = co_await df.wait();
    std::printf("return code %d\n", code);
}

// S12c: `tr` by communicate().

Task<void> to_upper(std::string text) {
    auto tr =
        co_await process::exec(Command("tr", "[:lower:]", "[:upper:]").stdin_from(PIPE).stdout_to(PIPE));
    const process::Output result = co_await tr.communicate(text);
    std::printf("%s\nreturn code %d\n", result.out.c_str(), result.returncode);
}

// U25o: several commands of the shell, and two that stream.

Task<void> run_command(std::string text) {
    auto child = co_await process::exec(Command::shell(text).stdout_to(PIPE).stderr_to(PIPE));
    const process::Output result = co_await child.communicate();
    std::printf("%s: %d, %s%s", text.c_str(), result.returncode, result.out.c_str(), result.err.c_str());
}

Task<void> stream(std::string text) {
    auto child = co_await process::exec(Command::shell(text).stdout_to(PIPE));
    auto lines = io::LineReader(child.stdout_stream());
    while (auto line = co_await lines.next()) std::puts(line->c_str());
    co_await child.wait();
}

Task<void> shell_commands() {
    co_await gather(run_command("echo first"), run_command("sleep 0.2; echo second >&2; exit 2"));
    co_await gather(stream("for i in 1 2 3; do sleep 1; echo $i; done"),
                    stream("sleep 0.2; for i in a b c; do sleep 0.5; echo $i; done"));
}

// Y1b: three at once.

Task<void> wait_for(Command command) {
    auto child = co_await process::exec(std::move(command));
    co_await child.wait();
}

Task<void> three_sleeps() {
    const auto start = this_loop().time();
    co_await gather(wait_for(Command("sleep", "1")), wait_for(Command("sleep", "1")),
                    wait_for(Command::shell("sleep 1")));
    const auto took = this_loop().time() - start;
    std::puts(took >= 1s && took < 2s ? "three sleeps in 1 s" : "three sleeps, too slow");
}

// Y1d: question, answer, question, answer, end.

Task<void> interview() {
    auto command = Command("python3", "-u", "-i", "-q");
    command.stdin_from(PIPE).stdout_to(PIPE).stderr_to(process::DEVNULL);  // there it prompts
    auto python = co_await process::exec(command);
    auto answers = io::LineReader(python.stdout_stream());
    for (const std::string question : {"6 * 7", "'tandem'.upper()"}) {
        co_await python.stdin_stream().write_all(question + "\n");
        const auto answer = co_await answers.next();
        std::printf("%s -> %s\n", question.c_str(), answer.value_or("nothing").c_str());
    }
    co_await python.stdin_stream().close();
    const int code = co_await python.wait();
    std::printf("end, status %d\n", code);
}

int main() {
    std::puts("J16");
    run(command_beside_cron());
    std::puts("J17");
    run(forked_writer());
    run(large_write());
    std::puts("Q3d");
    run(uname_and_date());
    std::puts("Q3e");
    run(echo());
    std::puts("S12a");
    run(run_df());
    std::puts("S12b");
    run(df_lines());
    std::puts("S12c");
    run(to_upper("This message will be converted to all caps."));
    std::puts("U25o");
    run(shell_commands());
    std::puts("Y1b");
    run(three_sleeps());
    std::puts("Y1d");
    run(interview());
}
