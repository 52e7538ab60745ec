#pragma once

#include <boost/json/value.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace end_to_end {

using std::chrono::milliseconds;

/// A directory of its own, gone at the end.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    explicit TemporaryDirectory(const std::string& parent);
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string operator/(std::string_view name) const {
        return path_ + "/" + std::string(name);
    }

    /// Makes directories as needed; the whole path.
    std::string write(std::string_view name, std::string_view content) const;
    [[nodiscard]] std::string read(std::string_view name) const;
    [[nodiscard]] bool has(std::string_view name) const;
    /// All regular files below, relative, sorted.
    [[nodiscard]] std::vector<std::string> files() const;

private:
    std::string path_;
};

[[nodiscard]] std::string read_file(const std::string& path);
[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);
[[nodiscard]] std::size_t count_of(std::string_view text, std::string_view part);

struct Result {
    int exit_code = -1;  ///< -1 if a signal ended it
    int signal = 0;
    std::string out;
    std::string err;  ///< under a terminal both are in `out`
    milliseconds took{0};
};

struct RunOptions {
    std::string input = {};   ///< all of stdin
    bool keep_stdin = false;  ///< it stays open for `write()`
    bool terminal = false;    ///< a pseudo-terminal for stderr, and for stdout if that is not captured
    bool terminal_stdout = false;
    std::string directory = {};                 ///< to start in
    std::vector<std::string> environment = {};  ///< "NAME=value"; "NAME" removes it
    std::optional<std::uint64_t> max_file_bytes = std::nullopt;
    std::optional<std::uint64_t> max_descriptors = std::nullopt;
    milliseconds limit{60'000};  ///< then it is killed, and the test fails
};

/// A child process whose output is collected. Killed at the end if it still runs.
class Program {
public:
    explicit Program(std::vector<std::string> command, RunOptions options = {});
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    ~Program();

    void write(std::string_view text);
    /// False if the pipe is full.
    [[nodiscard]] bool try_write(std::string_view text);
    void close_stdin();
    void send(int signal) const;
    [[nodiscard]] int pid() const { return pid_; }
    [[nodiscard]] std::string out() const;
    [[nodiscard]] std::string err() const;
    [[nodiscard]] bool wait_until(const std::function<bool()>& condition,
                                  milliseconds limit = milliseconds(20'000)) const;
    [[nodiscard]] bool ended();

    Result wait();

private:
    void collect(int descriptor, std::string& into);

    RunOptions options_;
    int pid_ = -1;
    int stdin_ = -1;
    std::optional<int> status_;
    std::chrono::steady_clock::time_point began_;
    mutable std::mutex lock_;
    std::string out_;
    std::string err_;
    std::vector<std::thread> readers_;
};

[[nodiscard]] Result run(std::vector<std::string> command, RunOptions options = {});

/// `tandem fetch` with these arguments.
[[nodiscard]] std::vector<std::string> fetch(std::vector<std::string> arguments);
[[nodiscard]] Result run_fetch(std::vector<std::string> arguments, RunOptions options = {});

[[nodiscard]] std::uint16_t free_port();

/// nginx with a configuration of its own, in the foreground. `locations` stands inside its server block.
class NginxServer {
public:
    explicit NginxServer(std::string_view locations = {}, std::string_view listen = "127.0.0.1",
                         bool tls = false);
    [[nodiscard]] std::string url(std::string_view path) const;
    [[nodiscard]] std::uint16_t port() const { return port_; }
    /// Its document root.
    [[nodiscard]] const TemporaryDirectory& site() const { return site_; }
    /// The CA of its certificate, which is for `localhost` and `127.0.0.1`.
    [[nodiscard]] std::string ca_file() const { return work_ / "ca.pem"; }

private:
    TemporaryDirectory site_;
    TemporaryDirectory work_;
    std::string host_;
    std::uint16_t port_;
    bool tls_;
    std::unique_ptr<Program> nginx_;
};

/// One connection of a scripted server, used by its thread.
class Connection {
public:
    explicit Connection(int descriptor) : descriptor_(descriptor) {}
    /// Up to the empty line; empty if the peer went away.
    std::string read_head();
    void send(std::string_view bytes);
    /// Ends it with a reset.
    void reset();
    /// Until the peer closes.
    void wait_for_end();

private:
    int descriptor_;
};

/// A TCP server that does what `script` says with each connection, each in a thread of its own.
class ScriptedServer {
public:
    explicit ScriptedServer(std::function<void(Connection&)> script, bool ipv6 = false);
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;
    ~ScriptedServer();

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::string url(std::string_view path) const;

private:
    std::function<void(Connection&)> script_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    bool ipv6_;
    std::mutex lock_;
    std::vector<int> open_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
    bool ending_ = false;
};

/// A scripted server of HTTP: the answer to each request, whole, by its path. Keeps connections.
class AnsweringServer {
public:
    using Answer = std::function<std::string(const std::string& path, const std::string& head)>;
    explicit AnsweringServer(Answer answer);
    [[nodiscard]] std::string url(std::string_view path) const { return server_.url(path); }
    [[nodiscard]] std::uint16_t port() const { return server_.port(); }
    /// The heads of all requests so far.
    [[nodiscard]] std::vector<std::string> requests() const;
    [[nodiscard]] std::size_t most_at_once() const;

private:
    void serve(Connection& connection);
    Answer answer_;
    mutable std::mutex lock_;
    std::vector<std::string> heads_;
    std::size_t at_once_ = 0;
    std::size_t most_at_once_ = 0;
    ScriptedServer server_;  // last: its threads use the rest
};

[[nodiscard]] std::string http_answer(int status, std::string_view body, std::string_view headers = {});

/// The records of a report. A line that does not parse, or is no record by cli/record_schema.json, fails the
/// test.
[[nodiscard]] std::vector<boost::json::object> records_of(const std::string& report_path);
[[nodiscard]] std::vector<boost::json::object> records_in(std::string_view text);
/// A member of nested objects: `text(record, "error.code")`; empty if it is absent.
[[nodiscard]] std::string text(const boost::json::object& record, std::string_view path);
[[nodiscard]] std::size_t count_where(const std::vector<boost::json::object>& records, std::string_view path,
                                      std::string_view value);
/// What is wrong with `value` by `schema`, one line each.
[[nodiscard]] std::vector<std::string> schema_problems(const boost::json::value& value);

}  // namespace end_to_end
