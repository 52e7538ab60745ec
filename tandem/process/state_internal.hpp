#pragma once

#include <tandem/base/fork.hpp>
#include <tandem/io/pipe_stream.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/process/process.hpp>
#include <tandem/process/spawn_internal.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace tandem::inline v1::process {

/// A child, from its start until it is reaped, which happens exactly once: when somebody looks after its end.
struct Process::State {
    State(EventLoop& on, const Command& command, Duration stop_grace, bool group)
        : loop(&on), life(on.life()), name(command.to_string()), grace(stop_grace), own_group(group) {}

    /// The returncode, nothing while it runs. Any thread.
    std::optional<int> look() noexcept;
    /// Whether it was still there. Any thread.
    bool send(int signal, bool to_group);
    void require_loop(const char* what) const;
    /// Once, if the status is unknown.
    void tell_unknown() noexcept;
    /// In a forked child, where it is the parent's.
    bool inherited() const noexcept { return made_in != fork_generation(); }
    /// Ends it at once; blocks until it is reaped.
    void end_now() noexcept;

    EventLoop* const loop;  // for comparing
    const std::shared_ptr<LoopLife> life;
    const std::string name;
    const Duration grace;
    const bool own_group;
    const std::uint32_t made_in = fork_generation();
    int pid = -1;
    EndOfProcess end;
    io::PipeStream in;
    io::PipeStream out;
    io::PipeStream err;
    bool has_in = false;
    bool has_out = false;
    bool has_err = false;

    std::mutex mutex;         // over what ends it
    std::optional<int> code;  // set: reaped, and its number may be another's
    bool unknown = false;

    // Of communicate().
    bool communicating = false;
    std::string input;
    std::size_t sent = 0;  // of input
    Output read;

private:
    std::optional<int> look_locked() noexcept;
    /// waitid(2): the returncode, or nothing under WNOHANG while it runs.
    std::optional<int> reap(int options) noexcept;
};

/// Starts what commands describe.
class Launch {
public:
    /// For the loop that runs here. Errors: `exec()`'s.
    static Process start(const Command& command);
    /// What has no setter is collected.
    static void collect(Command& command, bool has_input);
    /// 0, 1, 2; closed if it is no pipe.
    static io::PipeStream& stream_of(const Process& child, int fd) {
        return fd == 0 ? child.state_->in : fd == 1 ? child.state_->out : child.state_->err;
    }

private:
    class Attempt;
};

/// Waits for the end.
Task<int> wait_for(std::shared_ptr<Process::State> state);
/// Terminate, grace, kill, reap, under a shield.
Task<int> stop_in_order(std::shared_ptr<Process::State> state, Duration grace);

}  // namespace tandem::inline v1::process
