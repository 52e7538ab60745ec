#pragma once

#include <tandem/base/time.hpp>
#include <tandem/task/task_glance.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace tandem::inline v1::inspect {

/// What a thread is about, as the kernel tells without asking the thread.
struct ThreadDoing {
    enum class What : std::uint8_t { on_cpu, in_call, stopped_elsewhere };
    What what = What::on_cpu;
    long call = -1;              ///< number of the system call
    std::uint64_t first = 0;     ///< its first argument
    std::uintptr_t sp = 0;       ///< unless it is on the cpu
    std::uintptr_t pc = 0;       ///< the same
    std::uint64_t switches = 0;  ///< how often it has left a cpu
};
/// Nothing if there is no such thread any more.
std::optional<ThreadDoing> thread_doing(int thread);

/// How long it has run, and how long it wanted to and was not let.
struct CpuShare {
    Duration ran{};
    Duration waited{};
};
CpuShare cpu_share(int thread);

/// Where a thread stands.
struct ThreadSight {
    std::vector<std::uintptr_t> stack;  ///< the innermost first
    TaskGlance task;
};

/// Of a thread that `doing` found off the cpu; nothing if it has gone on meanwhile. It notices nothing.
std::optional<ThreadSight> sight_of_blocked(int thread, const ThreadDoing& doing, const void* task_place);
/// Of a thread on the cpu, by a signal that cannot end a system call early. Nothing if it does not get the
/// cpu within `patience`.
std::optional<ThreadSight> sight_of_running(int thread, const void* task_place, Duration patience);
/// To be called before the first `sight_of_running()`.
void prepare_sights();

/// "read"; "system call 4711" for rare ones.
std::string name_of_call(long number);
/// Its first argument is a descriptor.
bool takes_descriptor(long number);
bool waits_for_lock(long number);
/// Stands for another call that goes on after a stop.
bool is_restarted(long number);

}  // namespace tandem::inline v1::inspect
