#include <tandem/inspect/thread_probe_internal.hpp>

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <string>

namespace tandem::inline v1::inspect {
namespace {

struct Call {
    long number;
    const char* name;
    bool descriptor = false;
};

// Those that block.
constexpr auto calls = std::to_array<Call>({
    {SYS_read, "read", true},
    {SYS_write, "write", true},
    {SYS_pread64, "pread", true},
    {SYS_pwrite64, "pwrite", true},
    {SYS_readv, "readv", true},
    {SYS_writev, "writev", true},
    {SYS_recvfrom, "recv", true},
    {SYS_recvmsg, "recvmsg", true},
    {SYS_sendto, "send", true},
    {SYS_sendmsg, "sendmsg", true},
    {SYS_sendfile, "sendfile", true},
    {SYS_connect, "connect", true},
    {SYS_accept, "accept", true},
    {SYS_accept4, "accept", true},
    {SYS_fsync, "fsync", true},
    {SYS_fdatasync, "fdatasync", true},
    {SYS_flock, "flock", true},
    {SYS_fcntl, "fcntl", true},
    {SYS_ioctl, "ioctl", true},
    {SYS_openat, "open"},
    {SYS_close, "close", true},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_ppoll, "ppoll"},
    {SYS_pselect6, "pselect"},
    {SYS_epoll_pwait, "epoll_wait", true},
    {SYS_futex, "futex"},
    {SYS_wait4, "waitpid"},
    {SYS_waitid, "waitid"},
    {SYS_rt_sigtimedwait, "sigtimedwait"},
    {SYS_rt_sigsuspend, "sigsuspend"},
    {SYS_semtimedop, "semtimedop"},
    {SYS_msync, "msync"},
#ifdef SYS_poll  // newer processors have the newer calls alone
    {SYS_poll, "poll"},
    {SYS_select, "select"},
    {SYS_epoll_wait, "epoll_wait", true},
    {SYS_open, "open"},
    {SYS_pause, "pause"},
#endif
});

const Call* find(long number) {
    const auto* const found =
        std::find_if(calls.begin(), calls.end(), [&](const Call& call) { return call.number == number; });
    return found == calls.end() ? nullptr : found;
}

}  // namespace

std::string name_of_call(long number) {
    const Call* const call = find(number);
    return call ? call->name : "system call " + std::to_string(number);
}

bool takes_descriptor(long number) {
    const Call* const call = find(number);
    return call && call->descriptor;
}

bool waits_for_lock(long number) { return number == SYS_futex; }
bool is_restarted(long number) { return number == SYS_restart_syscall; }

}  // namespace tandem::inline v1::inspect
