#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::inline v1::testing {

/// The path of an installed program: of `$PATH`, /usr/sbin, or `folders` (where `*` stands for any name).
std::optional<std::string> find_program(std::string_view name, const std::vector<std::string>& folders = {});

class ServerOptions {
public:
    ServerOptions() {}
    ServerOptions(const ServerOptions&) = default;
    ServerOptions(ServerOptions&&) = default;
    ServerOptions& operator=(const ServerOptions&) = default;
    ServerOptions& operator=(ServerOptions&&) = default;
    ~ServerOptions() {}

    /// Root starts it as `nobody`: for servers that refuse to run as root.
    ServerOptions& unprivileged(bool value = true) { return unprivileged_ = value, *this; }
    /// By which it is asked to end; SIGTERM by default.
    ServerOptions& stop_signal(int value) { return stop_signal_ = value, *this; }
    ServerOptions& start_limit(std::chrono::seconds value) { return start_limit_ = value, *this; }

    bool unprivileged() const { return unprivileged_; }
    std::optional<int> stop_signal() const { return stop_signal_; }
    std::chrono::seconds start_limit() const { return start_limit_; }

private:
    bool unprivileged_ = false;
    std::optional<int> stop_signal_;
    std::chrono::seconds start_limit_ = std::chrono::seconds(20);
};

/// A server of somebody else's that a test starts for itself, in a temporary folder of its own.
///
///     testing::ServerProcess redis({"redis-server", "--port", "0", "--unixsocket", "{folder}/redis.sock"},
///                                  [](const std::string& folder) { return answers(folder + "/redis.sock");
///                                  });
///
/// `{folder}` in an argument stands for that folder; it is the working directory too. A socket in it needs no
/// port that somebody else may take first.
///
/// Errors      the constructor: what kept it from starting, with the last lines it wrote.
/// Threads     the one that made it: it is killed when that thread ends.
/// Lifetime    the destructor asks it to end, after 5 s ends it, and removes the folder.
class ServerProcess {
public:
    /// Returns when `is_ready(folder)` says so.
    ServerProcess(std::vector<std::string> command, const std::function<bool(const std::string&)>& is_ready,
                  const ServerOptions& options = ServerOptions());
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;
    ~ServerProcess();

    const std::string& folder() const { return folder_; }
    int pid() const { return pid_; }
    /// What it wrote to its output so far.
    std::string log() const;

private:
    void start(std::vector<std::string> command, const ServerOptions& options);
    bool ended();
    void stop() noexcept;

    std::string folder_;
    int pid_ = -1;
    int stop_signal_;
};

/// Whether something accepts connections at this Unix socket: the usual `is_ready`.
bool accepts_connections(const std::string& unix_socket);

}  // namespace tandem::inline v1::testing
