#include "support.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace end_to_end {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what + ": " + std::strerror(errno));
}

void pause_shortly() { std::this_thread::sleep_for(milliseconds(5)); }

void write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const auto count = ::write(descriptor, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;  // the reader is gone
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

struct Pipe {
    int read = -1;
    int write = -1;
};

Pipe make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
    return {ends[0], ends[1]};
}

Pipe make_terminal() {
    winsize size{};
    size.ws_col = 100;
    size.ws_row = 30;
    Pipe terminal;
    if (::openpty(&terminal.read, &terminal.write, nullptr, nullptr, &size) != 0) fail("openpty");
    ::fcntl(terminal.read, F_SETFD, FD_CLOEXEC);
    ::fcntl(terminal.write, F_SETFD, FD_CLOEXEC);
    return terminal;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() : TemporaryDirectory(std::filesystem::temp_directory_path()) {}

TemporaryDirectory::TemporaryDirectory(const std::string& parent) {
    auto form = parent + "/tandem-test-XXXXXX";
    if (::mkdtemp(form.data()) == nullptr) fail("mkdtemp in " + parent);
    path_ = form;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::write(std::string_view name, std::string_view content) const {
    const auto path = *this / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path;
}

std::string TemporaryDirectory::read(std::string_view name) const { return read_file(*this / name); }
bool TemporaryDirectory::has(std::string_view name) const { return std::filesystem::exists(*this / name); }

std::vector<std::string> TemporaryDirectory::files() const {
    std::vector<std::string> found;
    for (const auto& each : std::filesystem::recursive_directory_iterator(path_)) {
        if (each.is_regular_file()) found.push_back(each.path().lexically_relative(path_).string());
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    std::istringstream stream{std::string(text)};
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

std::size_t count_of(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
        ++count;
    return count;
}

Program::Program(std::vector<std::string> command, RunOptions options)
    : options_(std::move(options)), began_(Clock::now()) {
    const auto input = make_pipe();
    const auto error = options_.terminal ? make_terminal() : make_pipe();
    const auto output = options_.terminal_stdout ? error : make_pipe();

    std::vector<char*> arguments;
    for (auto& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const auto parent = ::getpid();

    pid_ = ::fork();
    if (pid_ < 0) fail("fork");
    if (pid_ == 0) {
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(126);
        ::dup2(input.read, 0);
        ::dup2(output.write, 1);
        ::dup2(error.write, 2);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(signal, SIG_DFL);
        if (!options_.directory.empty() && ::chdir(options_.directory.c_str()) != 0) ::_exit(126);
        for (auto& variable : options_.environment) {
            if (variable.find('=') == std::string::npos)
                ::unsetenv(variable.c_str());
            else
                ::putenv(variable.data());
        }
        if (options_.max_file_bytes) {
            const rlimit limit{*options_.max_file_bytes, *options_.max_file_bytes};
            ::setrlimit(RLIMIT_FSIZE, &limit);
            std::signal(SIGXFSZ, SIG_IGN);
        }
        if (options_.max_descriptors) {
            const rlimit limit{*options_.max_descriptors, *options_.max_descriptors};
            ::setrlimit(RLIMIT_NOFILE, &limit);
        }
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    ::close(input.read);
    if (!options_.terminal_stdout) ::close(output.write);
    ::close(error.write);
    stdin_ = input.write;
    if (!options_.terminal_stdout) readers_.emplace_back([this, output] { collect(output.read, out_); });
    readers_.emplace_back([this, error] { collect(error.read, err_); });
    if (!options_.keep_stdin) {
        write_all(stdin_, options_.input);
        close_stdin();
    }
}

Program::~Program() {
    if (!status_) {
        ::kill(-pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    close_stdin();
    for (auto& reader : readers_) {
        if (reader.joinable()) reader.join();
    }
}

void Program::collect(int descriptor, std::string& into) {
    char piece[16 * 1024];
    for (;;) {
        const auto count = ::read(descriptor, piece, sizeof piece);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;  // a terminal whose other side is gone gives EIO
        const std::lock_guard guard(lock_);
        into.append(piece, static_cast<std::size_t>(count));
    }
    ::close(descriptor);
}

void Program::write(std::string_view text) { write_all(stdin_, text); }

bool Program::try_write(std::string_view text) {
    pollfd ready{stdin_, POLLOUT, 0};
    if (::poll(&ready, 1, 0) != 1) return false;
    write_all(stdin_, text);
    return true;
}

void Program::close_stdin() {
    if (stdin_ >= 0) ::close(std::exchange(stdin_, -1));
}

void Program::send(int signal) const { ::kill(pid_, signal); }

std::string Program::out() const {
    const std::lock_guard guard(lock_);
    return out_;
}

std::string Program::err() const {
    const std::lock_guard guard(lock_);
    return err_;
}

bool Program::wait_until(const std::function<bool()>& condition, milliseconds limit) const {
    const auto end = Clock::now() + limit;
    while (!condition()) {
        if (Clock::now() > end) return false;
        pause_shortly();
    }
    return true;
}

bool Program::ended() {
    if (status_) return true;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    status_ = status;
    return true;
}

Result Program::wait() {
    if (!wait_until([this] { return ended(); }, options_.limit)) {
        ADD_FAILURE() << "pid " << pid_ << " did not end within " << options_.limit.count() << " ms\n"
                      << err();
        ::kill(-pid_, SIGKILL);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        status_ = status;
    }
    Result result;
    result.took = std::chrono::duration_cast<milliseconds>(Clock::now() - began_);
    close_stdin();
    for (auto& reader : readers_) {
        if (reader.joinable()) reader.join();
    }
    if (WIFEXITED(*status_)) result.exit_code = WEXITSTATUS(*status_);
    if (WIFSIGNALED(*status_)) result.signal = WTERMSIG(*status_);
    result.out = out();
    result.err = err();
    return result;
}

Result run(std::vector<std::string> command, RunOptions options) {
    return Program(std::move(command), std::move(options)).wait();
}

std::vector<std::string> fetch(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {std::string(TANDEM_BINARY_DIR) + "/cli/tandem", "fetch"});
    return arguments;
}

Result run_fetch(std::vector<std::string> arguments, RunOptions options) {
    return run(fetch(std::move(arguments)), std::move(options));
}

}  // namespace end_to_end
