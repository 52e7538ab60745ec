#pragma once

#include <tandem/base/time.hpp>
#include <tandem/io/pipe_stream.hpp>
#include <tandem/process/command.hpp>
#include <tandem/task/task.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace tandem::inline v1::process {

/// How a command ended, and what it wrote.
class Output {
public:
    Output() = default;
    Output(int code, std::string written, std::string errors)
        : returncode(code), out(std::move(written)), err(std::move(errors)) {}
    int returncode = 0;  ///< the exit status, or -N for signal N
    std::string out;     ///< of a stdout that is a pipe
    std::string err;     ///< of a stderr that is a pipe
};

/// A command ended with another status than 0: subprocess's CalledProcessError. The message has the end of
/// what it wrote to stderr.
class ProcessFailed : public std::runtime_error {
public:
    ProcessFailed(const std::string& command, Output output);
    int returncode() const noexcept { return output_->returncode; }
    const Output& output() const noexcept { return *output_; }

private:
    std::shared_ptr<const Output> output_;
};

/// A child process.
///
///     auto child = co_await process::exec(process::Command("cat").stdin_from(PIPE).stdout_to(PIPE));
///     co_await child.stdin_stream().write_all("hello\n");
///     child.terminate();
///     int code = co_await child.wait();   // -15
///
/// Errors      of waiting: none. Where somebody else has reaped it the status is `unknown_status`, which the
///             loop's exception handler is told.
/// Cancelling  a cancelled `wait()` leaves it running; `communicate()` too, and keeps what was read.
/// Threads     the loop it was started on: awaits on another one throw `WrongLoop`. Signals, `returncode()`
///             and the destructor: any.
/// Lifetime    moves freely. Destroyed alive, its streams are closed and its loop stops it as `stop()` does,
///             behind the caller's back, at the latest when that closes. In a forked child: nothing.
class Process {
public:
    /// The returncode of a process whose status somebody else took.
    static constexpr int unknown_status = 255;

    Process() noexcept = default;
    Process(Process&&) noexcept = default;
    Process& operator=(Process&& other) noexcept;
    ~Process();

    int pid() const;
    /// Those that are a pipe. Errors: `InvalidStateError` for the others.
    io::PipeStream& stdin_stream() const;
    io::PipeStream& stdout_stream() const;
    io::PipeStream& stderr_stream() const;

    /// The exit status, -N for signal N; nothing while it runs.
    std::optional<int> returncode() const;
    /// Waits for its end. Several tasks may, and again after it.
    [[nodiscard]] Task<int> wait() const;
    /// Writes `input` to its stdin and closes that, reads stdout and stderr to their ends, all at once, and
    /// waits. A child that does not read its input is no error. What is no pipe is left out. A grandchild
    /// that keeps a pipe open keeps this waiting.
    ///
    /// Cancelling  the next call goes on: what was read is kept, `input` follows what was not yet written.
    [[nodiscard]] Task<Output> communicate(std::string input = {}) const;
    /// What a `communicate()` that was cancelled, or still runs, has read; its returncode means nothing.
    const Output& partial_output() const;

    /// Whether it was still there. After its end nothing happens: never another process. Errors:
    /// `std::system_error` EINVAL, EPERM.
    bool send_signal(int signal) const;
    /// SIGTERM.
    bool terminate() const;
    /// SIGKILL.
    bool kill() const;
    /// SIGTERM, and if it has not ended within `grace`, by default the command's, SIGKILL, which is told to
    /// the loop's exception handler. With a process group of its own all of that is meant.
    ///
    /// Cancelling  waits for the end.
    [[nodiscard]] Task<int> stop() const;
    [[nodiscard]] Task<int> stop(Duration grace) const;

    struct State;

private:
    friend class Launch;
    explicit Process(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
    State& state(const char* what) const;
    std::shared_ptr<State> state_;
};

/// Starts a program: asyncio's `create_subprocess_exec`. The loop stands still until its exec has come about,
/// a millisecond or less.
///
/// Errors      `std::system_error` with the errno of what failed: ENOENT and EACCES for the program or the
///             folder, EMFILE, EAGAIN; nothing is left behind. ENOSYS on the simulated backend.
[[nodiscard]] Task<Process> exec(Command command);
/// The same for a line of /bin/sh: asyncio's `create_subprocess_shell`. For setters:
/// `exec(Command::shell(text))`.
[[nodiscard]] Task<Process> shell(std::string text);

/// Runs a command to its end: `subprocess.run`. What has no setter: input is `input`, or nothing; stdout and
/// stderr are collected.
///
///     process::Output listing = co_await process::run(process::Command("ls", "-l"));
///
/// Errors      `exec()`'s. A status is none.
/// Cancelling  the command is stopped, and has ended when `Cancelled` goes on.
[[nodiscard]] Task<Output> run(Command command, std::string input = {});
/// What the command wrote to stdout: `subprocess.check_output`. Errors: `ProcessFailed` for any status but 0.
///
///     std::string system = co_await process::output("uname");
[[nodiscard]] Task<std::string> output(Command command, std::string input = {});

}  // namespace tandem::inline v1::process
