#include "stray_calls.hpp"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TANDEM_UNDER_TSAN 1
#endif
#endif

#ifdef TANDEM_UNDER_TSAN

namespace exploration {
const bool StrayCalls::are_seen = false;
StrayCalls::StrayCalls() = default;
StrayCalls::~StrayCalls() = default;
}  // namespace exploration

#else

// The functions below stand in front of the C library's for the whole program; what they are for is done by
// the kernel.
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <ctime>

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>

namespace {

thread_local int worlds = 0;

void say(const char* text) { static_cast<void>(!::write(STDERR_FILENO, text, std::strlen(text))); }

void look(const char* function) {
    if (worlds == 0) return;
    worlds = 0;
    say("nondeterminism leak: ");
    say(function);
    say("\n");
    void* frames[40];
    ::backtrace_symbols_fd(frames, ::backtrace(frames, 40), STDERR_FILENO);
    std::abort();
}

template <class Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int open_at(int folder, const char* path, int flags, va_list more) {
    const int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, int) : 0;
    return static_cast<int>(::syscall(SYS_openat, folder, path, flags, mode));
}

}  // namespace

namespace exploration {
const bool StrayCalls::are_seen = true;
StrayCalls::StrayCalls() { ++worlds; }
StrayCalls::~StrayCalls() { --worlds; }
}  // namespace exploration

extern "C" {

int clock_gettime(clockid_t clock, timespec* to) noexcept {
    look("clock_gettime");
    return static_cast<int>(::syscall(SYS_clock_gettime, clock, to));
}
int gettimeofday(timeval* to, void* zone) noexcept {
    look("gettimeofday");
    return static_cast<int>(::syscall(SYS_gettimeofday, to, zone));
}
time_t time(time_t* to) noexcept {
    look("time");
    timespec now{};
    ::syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    if (to != nullptr) *to = now.tv_sec;
    return now.tv_sec;
}
ssize_t getrandom(void* to, size_t size, unsigned flags) {
    look("getrandom");
    return ::syscall(SYS_getrandom, to, size, flags);
}
int rand() noexcept {
    look("rand");
    static auto* const real = next<int()>("rand");
    return real();
}
long random() noexcept {
    look("random");
    static auto* const real = next<long()>("random");
    return real();
}
int open(const char* path, int flags, ...) {
    look("open");
    va_list more;
    va_start(more, flags);
    const int fd = open_at(AT_FDCWD, path, flags, more);
    va_end(more);
    return fd;
}
int openat(int folder, const char* path, int flags, ...) {
    look("openat");
    va_list more;
    va_start(more, flags);
    const int fd = open_at(folder, path, flags, more);
    va_end(more);
    return fd;
}
int socket(int family, int type, int protocol) noexcept {
    look("socket");
    return static_cast<int>(::syscall(SYS_socket, family, type, protocol));
}
int nanosleep(const timespec* how_long, timespec* left) {
    look("nanosleep");
    return static_cast<int>(::syscall(SYS_nanosleep, how_long, left));
}
int clock_nanosleep(clockid_t clock, int flags, const timespec* how_long, timespec* left) {
    look("clock_nanosleep");
    return ::syscall(SYS_clock_nanosleep, clock, flags, how_long, left) == 0 ? 0 : errno;
}

}  // extern "C"

#endif
