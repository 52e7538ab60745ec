#include <tandem/backend/poll_set_internal.hpp>

#include <cerrno>
#include <new>
#include <system_error>
#include <tuple>
#include <utility>

#include <sys/epoll.h>

namespace tandem::inline v1 {
namespace {

constexpr std::uint32_t read_events = EPOLLIN | EPOLLRDHUP | EPOLLPRI;
constexpr std::uint32_t write_events = EPOLLOUT;
constexpr std::uint32_t both_events = EPOLLERR | EPOLLHUP;  // always reported, and ready for either side

void finish_all(OperationList& operations, std::int32_t result, OperationList& finished) {
    while (Operation* const operation = operations.pop_front()) {
        operation->backend_result = result;
        finished.push_back(*operation);
    }
}

}  // namespace

PollSet::PollSet() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1 for readiness waits");
}

int PollSet::control(int what, int fd, const Entry& entry) noexcept {
    epoll_event event{};
    event.events = EPOLLONESHOT | (entry.waiting[0].empty() ? 0 : read_events) |
                   (entry.waiting[1].empty() ? 0 : write_events);
    event.data.u64 = std::uint64_t{entry.generation} << 32 | static_cast<std::uint32_t>(fd);
    return ::epoll_ctl(epoll_.get(), what, fd, &event) == 0 ? 0 : errno;
}

std::int32_t PollSet::add(Operation& operation, Side side) noexcept {
    const int fd = operation.fd;
    decltype(entries_)::iterator at;
    bool fresh = false;
    try {
        std::tie(at, fresh) = entries_.try_emplace(fd);
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    }
    Entry& entry = at->second;
    auto& waiting = entry.waiting[static_cast<std::size_t>(side)];
    waiting.push_back(operation);
    if (fresh) entry.generation = ++last_generation_;
    int error = control(fresh ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, entry);
    // Others wait on this number for a file that is gone by now: `find_closed` tells them, their entry is no
    // obstacle.
    if (!fresh && error == ENOENT) {
        entry.generation = ++last_generation_;
        error = control(EPOLL_CTL_ADD, fd, entry);
    }
    if (error == 0) return 1;

    waiting.remove(operation);
    if (entry.waiting[0].empty() && entry.waiting[1].empty()) entries_.erase(at);
    return error == EPERM ? 0 : -error;  // EPERM: a file that epoll refuses is always ready. epoll_ctl(2).
}

void PollSet::rearm_or_drop(int fd) noexcept {
    const auto at = entries_.find(fd);
    if (at->second.waiting[0].empty() && at->second.waiting[1].empty()) {
        control(EPOLL_CTL_DEL, fd, at->second);
        entries_.erase(at);
    } else {
        control(EPOLL_CTL_MOD, fd, at->second);  // an error is found again by find_closed
    }
}

void PollSet::remove(Operation& operation, Side side) noexcept {
    const auto at = entries_.find(operation.fd);
    at->second.waiting[static_cast<std::size_t>(side)].remove(operation);
    rearm_or_drop(operation.fd);
}

void PollSet::collect(OperationList& finished) noexcept {
    epoll_event events[32];
    const int count = ::epoll_wait(epoll_.get(), events, static_cast<int>(std::size(events)), 0);
    for (int i = 0; i < count; ++i) {
        const auto what = events[i].events;
        const int fd = static_cast<int>(events[i].data.u64 & 0xffffffffU);
        const auto at = entries_.find(fd);
        if (at == entries_.end() || at->second.generation != events[i].data.u64 >> 32) continue;
        if ((what & (read_events | both_events)) != 0) finish_all(at->second.waiting[0], 0, finished);
        if ((what & (write_events | both_events)) != 0) finish_all(at->second.waiting[1], 0, finished);
        rearm_or_drop(fd);
    }
}

void PollSet::find_closed(OperationList& finished) noexcept {
    for (auto at = entries_.begin(); at != entries_.end();) {
        auto& [fd, entry] = *at;
        if (control(EPOLL_CTL_MOD, fd, entry) == 0) {
            ++at;
            continue;
        }
        finish_all(entry.waiting[0], -EBADF, finished);
        finish_all(entry.waiting[1], -EBADF, finished);
        at = entries_.erase(at);
    }
}

void PollSet::forget(int fd, OperationList& finished) noexcept {
    const auto at = entries_.find(fd);
    if (at == entries_.end()) return;
    finish_all(at->second.waiting[0], -EBADF, finished);
    finish_all(at->second.waiting[1], -EBADF, finished);
    rearm_or_drop(fd);
}

void PollSet::take_all(OperationList& all) noexcept {
    for (auto& [fd, entry] : entries_) {
        all.append(std::move(entry.waiting[0]));
        all.append(std::move(entry.waiting[1]));
    }
    entries_.clear();
}

}  // namespace tandem::inline v1
