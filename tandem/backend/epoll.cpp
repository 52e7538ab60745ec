#include <tandem/backend/epoll_internal.hpp>

#include <tandem/backend/clock_internal.hpp>
#include <tandem/backend/factories.hpp>
#include <tandem/backend/file_calls_internal.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

namespace tandem::inline v1 {
namespace {

// `Operation::backend_state`: where an operation is.
enum Place : std::uint32_t {
    nowhere,     // not submitted, or completed
    on_socket,   // SocketState::waiting
    on_polls,    // PollSet
    on_pool,     // ThreadPool
    in_finished  // finished_, or in the batch that is being completed
};

// What an event of the main instance is about, where it is no socket.
constexpr std::uint64_t wake_tag = ~std::uint64_t{0};
constexpr std::uint64_t polls_tag = wake_tag - 1;

constexpr auto closed_check_period = std::chrono::milliseconds(10);

PollSet::Side side_of(OpCode code) noexcept {
    const bool writes = code == OpCode::poll_writable || code == OpCode::write_file;
    return writes ? PollSet::Side::writable : PollSet::Side::readable;
}

// epoll_pwait2 counts nanoseconds; where it is missing (before 5.11, or denied) a wait is rounded up, never
// down.
int sleep(int epoll, epoll_event* events, int capacity, Duration time, bool for_ever) noexcept {
    static std::atomic<bool> has_nanoseconds = true;
    if (for_ever) return ::epoll_wait(epoll, events, capacity, -1);
    if (time <= Duration::zero()) return ::epoll_wait(epoll, events, capacity, 0);
    if (has_nanoseconds.load(std::memory_order_relaxed)) {
        const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
        const timespec limit{seconds.count(), (time - seconds).count()};
        const int count = ::epoll_pwait2(epoll, events, capacity, &limit, nullptr);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
        has_nanoseconds.store(false, std::memory_order_relaxed);
    }
    constexpr Duration longest = std::chrono::hours(24);
    const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(std::min(time, longest));
    return ::epoll_wait(epoll, events, capacity, static_cast<int>(rounded.count()));
}

}  // namespace

EpollBackend::EpollBackend() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1 for a loop");
    epoll_event wake{};
    wake.events = EPOLLIN | EPOLLET;
    wake.data.u64 = wake_tag;
    epoll_event polls{};
    polls.events = EPOLLIN;
    polls.data.u64 = polls_tag;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.fd(), &wake) != 0 ||
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, polls_.fd(), &polls) != 0) {
        throw std::system_error(errno, std::generic_category(), "epoll_ctl for a loop");
    }
}

EpollBackend::~EpollBackend() {
    closing_ = true;
    end_all(-ECANCELED);
    if (pool_) pool_->shut_down();
    while (complete_finished()) {
    }
}

/// All that waits for readiness.
void EpollBackend::end_all(std::int32_t result) noexcept {
    OperationList left;
    for (auto& socket : sockets_) {
        left.append(std::move(socket.waiting[0]));
        left.append(std::move(socket.waiting[1]));
    }
    polls_.take_all(left);
    while (Operation* const operation = left.pop_front()) finish_later(*operation, result);
}

/// The kernel does not serve the descriptor any more: somebody closed it, say with all that he did not know.
/// Everything ends with that error instead of hanging.
void EpollBackend::give_up(int error) noexcept {
    broken_ = error;
    // The number may be another's by now.
    if (error == EBADF || error == EINVAL) static_cast<void>(epoll_.release());
    end_all(-error);
}

SocketState* EpollBackend::socket_state(int fd) noexcept {
    const auto index = static_cast<std::size_t>(fd);
    if (index >= sockets_.size()) {
        try {
            sockets_.resize(std::max<std::size_t>(64, std::bit_ceil(index + 1)));
        } catch (const std::bad_alloc&) {
            return nullptr;
        }
    }
    return &sockets_[index];
}

int EpollBackend::register_socket(int fd, SocketState& socket) noexcept {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = static_cast<std::uint32_t>(fd);
    // EEXIST: closed without `forget()` while a duplicate keeps the file open.
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0 &&
        (errno != EEXIST || ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0)) {
        return -errno;
    }
    socket.registered = true;
    ++registered_;
    return 0;
}

Submitted EpollBackend::submit(Operation& operation) noexcept {
    operation.cancel_requested = false;
    operation.backend_state = nowhere;
    if (closing_) return {true, -ECANCELED};
    switch (operation.code) {
        case OpCode::poll_readable:
        case OpCode::poll_writable:
            return start_poll(operation, side_of(operation.code));
        case OpCode::read_file:
        case OpCode::write_file:
            return start_on_file(operation);
        case OpCode::sync_file:
        case OpCode::job:
            return start_on_pool(operation);
        default:
            return start_on_socket(operation);
    }
}

Submitted EpollBackend::start_on_socket(Operation& operation) noexcept {
    if (operation.fd < 0) return {true, -EBADF};
    SocketState* const socket = socket_state(operation.fd);
    if (socket == nullptr) return {true, -ENOMEM};

    const auto direction = static_cast<std::size_t>(direction_of(operation.code));
    auto& waiting = socket->waiting[direction];
    if (operation.code == OpCode::connect) {
        const auto result = attempt_connect(operation, *socket);
        if (result != -EINPROGRESS) return {true, result};
    } else if (!socket->blocked[direction] && waiting.empty()) {
        const auto result = attempt(operation, *socket);
        if (result != -EAGAIN) return {true, result};
    }
    // What became ready since the attempt is an edge of its own, or is reported right after registering.
    if (broken_ != 0) return {true, -broken_};
    if (!socket->registered) {
        const int error = register_socket(operation.fd, *socket);
        if (error != 0) return {true, error};
    }
    waiting.push_back(operation);
    operation.backend_state = on_socket;
    ++in_flight_;
    return {};
}

Submitted EpollBackend::start_poll(Operation& operation, PollSet::Side side) noexcept {
    if (broken_ != 0) return {true, -broken_};
    const auto result = polls_.add(operation, side);
    if (result <= 0) return {true, result};
    operation.backend_state = on_polls;
    ++in_flight_;
    polls_checked_ = false;
    return {};
}

Submitted EpollBackend::start_on_file(Operation& operation) noexcept {
    if (!waits_for_others(operation.fd)) return start_on_pool(operation);
    const auto result = try_file_call(operation);
    if (result == -EAGAIN || result == -EOPNOTSUPP) {
        // A thread would be stuck in it: wait for readiness first, which can be cancelled.
        const auto submitted = start_poll(operation, side_of(operation.code));
        if (!submitted.done) return submitted;
        if (submitted.result == 0) return start_on_pool(operation);  // always ready: /dev/null
        return submitted;
    }
    return {true, result};
}

Submitted EpollBackend::start_on_pool(Operation& operation) noexcept {
    try {
        if (!pool_) pool_ = std::make_unique<ThreadPool>(wake_, ThreadPool::default_max_threads());
    } catch (const std::bad_alloc&) {
        return {true, -ENOMEM};
    }
    const auto error = pool_->submit(operation);
    if (error != 0) return {true, error};
    operation.backend_state = on_pool;
    ++in_flight_;
    return {};
}

void EpollBackend::cancel(Operation& operation) noexcept {
    if (operation.backend_state == nowhere) return;
    operation.cancel_requested = true;
    switch (operation.backend_state) {
        case on_socket: {
            auto& socket = sockets_[static_cast<std::size_t>(operation.fd)];
            socket.waiting[static_cast<std::size_t>(direction_of(operation.code))].remove(operation);
            finish_later(operation, -ECANCELED);
            break;
        }
        case on_polls:
            polls_.remove(operation, side_of(operation.code));
            finish_later(operation, -ECANCELED);
            break;
        case on_pool:
            pool_->cancel(operation);
            break;
        default:
            break;
    }
}

void EpollBackend::forget(int fd) noexcept {
    if (fd >= 0 && static_cast<std::size_t>(fd) < sockets_.size()) {
        auto& socket = sockets_[static_cast<std::size_t>(fd)];
        for (auto& waiting : socket.waiting) {
            while (Operation* const operation = waiting.pop_front()) finish_later(*operation, -EBADF);
        }
        // The close that follows would do it, unless a duplicate keeps the file open.
        epoll_event unused{};
        if (socket.registered) {
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &unused);
            --registered_;
        }
        socket = SocketState{};
    }
    if (!polls_.empty()) {
        OperationList gone;
        polls_.forget(fd, gone);
        while (Operation* const operation = gone.pop_front())
            finish_later(*operation, operation->backend_result);
    }
}

int EpollBackend::pollable_fd() noexcept {
    if (broken_ != 0) return wake_.fd();
    driven_from_outside_ = true;
    if (!finished_.empty()) wake();
    return epoll_.get();
}

void EpollBackend::finish_later(Operation& operation, std::int32_t result) noexcept {
    operation.backend_result = result;
    operation.backend_state = in_finished;
    finished_.push_back(operation);
    if (driven_from_outside_) wake();
}

void EpollBackend::complete(Operation& operation, std::int32_t result) noexcept {
    operation.backend_state = nowhere;
    --in_flight_;
    ++completions_;
    operation.completed(result);
}

/// Completes what was finished when it is called. What `completed()` cancels in turn comes with the next
/// wait.
bool EpollBackend::complete_finished() noexcept {
    collect_from_pool();
    auto batch = std::move(finished_);
    const bool any = !batch.empty();
    while (Operation* const operation = batch.pop_front()) complete(*operation, operation->backend_result);
    return any;
}

bool EpollBackend::collect_from_pool() noexcept {
    if (!pool_) return false;
    bool any = false;
    while (Operation* const operation = pool_->take_finished()) {
        const bool file = operation->code == OpCode::read_file || operation->code == OpCode::write_file;
        if (operation->backend_result == -EAGAIN && file && !closing_) {
            // Somebody else took what was ready, or the descriptor is non-blocking.
            const auto result =
                operation->cancel_requested ? -ECANCELED : polls_.add(*operation, side_of(operation->code));
            if (result > 0) {
                operation->backend_state = on_polls;
                continue;
            }
            operation->backend_result = result == 0 ? -EAGAIN : result;
        }
        operation->backend_state = in_finished;
        finished_.push_back(*operation);
        any = true;
    }
    return any;
}

void EpollBackend::on_polls_ready() noexcept {
    OperationList ready;
    OperationList batch;
    polls_.collect(ready);
    while (Operation* const operation = ready.pop_front()) {
        operation->backend_state = in_finished;  // all of them, before one that is completed cancels another
        batch.push_back(*operation);
    }
    while (Operation* const operation = batch.pop_front()) {
        const bool file = operation->code == OpCode::read_file || operation->code == OpCode::write_file;
        if (!file || operation->backend_result < 0 || operation->cancel_requested) {
            complete(*operation,
                     file && operation->cancel_requested ? -ECANCELED : operation->backend_result);
            continue;
        }
        operation->backend_state = nowhere;
        --in_flight_;
        auto result = try_file_call(*operation);
        if (result == -EAGAIN || result == -EOPNOTSUPP) {
            const auto submitted = result == -EAGAIN ? start_poll(*operation, side_of(operation->code))
                                                     : start_on_pool(*operation);
            if (!submitted.done) continue;
            result = submitted.result == 0 ? -EAGAIN : submitted.result;
        }
        ++in_flight_;
        complete(*operation, result);
    }
}

void EpollBackend::on_socket_event(int fd, std::uint32_t events) noexcept {
    constexpr std::uint32_t end_events = EPOLLERR | EPOLLHUP;
    auto& socket = sockets_[static_cast<std::size_t>(fd)];
    if (!socket.registered) return;  // forgotten since the kernel made this event
    if ((events & (end_events | EPOLLRDHUP)) != 0) socket.ended = true;
    const bool readable = (events & (EPOLLIN | EPOLLRDHUP | end_events)) != 0;
    const bool writable = (events & (EPOLLOUT | end_events)) != 0;
    if (readable) socket.blocked[static_cast<std::size_t>(Direction::in)] = false;
    if (writable) socket.blocked[static_cast<std::size_t>(Direction::out)] = false;
    if (readable) run_waiting(fd, Direction::in);
    if (writable) run_waiting(fd, Direction::out);
}

void EpollBackend::run_waiting(int fd, Direction direction) noexcept {
    const auto side = static_cast<std::size_t>(direction);
    for (;;) {
        // Looked up each time: `completed()` may make the table grow.
        auto& socket = sockets_[static_cast<std::size_t>(fd)];
        Operation* const operation = socket.waiting[side].front();
        if (operation == nullptr || socket.blocked[side]) return;
        const auto result = attempt(*operation, socket);
        if (result == -EAGAIN) return;
        socket.waiting[side].remove(*operation);
        complete(*operation, result);
    }
}

/// Before a sleep: ends waits on descriptors that somebody closed since the last look. At most every 10 ms,
/// so a busy loop does not pay for it; a sleep that begins earlier ends then, once.
TimePoint EpollBackend::look_for_closed(TimePoint deadline) noexcept {
    if (polls_.empty() || polls_checked_) return deadline;
    const auto now = monotonic_now();
    if (polls_checked_at_ != TimePoint::min() && now < polls_checked_at_ + closed_check_period) {
        return std::min(deadline, polls_checked_at_ + closed_check_period);
    }
    polls_checked_ = true;
    polls_checked_at_ = now;
    OperationList closed;
    polls_.find_closed(closed);
    while (Operation* const operation = closed.pop_front()) finish_later(*operation, -EBADF);
    return deadline;
}

int EpollBackend::wait_for_events(TimePoint deadline) noexcept {
    const bool for_ever = deadline == TimePoint::max();
    const bool look_only = deadline == TimePoint::min();
    const auto time = for_ever || look_only ? Duration::zero() : time_left(deadline, monotonic_now());
    return sleep(epoll_.get(), events_, static_cast<int>(max_events), time, for_ever);
}

void EpollBackend::wait(TimePoint deadline) noexcept {
    const auto completions_before = completions_;
    polls_checked_ = false;
    complete_finished();
    bool woken = wake_.take();
    for (;;) {
        const bool progress = woken || completions_ != completions_before;
        const bool look_only = progress || deadline <= TimePoint::min();
        if (broken_ != 0) {
            if (!look_only) wait_without_epoll(deadline);
            return;
        }
        // Except for a foreign loop: to it the descriptor stays readable until the last stray edge is taken.
        if (in_flight_ == 0 && !driven_from_outside_ && (look_only || registered_ == 0)) {
            if (look_only) return;
            wake_.sleep_until(deadline);
            wake_.take();
            return;
        }

        auto until = TimePoint::min();
        if (!look_only) {
            until = look_for_closed(deadline);
            if (complete_finished()) return;
        }
        const int count = wait_for_events(until);
        if (count < 0 && errno != EINTR) {
            give_up(errno);
            complete_finished();
            return;
        }
        for (int i = 0; i < count; ++i) {
            const auto tag = events_[i].data.u64;
            if (tag == wake_tag) {
                woken |= wake_.take();
            } else if (tag == polls_tag) {
                on_polls_ready();
            } else {
                on_socket_event(static_cast<int>(tag), events_[i].events);
            }
        }
        if (collect_from_pool()) complete_finished();
        // An interrupted sleep, an edge nobody waits for: sleep on.
        if (look_only || woken || completions_ != completions_before) return;
        if (deadline != TimePoint::max() && monotonic_now() >= deadline) return;
    }
}

void EpollBackend::wait_without_epoll(TimePoint deadline) noexcept {
    do {
        nap_until(deadline);
        if (complete_finished() || wake_.take()) return;
    } while (deadline == TimePoint::max() || monotonic_now() < deadline);
}

std::unique_ptr<Backend> make_epoll_backend() { return std::make_unique<EpollBackend>(); }

}  // namespace tandem::inline v1
