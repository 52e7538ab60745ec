#pragma once

#include <tandem/base/unique_fd.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/process/pool.hpp>
#include <tandem/process/spawn_internal.hpp>
#include <tandem/task/task.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::inline v1::process {

/// Stands in the environment of a child; its value is the descriptor of the pair's other end.
inline constexpr const char* child_marker = "TANDEM_PROCESS_JOBS";
inline constexpr int child_socket = 3;

/// Where a function lies, in a way that another process of the same program understands.
struct Place {
    std::string module;  // as the dynamic linker calls it, empty for the program itself
    std::uint64_t offset = 0;
};
/// Errors: `std::invalid_argument` if it is in no module.
Place place_of(RemoteCall::AnyFunction fn);
RemoteCall::AnyFunction function_at(const Place& place);

/// A job and its answer as bytes, without the 8 bytes of length before them.
std::string encode_call(const RemoteCall& call);
/// In the child: runs it. The first byte says whether it gave a value or threw.
std::string run_call(std::string_view frame);
inline constexpr char gave_value = 'v';
inline constexpr char threw = 'x';

/// A process that waits for jobs. Reaped at its end, without a SIGCHLD handler.
class Child {
public:
    /// Starts one. Errors: `std::system_error`.
    explicit Child(EventLoop& loop);
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    int pid() const { return pid_; }
    /// Sends one frame and gives the answer; nothing if the process is gone.
    Task<std::optional<std::string>> exchange(const std::string& frame);
    void kill() noexcept;
    /// Waits for its end; the exit status, or -N for signal N.
    Task<int> wait();

private:
    Task<bool> send_all(const char* data, std::size_t size);
    Task<bool> receive_all(char* data, std::size_t size);
    int reap() noexcept;

    std::shared_ptr<LoopLife> life_;
    UniqueFd socket_;
    EndOfProcess end_;
    int pid_ = -1;
    bool reaped_ = false;
};

}  // namespace tandem::inline v1::process
