#pragma once

#include <tandem/backend/backend.hpp>

#include <memory>
#include <string>

namespace tandem::inline v1 {

/// How much of io_uring to use; each step asks less of the kernel. A ring that the kernel refuses with EINVAL
/// is tried again one step down.
enum class UringStep : std::uint8_t {
    cooperative,  ///< completions worked off at the next system call (kernel 5.19)
    plain,
};

struct UringOptions {
    std::uint32_t submission_entries = 256;
    std::uint32_t completion_entries = 2048;
    UringStep best_step = UringStep::cooperative;
};

/// A backend, or the reason why there is none.
struct MadeBackend {
    std::unique_ptr<Backend> backend;
    std::string reason;  ///< what was tried, what came of it, the likely cause
};

/// Proves io_uring by using it, once in a process, then makes a ring. Never throws for what the kernel
/// denies.
MadeBackend make_uring_backend(const UringOptions& options = {});

/// Errors      `std::system_error` if the kernel has no descriptor or memory for it.
std::unique_ptr<Backend> make_epoll_backend();

/// A backend without kernel: its clock jumps to the next deadline when nothing can run (SIM-1, sem:L14). No
/// descriptor is opened, no call waits, unless the program itself names a descriptor of the real world; those
/// go through an epoll backend, which is given 20 ms of real time before each jump. Thread jobs run on
/// threads, hold the clock, and end in the order of their submission.
///
/// Without a host it is alone in a world of its own; with one, the world's owner turns the time.
std::unique_ptr<Backend> make_sim_backend(SimHost* host = nullptr);

}  // namespace tandem::inline v1
