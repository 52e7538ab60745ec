// The C library's blocking calls, for fibers made with `hook_blocking_calls`: there they wait on the loop,
// with the results, errno and timeouts that their manual pages promise. Everywhere else the call goes
// straight on.
//
// Calls in steps of a loop in debug mode are counted: they stop it.
//
// A cancelled fiber's call fails with ECANCELED: the code that made it was perhaps never meant for
// exceptions.
#include <hooks/next_function.hpp>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tandem::hooks {

std::atomic<const HookTable*> table = nullptr;

namespace {

constexpr std::int64_t second = 1'000'000'000;

constinit Next<decltype(::read)> next_read("read");
constinit Next<decltype(::write)> next_write("write");
constinit Next<decltype(::readv)> next_readv("readv");
constinit Next<decltype(::writev)> next_writev("writev");
constinit Next<decltype(::recv)> next_recv("recv");
constinit Next<decltype(::recvfrom)> next_recvfrom("recvfrom");
constinit Next<decltype(::recvmsg)> next_recvmsg("recvmsg");
constinit Next<decltype(::send)> next_send("send");
constinit Next<decltype(::sendto)> next_sendto("sendto");
constinit Next<decltype(::sendmsg)> next_sendmsg("sendmsg");
constinit Next<decltype(::accept)> next_accept("accept");
constinit Next<decltype(::accept4)> next_accept4("accept4");
constinit Next<decltype(::connect)> next_connect("connect");
constinit Next<decltype(::poll)> next_poll("poll");
constinit Next<decltype(::select)> next_select("select");
constinit Next<decltype(::sleep)> next_sleep("sleep");
constinit Next<decltype(::usleep)> next_usleep("usleep");
constinit Next<decltype(::nanosleep)> next_nanosleep("nanosleep");
constinit Next<decltype(::clock_nanosleep)> next_clock_nanosleep("clock_nanosleep");
constinit Next<decltype(::getaddrinfo)> next_getaddrinfo("getaddrinfo");

template <class Result>
Result failed(int error) {
    errno = error;
    return static_cast<Result>(-1);
}

std::int64_t now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * second + time.tv_nsec;
}

bool never_blocks(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags < 0 || (flags & O_NONBLOCK);
}

/// Notes a call that stops a loop, and for how long.
class Noted {
public:
    Noted(const char* call, const void* place, bool may_block = true) noexcept : call_(call), place_(place) {
        if (!may_block) return;
        loop_ = stopped();
        if (loop_) began_ = now();
    }
    /// Of this descriptor, if calls of it may block.
    Noted(const char* call, const void* place, int fd, int flags) noexcept
        : Noted(call, place, !(flags & MSG_DONTWAIT) && stopped() && !never_blocks(fd)) {}
    ~Noted() {
        if (!loop_) return;
        const int error = errno;
        loop_->stopped_loop(call_, place_, now() - began_);
        errno = error;
    }
    Noted(const Noted&) = delete;
    Noted& operator=(const Noted&) = delete;

private:
    static const HookTable* stopped() noexcept {
        const HookTable* const there = table.load(std::memory_order_acquire);
        return there && there->stops_loop() ? there : nullptr;
    }

    const char* call_;
    const void* place_;
    const HookTable* loop_ = nullptr;
    std::int64_t began_ = 0;
};

/// The limit that the socket has for itself; below 0 for none.
std::int64_t own_limit(int fd, bool writable) {
    timeval limit{};
    socklen_t size = sizeof limit;
    if (::getsockopt(fd, SOL_SOCKET, writable ? SO_SNDTIMEO : SO_RCVTIMEO, &limit, &size) != 0) return -1;
    const std::int64_t nanoseconds = limit.tv_sec * second + limit.tv_usec * 1000;
    return nanoseconds > 0 ? nanoseconds : -1;
}

bool ready_now(int fd, bool writable) {
    pollfd one{fd, static_cast<short>(writable ? POLLOUT : POLLIN), 0};
    return next_poll(&one, nfds_t{1}, 0) != 0;
}

/// Waits until the call need not block. 0, or the errno it fails with.
int wait_until(const HookTable& loop, int fd, bool writable) {
    if (never_blocks(fd) || ready_now(fd, writable)) return 0;
    const int result = loop.wait(fd, writable, own_limit(fd, writable));
    if (result == 0) return EAGAIN;
    return result < 0 ? -result : 0;
}

/// A call that blocks only until there is something: `call()` is the C library's.
template <class Call>
auto once_ready(int fd, bool writable, Call call) -> decltype(call()) {
    if (const HookTable* const loop = hooked()) {
        if (const int error = wait_until(*loop, fd, writable)) return failed<decltype(call())>(error);
    }
    return call();
}

bool is_socket(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

bool is_stream(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/// A blocking write ends when all is written: `some(data, size)` writes what can be written at once.
template <class Some>
ssize_t write_all(const HookTable& loop, int fd, const char* data, std::size_t size, Some some) {
    std::size_t written = 0;
    do {
        const ssize_t count = some(data + written, size - written);
        if (count >= 0) {
            written += static_cast<std::size_t>(count);
            continue;
        }
        if (errno == EINTR) continue;
        const int error = errno == EAGAIN ? wait_until(loop, fd, true) : errno;
        if (error != 0) return written > 0 ? static_cast<ssize_t>(written) : failed<ssize_t>(error);
    } while (written < size);
    return static_cast<ssize_t>(written);
}

ssize_t send_all(const HookTable& loop, int fd, const void* data, std::size_t size, int flags) {
    return write_all(loop, fd, static_cast<const char*>(data), size,
                     [&](const char* from, std::size_t count) {
                         return next_send(fd, static_cast<const void*>(from), count, flags | MSG_DONTWAIT);
                     });
}

/// A pipe that is writable takes so much without blocking.
constexpr std::size_t safe_bytes = 4096;

ssize_t write_hooked(const HookTable& loop, int fd, const void* data, std::size_t size) {
    if (size == 0 || never_blocks(fd)) return next_write(fd, data, size);
    if (is_stream(fd)) return send_all(loop, fd, data, size, 0);
    if (is_socket(fd)) return once_ready(fd, true, [&] { return next_write(fd, data, size); });
    return write_all(loop, fd, static_cast<const char*>(data), size,
                     [&](const char* from, std::size_t count) {
                         if (!ready_now(fd, true)) return failed<ssize_t>(EAGAIN);
                         return next_write(fd, static_cast<const void*>(from), std::min(count, safe_bytes));
                     });
}

int connect_hooked(const HookTable& loop, int fd, const sockaddr* address, socklen_t size) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK)) return next_connect(fd, address, size);
    ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    const int result = next_connect(fd, address, size);
    const int error = errno;
    ::fcntl(fd, F_SETFL, flags);
    if (result == 0 || error != EINPROGRESS) return result == 0 ? 0 : failed<int>(error);
    const int ready = loop.wait(fd, true, own_limit(fd, true));
    if (ready == 0) return failed<int>(EINPROGRESS);
    if (ready < 0) return failed<int>(-ready);
    int outcome = 0;
    socklen_t outcome_size = sizeof outcome;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &outcome_size) != 0) return -1;
    return outcome == 0 ? 0 : failed<int>(outcome);
}

/// All the descriptors in one.
class Together {
public:
    explicit Together(const std::vector<pollfd>& all) : fd_(::epoll_create1(EPOLL_CLOEXEC)) {
        for (const pollfd& one : all) {
            if (one.fd < 0) continue;
            epoll_event event{};
            for (const pollfd& same : all) {
                if (same.fd == one.fd) event.events |= static_cast<std::uint32_t>(same.events);
            }
            ::epoll_ctl(fd_, EPOLL_CTL_ADD, one.fd, &event);  // twice the same: refused, and well so
        }
    }
    ~Together() { ::close(fd_); }
    Together(const Together&) = delete;
    Together& operator=(const Together&) = delete;
    int fd() const { return fd_; }

private:
    int fd_;
};

/// As poll(): how many are ready. `nanoseconds` below 0: no limit.
int poll_hooked(const HookTable& loop, std::vector<pollfd>& all, std::int64_t nanoseconds) {
    const auto look = [&] { return next_poll(all.data(), static_cast<nfds_t>(all.size()), 0); };
    const int ready = look();
    if (ready != 0 || nanoseconds == 0) return ready;
    const bool any = std::any_of(all.begin(), all.end(), [](const pollfd& one) { return one.fd >= 0; });
    if (!any && nanoseconds > 0) {
        const int slept = loop.sleep(nanoseconds);
        return slept < 0 ? failed<int>(-slept) : 0;
    }
    const Together together(all);
    if (together.fd() < 0) return -1;
    const std::int64_t end = now() + nanoseconds;
    for (;;) {
        const std::int64_t left = nanoseconds < 0 ? -1 : std::max<std::int64_t>(end - now(), 0);
        const int waited = loop.wait(together.fd(), false, left);
        if (waited < 0) return failed<int>(-waited);
        const int found = look();
        if (found != 0 || waited == 0) return found;
    }
}

int select_hooked(const HookTable& loop, int count, fd_set* readable, fd_set* writable, fd_set* except,
                  timeval* limit) {
    std::vector<pollfd> all;
    for (int fd = 0; fd < count; ++fd) {
        int events = 0;
        if (readable && FD_ISSET(fd, readable)) events |= POLLIN;
        if (writable && FD_ISSET(fd, writable)) events |= POLLOUT;
        if (except && FD_ISSET(fd, except)) events |= POLLPRI;
        if (events != 0) all.push_back({fd, static_cast<short>(events), 0});
    }
    const std::int64_t begun = now();
    const std::int64_t nanoseconds = limit ? limit->tv_sec * second + limit->tv_usec * 1000 : -1;
    if (poll_hooked(loop, all, nanoseconds) < 0) return -1;
    for (fd_set* const set : {readable, writable, except}) {
        if (set) FD_ZERO(set);
    }
    int found = 0;
    for (const pollfd& one : all) {
        if (one.revents & POLLNVAL) return failed<int>(EBADF);
        const auto put = [&](fd_set* set, int wanted, int seen) {
            if (!set || !(one.events & wanted) || !(one.revents & seen)) return;
            FD_SET(one.fd, set);
            ++found;
        };
        put(readable, POLLIN, POLLIN | POLLHUP | POLLERR);
        put(writable, POLLOUT, POLLOUT | POLLERR);
        put(except, POLLPRI, POLLPRI);
    }
    if (limit) {  // Linux leaves there what is left
        const std::int64_t left = std::max<std::int64_t>(nanoseconds - (now() - begun), 0);
        limit->tv_sec = static_cast<time_t>(left / second);
        limit->tv_usec = static_cast<suseconds_t>(left % second / 1000);
    }
    return found;
}

struct Lookup {
    const char* node;
    const char* service;
    const addrinfo* hints;
    addrinfo** result;
    int outcome;
    int error;
};

int sleep_hooked(const HookTable& loop, std::int64_t nanoseconds) {
    return nanoseconds > 0 ? -loop.sleep(nanoseconds) : 0;
}

ssize_t read_from(const void* place, int fd, void* buffer, size_t size) {
    const Noted noted("read", place, fd, 0);
    return once_ready(fd, false, [&] { return next_read(fd, buffer, size); });
}

ssize_t recv_from(const void* place, int fd, void* buffer, size_t size, int flags) {
    const Noted noted("recv", place, fd, flags);
    const auto call = [&] { return next_recv(fd, buffer, size, flags); };
    const auto* const loop = hooked();
    if (!loop || (flags & MSG_DONTWAIT)) return call();
    if (!(flags & MSG_WAITALL)) return once_ready(fd, false, call);
    ssize_t got = 0;
    while (static_cast<size_t>(got) < size) {
        if (const int error = wait_until(*loop, fd, false)) return got > 0 ? got : failed<ssize_t>(error);
        const ssize_t some =
            next_recv(fd, static_cast<void*>(static_cast<char*>(buffer) + got),
                      size - static_cast<size_t>(got), (flags & ~MSG_WAITALL) | MSG_DONTWAIT);
        if (some == 0 || (some < 0 && errno != EAGAIN && errno != EINTR)) return got > 0 ? got : some;
        if (some > 0) got += some;
    }
    return got;
}

ssize_t recvfrom_from(const void* place, int fd, void* buffer, size_t size, int flags, sockaddr* from,
                      socklen_t* length) {
    const Noted noted("recvfrom", place, fd, flags);
    if (flags & MSG_DONTWAIT) return next_recvfrom(fd, buffer, size, flags, from, length);
    return once_ready(fd, false, [&] { return next_recvfrom(fd, buffer, size, flags, from, length); });
}

int poll_from(const void* place, pollfd* list, nfds_t count, int milliseconds) {
    const Noted noted("poll", place, milliseconds != 0);
    const auto* const loop = hooked();
    if (!loop || milliseconds == 0) return next_poll(list, count, milliseconds);
    std::vector<pollfd> all(list, list + count);
    const int ready = poll_hooked(*loop, all, milliseconds < 0 ? -1 : std::int64_t{milliseconds} * 1'000'000);
    std::copy(all.begin(), all.end(), list);
    return ready;
}

}  // namespace
}  // namespace tandem::hooks

using namespace tandem::hooks;

extern "C" {

[[gnu::visibility("default")]] bool tandem_hooks_attach(const tandem::HookTable* offered) {
    if (offered->version != 2) return false;
    table.store(offered, std::memory_order_release);
    return true;
}

#define TANDEM_HOOK [[gnu::visibility("default")]]

TANDEM_HOOK ssize_t read(int fd, void* buffer, size_t size) {
    return read_from(__builtin_return_address(0), fd, buffer, size);
}
TANDEM_HOOK ssize_t __read_chk(int fd, void* buffer, size_t size, size_t) {
    return read_from(__builtin_return_address(0), fd, buffer, size);
}
TANDEM_HOOK ssize_t readv(int fd, const iovec* parts, int count) {
    const Noted noted("readv", __builtin_return_address(0), fd, 0);
    return once_ready(fd, false, [&] { return next_readv(fd, parts, count); });
}
TANDEM_HOOK ssize_t write(int fd, const void* data, size_t size) {
    const Noted noted("write", __builtin_return_address(0), fd, 0);
    if (const auto* const loop = hooked()) return write_hooked(*loop, fd, data, size);
    return next_write(fd, data, size);
}
TANDEM_HOOK ssize_t writev(int fd, const iovec* parts, int count) {
    const Noted noted("writev", __builtin_return_address(0), fd, 0);
    const auto* const loop = hooked();
    if (!loop) return next_writev(fd, parts, count);
    ssize_t written = 0;
    for (int i = 0; i < count; ++i) {
        const ssize_t some = write_hooked(*loop, fd, parts[i].iov_base, parts[i].iov_len);
        if (some < 0) return written > 0 ? written : some;
        written += some;
        if (static_cast<size_t>(some) < parts[i].iov_len) break;
    }
    return written;
}
TANDEM_HOOK ssize_t recv(int fd, void* buffer, size_t size, int flags) {
    return recv_from(__builtin_return_address(0), fd, buffer, size, flags);
}
TANDEM_HOOK ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t, int flags) {
    return recv_from(__builtin_return_address(0), fd, buffer, size, flags);
}
TANDEM_HOOK ssize_t recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* from,
                             socklen_t* length) {
    return recvfrom_from(__builtin_return_address(0), fd, buffer, size, flags, from, length);
}
TANDEM_HOOK ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t, int flags, sockaddr* from,
                                   socklen_t* length) {
    return recvfrom_from(__builtin_return_address(0), fd, buffer, size, flags, from, length);
}
TANDEM_HOOK ssize_t recvmsg(int fd, msghdr* message, int flags) {
    const Noted noted("recvmsg", __builtin_return_address(0), fd, flags);
    if (flags & MSG_DONTWAIT) return next_recvmsg(fd, message, flags);
    return once_ready(fd, false, [&] { return next_recvmsg(fd, message, flags); });
}
TANDEM_HOOK ssize_t send(int fd, const void* data, size_t size, int flags) {
    const Noted noted("send", __builtin_return_address(0), fd, flags);
    const auto* const loop = hooked();
    if (!loop || (flags & MSG_DONTWAIT) || never_blocks(fd)) return next_send(fd, data, size, flags);
    if (is_stream(fd)) return send_all(*loop, fd, data, size, flags);
    return once_ready(fd, true, [&] { return next_send(fd, data, size, flags); });
}
TANDEM_HOOK ssize_t sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to,
                           socklen_t length) {
    const Noted noted("sendto", __builtin_return_address(0), fd, flags);
    const auto* const loop = hooked();
    const auto call = [&] { return next_sendto(fd, data, size, flags, to, length); };
    if (!loop || (flags & MSG_DONTWAIT) || never_blocks(fd)) return call();
    if (is_stream(fd)) return send_all(*loop, fd, data, size, flags);
    return once_ready(fd, true, call);
}
TANDEM_HOOK ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    const Noted noted("sendmsg", __builtin_return_address(0), fd, flags);
    if (flags & MSG_DONTWAIT) return next_sendmsg(fd, message, flags);
    return once_ready(fd, true, [&] { return next_sendmsg(fd, message, flags); });
}
TANDEM_HOOK int accept(int fd, sockaddr* address, socklen_t* length) {
    const Noted noted("accept", __builtin_return_address(0), fd, 0);
    return once_ready(fd, false, [&] { return next_accept(fd, address, length); });
}
TANDEM_HOOK int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
    const Noted noted("accept4", __builtin_return_address(0), fd, 0);
    return once_ready(fd, false, [&] { return next_accept4(fd, address, length, flags); });
}
TANDEM_HOOK int connect(int fd, const sockaddr* address, socklen_t length) {
    const Noted noted("connect", __builtin_return_address(0), fd, 0);
    if (const auto* const loop = hooked()) return connect_hooked(*loop, fd, address, length);
    return next_connect(fd, address, length);
}
TANDEM_HOOK int poll(pollfd* list, nfds_t count, int milliseconds) {
    return poll_from(__builtin_return_address(0), list, count, milliseconds);
}
TANDEM_HOOK int __poll_chk(pollfd* list, nfds_t count, int milliseconds, size_t) {
    return poll_from(__builtin_return_address(0), list, count, milliseconds);
}
TANDEM_HOOK int select(int count, fd_set* readable, fd_set* writable, fd_set* except, timeval* limit) {
    const Noted noted("select", __builtin_return_address(0),
                      !limit || limit->tv_sec != 0 || limit->tv_usec != 0);
    if (const auto* const loop = hooked())
        return select_hooked(*loop, count, readable, writable, except, limit);
    return next_select(count, readable, writable, except, limit);
}
TANDEM_HOOK unsigned sleep(unsigned seconds) {
    const Noted noted("sleep", __builtin_return_address(0));
    const auto* const loop = hooked();
    if (!loop) return next_sleep(seconds);
    const std::int64_t begun = now();
    if (sleep_hooked(*loop, std::int64_t{seconds} * second) == 0) return 0;
    const auto slept = static_cast<unsigned>((now() - begun) / second);
    return seconds - std::min(slept, seconds);
}
TANDEM_HOOK int usleep(useconds_t microseconds) {
    const Noted noted("usleep", __builtin_return_address(0));
    const auto* const loop = hooked();
    if (!loop) return next_usleep(microseconds);
    const int error = sleep_hooked(*loop, std::int64_t{microseconds} * 1000);
    return error == 0 ? 0 : failed<int>(error);
}
TANDEM_HOOK int clock_nanosleep(clockid_t clock, int flags, const timespec* wanted, timespec* left) {
    const Noted noted("clock_nanosleep", __builtin_return_address(0));
    const auto* const loop = hooked();
    if (!loop || wanted->tv_nsec < 0 || wanted->tv_nsec >= second)
        return next_clock_nanosleep(clock, flags, wanted, left);
    std::int64_t length = wanted->tv_sec * second + wanted->tv_nsec;
    if (flags & TIMER_ABSTIME) {
        timespec time{};
        if (::clock_gettime(clock, &time) != 0) return EINVAL;
        length -= time.tv_sec * second + time.tv_nsec;
    }
    const int error = sleep_hooked(*loop, length);
    if (error != 0 && left && !(flags & TIMER_ABSTIME)) *left = *wanted;
    return error;
}
TANDEM_HOOK int nanosleep(const timespec* wanted, timespec* left) {
    const Noted noted("nanosleep", __builtin_return_address(0));
    if (!hooked()) return next_nanosleep(wanted, left);
    const int error = clock_nanosleep(CLOCK_MONOTONIC, 0, wanted, left);
    return error == 0 ? 0 : failed<int>(error);
}
TANDEM_HOOK int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
    const Noted noted("getaddrinfo", __builtin_return_address(0));
    const auto* const loop = hooked();
    if (!loop) return next_getaddrinfo(node, service, hints, result);
    Lookup lookup{node, service, hints, result, EAI_AGAIN, 0};
    const int error = loop->on_thread(
        [](void* argument) {
            auto& asked = *static_cast<Lookup*>(argument);
            asked.outcome = next_getaddrinfo(asked.node, asked.service, asked.hints, asked.result);
            asked.error = errno;
        },
        &lookup);
    if (error != 0) {
        errno = -error;
        return EAI_SYSTEM;
    }
    if (lookup.outcome == EAI_SYSTEM) errno = lookup.error;
    return lookup.outcome;
}

}  // extern "C"
