#pragma once

#include <tandem/base/time.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tandem::inline v1::process {

/// Where a child's standard input comes from, or where its output goes.
enum class Stdio : std::uint8_t {
    inherit,    ///< where ours does
    pipe,       ///< a stream of the `Process`
    null,       ///< /dev/null
    to_stdout,  ///< for stderr: where stdout goes
};
inline constexpr Stdio PIPE = Stdio::pipe;
inline constexpr Stdio DEVNULL = Stdio::null;
inline constexpr Stdio STDOUT = Stdio::to_stdout;

/// A program with its arguments, and how it is to run.
///
///     process::Command list("ls", "-l");
///     list.cwd("/tmp").env("LC_ALL", "C").stdout_to(process::PIPE);
///
/// A name without '/' is looked for in the child's PATH. Nothing is passed through a shell. Without setters
/// it has our environment, folder, input and output, and no descriptor beyond those three; its signal mask is
/// empty, SIGPIPE is not ignored.
///
/// Errors      those of its start come from `exec()`; `std::invalid_argument` for what no system takes (a
///             zero byte, a '=' in a variable's name).
/// Cancelling  nothing waits.
/// Threads     a value.
/// Lifetime    owns its texts. Descriptors stay the caller's, open until the start is over.
class Command {
public:
    template <class Program, class... Arguments>
        requires(std::convertible_to<Program, std::string> &&
                 (std::convertible_to<Arguments, std::string> && ...))
    Command(Program&& program, Arguments&&... arguments) {
        add(std::string(std::forward<Program>(program)));
        (add(std::string(std::forward<Arguments>(arguments))), ...);
    }
    /// The program first. Errors: `std::invalid_argument` if it is empty.
    Command(const std::vector<std::string>& argv);

    /// `text` for /bin/sh.
    static Command shell(std::string text) { return Command("/bin/sh", "-c", std::move(text)); }

    Command& arg(std::string argument) { return add(std::move(argument)), *this; }
    Command& args(const std::vector<std::string>& arguments);
    /// Sets a variable, on top of our environment, or of nothing after `clear_env()`.
    Command& env(std::string name, std::string value);
    Command& unset_env(std::string name);
    Command& clear_env();
    /// Where it starts.
    Command& cwd(std::string folder);

    Command& stdin_from(Stdio from) { return input_ = Redirect(from), *this; }
    Command& stdout_to(Stdio to) { return output_ = Redirect(to), *this; }
    Command& stderr_to(Stdio to) { return errors_ = Redirect(to), *this; }
    Command& stdin_from_file(std::string path) { return input_ = Redirect(std::move(path), false), *this; }
    /// Made, or emptied first.
    Command& stdout_to_file(std::string path) { return output_ = Redirect(std::move(path), false), *this; }
    Command& stderr_to_file(std::string path) { return errors_ = Redirect(std::move(path), false), *this; }
    Command& stdout_append_to_file(std::string path) {
        return output_ = Redirect(std::move(path), true), *this;
    }
    Command& stderr_append_to_file(std::string path) {
        return errors_ = Redirect(std::move(path), true), *this;
    }
    Command& stdin_from_descriptor(int fd) { return input_ = Redirect(fd), *this; }
    Command& stdout_to_descriptor(int fd) { return output_ = Redirect(fd), *this; }
    Command& stderr_to_descriptor(int fd) { return errors_ = Redirect(fd), *this; }
    /// Open there too, under the same number.
    Command& pass_descriptor(int fd);

    /// In a session of its own, without a terminal; and so in a process group of its own.
    Command& new_session() { return new_session_ = true, *this; }
    /// In a process group of its own: Ctrl-C does not reach it, and `Process::stop()` ends all of it.
    Command& new_process_group() { return new_group_ = true, *this; }
    /// How long it has to end after SIGTERM, before SIGKILL, when its `Process` is destroyed or its await
    /// cancelled.
    Command& stop_grace(Duration grace) { return stop_grace_ = grace, *this; }

    const std::vector<std::string>& argv() const noexcept { return argv_; }
    /// "ls -l /tmp", for messages.
    std::string to_string() const;

private:
    friend class Launch;
    struct Redirect {
        explicit Redirect(Stdio what) : kind(what) {}
        Redirect(std::string file, bool at_its_end) : path(std::move(file)), append(at_its_end) {}
        explicit Redirect(int fd) : descriptor(fd) {}
        Stdio kind = Stdio::inherit;
        std::optional<std::string> path;
        std::optional<int> descriptor;
        bool append = false;
    };
    void add(std::string argument);

    std::vector<std::string> argv_;
    std::vector<std::pair<std::string, std::optional<std::string>>> variables_;  // set, or unset
    bool clear_env_ = false;
    std::optional<std::string> folder_;
    std::optional<Redirect> input_;
    std::optional<Redirect> output_;
    std::optional<Redirect> errors_;
    std::vector<int> passed_;
    bool new_session_ = false;
    bool new_group_ = false;
    Duration stop_grace_ = std::chrono::seconds(5);
};

}  // namespace tandem::inline v1::process
