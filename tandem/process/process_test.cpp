// Children as they start and end: IO50, IO52, IO55.
#include <tandem/process/process.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/io/line_reader.hpp>
#include <tandem/io/read.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace tandem;
using namespace std::chrono_literals;
using process::Command;
using process::PIPE;

namespace {

std::string text_of(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

/// A folder for one test.
class Folder {
public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "tandem_process_XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string operator/(const char* name) const { return path_ + "/" + name; }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

Task<std::string> error_of(Command command) {
    const auto outcome = co_await as_result(process::run(std::move(command)));
    co_return outcome.has_error() ? std::string(outcome.error().what()) : "no error";
}

Task<std::error_code> code_of(Command command) {
    const auto outcome = co_await as_result(process::run(std::move(command)));
    co_return outcome.has_error() ? outcome.error().code() : std::error_code();
}

}  // namespace

ASYNC_TEST_REAL_TIME(SemIO50, a_child_is_spoken_to_and_ended_by_a_signal) {
    auto child = co_await process::exec(Command("cat").stdin_from(PIPE).stdout_to(PIPE));
    auto lines = io::LineReader(child.stdout_stream());

    co_await child.stdin_stream().write_all("hello\n");
    const auto line = co_await lines.next();
    const auto before = child.returncode();
    const bool was_there = child.terminate();
    const int code = co_await child.wait();

    EXPECT_GT(child.pid(), 1);
    EXPECT_EQ(line, "hello");
    EXPECT_FALSE(before);
    EXPECT_TRUE(was_there);
    EXPECT_EQ(code, -SIGTERM);
    EXPECT_EQ(child.returncode(), -SIGTERM);
}

ASYNC_TEST_REAL_TIME(SemIO50, a_named_argv_and_a_line_of_the_shell_are_commands_too) {
    const std::vector<std::string> argv{"sh", "-c", "exit 3"};
    auto first = co_await process::exec(argv);
    auto second = co_await process::shell("exit 4");
    const std::string third = co_await process::output("uname");

    const int one = co_await first.wait();
    const int two = co_await second.wait();

    EXPECT_EQ(one, 3);
    EXPECT_EQ(two, 4);
    EXPECT_EQ(third, "Linux\n");
}

ASYNC_TEST_REAL_TIME(SemIO50, environment_and_folder_are_the_childs_own) {
    ::setenv("TANDEM_TEST_INHERITED", "ours", 1);
    const std::string all = "echo $TANDEM_TEST_INHERITED,$TANDEM_TEST_SET,$PWD";
    auto changed = Command::shell(all);
    changed.env("TANDEM_TEST_SET", "first").env("TANDEM_TEST_SET", "second").cwd("/");
    auto without = Command::shell(all);
    without.unset_env("TANDEM_TEST_INHERITED").cwd("/usr");
    auto cleared = Command("/usr/bin/env");
    cleared.clear_env().env("ONLY", "this");

    const auto one = co_await process::output(changed);
    const auto two = co_await process::output(without);
    const auto three = co_await process::output(cleared);
    ::unsetenv("TANDEM_TEST_INHERITED");

    EXPECT_EQ(one, "ours,second,/\n");
    EXPECT_EQ(two, ",,/usr\n");
    EXPECT_EQ(three, "ONLY=this\n");
}

ASYNC_TEST_REAL_TIME(SemIO50, input_and_output_are_files_descriptors_or_one_another) {
    const Folder folder;
    {
        std::ofstream(folder / "in") << "from a file\n";
    }
    const int fd = ::open((folder / "fd").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    auto copies = Command("cat");
    copies.stdin_from_file(folder / "in").stdout_to_file(folder / "out");
    auto appends = Command::shell("echo more; echo worse >&2");
    appends.stdout_append_to_file(folder / "out").stderr_to(process::STDOUT);
    auto by_number = Command::shell("echo out; echo err >&2");
    by_number.stdout_to_descriptor(fd).stderr_to_descriptor(fd);
    auto both = Command::shell("echo out; echo err >&2");
    both.stderr_to(process::STDOUT);
    auto silent = Command::shell("echo out; cat");
    silent.stdout_to(process::DEVNULL).stdin_from(process::DEVNULL);

    co_await process::run(copies);
    co_await process::run(appends);
    co_await process::run(by_number);
    const auto mixed = co_await process::output(both);
    const auto nothing = co_await process::output(silent);
    ::close(fd);

    EXPECT_EQ(text_of(folder / "out"), "from a file\nmore\nworse\n");
    EXPECT_EQ(text_of(folder / "fd"), "out\nerr\n");
    EXPECT_EQ(mixed, "out\nerr\n");
    EXPECT_EQ(nothing, "");
}

ASYNC_TEST_REAL_TIME(SemIO50, a_status_other_than_zero_is_an_error_of_output_with_the_words_of_stderr) {
    const auto command = Command::shell("echo partly; echo no such luck >&2; exit 5");
    const auto outcome = co_await as_result(process::output(command));
    const auto result = co_await process::run(command);

    TANDEM_CO_ASSERT_TRUE(outcome.has_error());
    TANDEM_CO_ASSERT_TRUE(outcome.error().is<process::ProcessFailed>());
    EXPECT_EQ(std::string(outcome.error().what()),
              "/bin/sh -c 'echo partly; echo no such luck >&2; exit 5' ended with status 5: no such luck");
    EXPECT_EQ(result.returncode, 5);
    EXPECT_EQ(result.out, "partly\n");
    EXPECT_EQ(result.err, "no such luck\n");
}

ASYNC_TEST_REAL_TIME(SemIO52, output_is_read_and_the_status_asked_for_after_the_end) {
    auto child = co_await process::exec(Command::shell("echo late; exit 7").stdout_to(PIPE));

    const int first = co_await child.wait();
    const std::string text = co_await io::read_all(child.stdout_stream());
    const int again = co_await child.wait();

    EXPECT_EQ(first, 7);
    EXPECT_EQ(text, "late\n");
    EXPECT_EQ(again, 7);
}

ASYNC_TEST_REAL_TIME(SemIO52, several_tasks_wait_for_one_child) {
    auto child = co_await process::exec(Command::shell("read x; exit 9").stdin_from(PIPE));
    std::vector<Task<int>> waits;
    for (int i = 0; i < 5; ++i) waits.push_back(child.wait());
    auto all = create_task(gather(std::move(waits)));
    co_await sleep(5ms);

    co_await child.stdin_stream().close();
    const std::vector<int> codes = co_await std::move(all);

    EXPECT_EQ(codes, std::vector<int>(5, 9));
}

ASYNC_TEST_REAL_TIME(SemIO52, a_signal_after_the_end_does_nothing) {
    auto child = co_await process::exec("true");
    co_await child.wait();
    auto unwaited = co_await process::exec("true");
    siginfo_t about{};
    ::waitid(P_PID, static_cast<id_t>(unwaited.pid()), &about, WEXITED | WNOWAIT);

    EXPECT_FALSE(child.send_signal(SIGKILL));
    EXPECT_FALSE(child.terminate());
    EXPECT_FALSE(child.kill());
    EXPECT_FALSE(unwaited.kill());
    EXPECT_EQ(child.returncode(), 0);
    EXPECT_EQ(unwaited.returncode(), 0);
}

ASYNC_TEST_REAL_TIME(SemIO55, a_child_gets_no_descriptor_but_those_asked_for) {
    const int careless = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
    const int passed = ::fcntl(careless, F_DUPFD, 20);
    const std::string list = "ls -v /proc/self/fd | tr '\\n' ' '";
    auto with_one = Command::shell(list);
    with_one.pass_descriptor(passed);

    const auto none = co_await process::output(Command::shell(list));
    const auto one = co_await process::output(with_one);
    ::close(careless);
    ::close(passed);

    EXPECT_EQ(none, "0 1 2 3 ");  // 3 is the folder that ls reads
    EXPECT_EQ(one, "0 1 2 " + std::string("3 ") + std::to_string(passed) + " ");
}

ASYNC_TEST_REAL_TIME(SemIO55, a_child_ignores_no_sigpipe_and_blocks_no_signal) {
    sigset_t usr1;
    sigset_t before;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, &before);
    std::signal(SIGPIPE, SIG_IGN);

    const auto status = co_await process::output(Command("cat", "/proc/self/status"));
    std::signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);

    EXPECT_NE(status.find("SigBlk:\t0000000000000000"), std::string::npos) << status;
    const auto ignored = std::stoull(status.substr(status.find("SigIgn:") + 7), nullptr, 16);
    EXPECT_EQ(ignored & (1ULL << (SIGPIPE - 1)), 0U) << status;
}

ASYNC_TEST_REAL_TIME(SemIO55, what_the_exec_met_comes_from_the_start) {
    const Folder folder;
    {
        std::ofstream(folder / "plain") << "no program\n";
    }
    {
        std::ofstream(folder / "script") << "#!/no/such/interpreter\n";
    }
    ::chmod((folder / "script").c_str(), 0700);
    auto nowhere = Command("true");
    nowhere.cwd("/no/such/folder");
    auto elsewhere = Command("tandem-no-such-program");
    elsewhere.env("PATH", "/nowhere:" + folder.path());
    auto not_executable = Command("plain");
    not_executable.env("PATH", folder.path());

    const auto missing = co_await error_of(elsewhere);
    const auto denied = co_await error_of(not_executable);
    const auto with_path = co_await error_of(Command(folder / "nothing", "-x"));
    const auto interpreter = co_await error_of(Command(folder / "script"));
    const auto no_folder = co_await error_of(nowhere);
    const auto missing_code = co_await code_of(elsewhere);
    const auto denied_code = co_await code_of(not_executable);

    EXPECT_EQ(missing, "start tandem-no-such-program: tandem-no-such-program is not in PATH (/nowhere:" +
                           folder.path() + "): No such file or directory");
    EXPECT_EQ(denied,
              "start plain: plain may not be executed, in PATH (" + folder.path() + "): Permission denied");
    EXPECT_EQ(with_path, "start " + folder.path() + "/nothing -x: execute " + folder.path() +
                             "/nothing: No such file or directory");
    EXPECT_NE(interpreter.find("what it is to be run by is not"), std::string::npos) << interpreter;
    EXPECT_EQ(no_folder, "start true: go to the folder /no/such/folder: No such file or directory");
    EXPECT_EQ(missing_code, std::errc::no_such_file_or_directory);
    EXPECT_EQ(denied_code, std::errc::permission_denied);
}

TEST(SemIO55, what_no_system_takes_is_refused_before) {
    EXPECT_THROW(Command(""), std::invalid_argument);
    EXPECT_THROW(Command(std::vector<std::string>()), std::invalid_argument);
    EXPECT_THROW(Command("echo", std::string("a\0b", 3)), std::invalid_argument);
    EXPECT_THROW(Command("true").env("A=B", "C"), std::invalid_argument);
    EXPECT_THROW(Command("true").pass_descriptor(1), std::invalid_argument);
}

// All kinds of caller: a coroutine is above, in every test.
TEST(SemIO50, plain_code_workers_and_fibers_run_commands) {
    const auto word = [](const char* text) { return process::output(Command("echo", text)).get(); };
    const auto inside = [](auto fn) -> Task<std::string> {
        std::string on_worker = co_await to_thread(fn, "worker");
        std::string on_fiber = co_await in_fiber(fn, "fiber");
        co_return on_worker + on_fiber;
    };

    auto child = process::exec(Command("cat").stdin_from(PIPE).stdout_to(PIPE)).get();
    child.stdin_stream().write_all("plain").get();
    child.stdin_stream().close().get();
    const std::string text = io::read_all(child.stdout_stream()).get();
    const int code = child.wait().get();

    EXPECT_EQ(word("thread"), "thread\n");
    EXPECT_EQ(inside(word).get(), "worker\nfiber\n");
    EXPECT_EQ(text, "plain");
    EXPECT_EQ(code, 0);
}

ASYNC_TEST(SemIO50, simulated_time_says_that_it_has_no_children) {
    if (this_loop().backend_name() != "sim") co_return;
    const auto code = co_await code_of("true");
    EXPECT_EQ(code, std::errc::function_not_supported);
}
