#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/base/thread_gate.hpp>

#include <cstdint>
#include <vector>

namespace tandem::inline v1 {

class EventLoop;
class SubmittedTask;

/// As long as it lives, somebody waits for `work`: if the process exits and the loop of that work is a
/// background one that is stuck, so that it cannot even say that it will not go on, the work ends with
/// `LoopClosed(exited)` (sem:B45). For the library only.
///
/// Threads     any.
/// Lifetime    within that of `work`.
class ExitWait {
public:
    explicit ExitWait(SubmittedTask& work) noexcept;
    ~ExitWait();
    ExitWait(const ExitWait&) = delete;
    ExitWait& operator=(const ExitWait&) = delete;

    ListLink<ExitWait> exit_link;

private:
    friend void end_waits_at_exit(std::vector<const EventLoop*> stuck) noexcept;
    SubmittedTask& work_;
    const std::uint32_t made_in_;
    bool being_told_ = false;  // under the lock
    ThreadGate told_;
};

/// The process exits, and these loops are stuck: all who wait for them are told, and who comes later.
void end_waits_at_exit(std::vector<const EventLoop*> stuck) noexcept;

}  // namespace tandem::inline v1
