#pragma once

#include <tandem/base/fork.hpp>
#include <tandem/base/unique_fd.hpp>

#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tandem::inline v1::process {

/// One exec, as data.
struct Spawn {
    std::string path;                              // with a '/', or found in PATH by `find_program()`
    std::vector<std::string> arguments;            // the name first
    std::vector<std::string> environment;          // "NAME=value"
    std::vector<std::pair<int, int>> descriptors;  // ours -> the child's; below 3 those not named stay
    int folder = -1;                               // where it starts, if it is not ours
    bool new_session = false;
    bool new_group = false;
    bool all_signals_default = false;  // else what we ignore is ignored there, but for SIGPIPE and SIGXFSZ
};

/// Starts it, its signal mask empty, with no descriptor above 2 but those named. Gives its pid; waits until
/// its exec has come about or failed. Errors: a negative errno, and nothing is left.
int spawn(const Spawn& what);

/// Our own environment.
std::vector<std::string> own_environment();

/// How the end of a child is noticed. To be destroyed after that end.
struct EndOfProcess {
    EndOfProcess() = default;
    ~EndOfProcess();
    EndOfProcess(const EndOfProcess&) = delete;
    EndOfProcess& operator=(const EndOfProcess&) = delete;

    /// Readable once it has ended: a pidfd, or where the kernel has none what the waiter makes readable.
    UniqueFd fd;
    bool is_pidfd = false;
    std::thread waiter;
    std::uint32_t made_in = fork_generation();
};
/// Of a child that is not yet reaped. 0 or an errno; ESRCH if somebody else has reaped it.
int open_end(int pid, EndOfProcess& end) noexcept;
/// For tests: as if the kernel had no pidfd.
extern bool pretend_there_are_no_pidfds;

}  // namespace tandem::inline v1::process
