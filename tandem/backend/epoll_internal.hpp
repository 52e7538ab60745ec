#pragma once

#include <tandem/backend/backend.hpp>
#include <tandem/backend/operation_list_internal.hpp>
#include <tandem/backend/poll_set_internal.hpp>
#include <tandem/backend/thread_pool.hpp>
#include <tandem/backend/wake_signal_internal.hpp>
#include <tandem/base/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <sys/epoll.h>

namespace tandem::inline v1 {

/// A socket's two directions; they wait independently of each other.
enum class Direction : std::uint8_t { in = 0, out = 1 };

/// What is known of a socket between its operations.
struct SocketState {
    OperationList waiting[2];
    bool blocked[2] = {false, false};  // a call would end in EAGAIN, or already did: wait for the next edge
    bool registered = false;           // in the main epoll instance, for edges in both directions
    bool ended = false;                // the peer has closed or there is an error: no edge may follow
    enum class Kind : std::uint8_t { unknown, stream, other } kind = Kind::unknown;
};

/// Readiness turned into completions. A socket is registered once, for edges, when an operation on it first
/// has to wait; then a table says whether a call is worth trying. Thus a request over a keep-alive connection
/// costs one send, one receive and its share of an epoll_wait.
class EpollBackend final : public Backend {
public:
    EpollBackend();
    ~EpollBackend() override;

    std::string_view name() const noexcept override { return "epoll"; }
    Submitted submit(Operation& operation) noexcept override;
    void cancel(Operation& operation) noexcept override;
    void wait(TimePoint deadline) noexcept override;
    void wake() noexcept override { wake_.raise(); }
    void forget(int fd) noexcept override;
    std::size_t in_flight() const noexcept override { return in_flight_; }
    int failure() const noexcept override { return broken_; }
    int pollable_fd() noexcept override;
    void leave_to_parent() noexcept override {
        epoll_.reset();
        wake_.close();
        polls_.close();
    }

private:
    Submitted start_on_socket(Operation& operation) noexcept;
    Submitted start_on_file(Operation& operation) noexcept;
    Submitted start_on_pool(Operation& operation) noexcept;
    Submitted start_poll(Operation& operation, PollSet::Side side) noexcept;
    SocketState* socket_state(int fd) noexcept;
    int register_socket(int fd, SocketState& socket) noexcept;

    void finish_later(Operation& operation, std::int32_t result) noexcept;
    void complete(Operation& operation, std::int32_t result) noexcept;
    bool complete_finished() noexcept;
    bool collect_from_pool() noexcept;
    void on_polls_ready() noexcept;
    void on_socket_event(int fd, std::uint32_t events) noexcept;
    void run_waiting(int fd, Direction direction) noexcept;
    TimePoint look_for_closed(TimePoint deadline) noexcept;
    int wait_for_events(TimePoint deadline) noexcept;
    void end_all(std::int32_t result) noexcept;
    void give_up(int error) noexcept;
    void wait_without_epoll(TimePoint deadline) noexcept;

    static constexpr std::size_t max_events = 256;

    UniqueFd epoll_;
    WakeSignal wake_;
    PollSet polls_;
    std::vector<SocketState> sockets_;  // by descriptor
    OperationList finished_;            // results known, `completed()` not yet called
    std::size_t in_flight_ = 0;
    std::size_t registered_ = 0;  // sockets: their edges are taken note of also while nobody waits
    bool driven_from_outside_ = false;
    bool closing_ = false;
    int broken_ = 0;  // the errno with which the kernel gave it up
    bool polls_checked_ = false;
    TimePoint polls_checked_at_ = TimePoint::min();
    std::size_t completions_ = 0;
    std::unique_ptr<ThreadPool> pool_;
    epoll_event events_[max_events];
};

/// Does what an operation asks for without waiting: a result, a negative errno, or -EAGAIN after noting in
/// `socket` that an edge must come first.
std::int32_t attempt(const Operation& operation, SocketState& socket) noexcept;
/// The same for the first call of a connect.
std::int32_t attempt_connect(const Operation& operation, SocketState& socket) noexcept;
Direction direction_of(OpCode code) noexcept;

}  // namespace tandem::inline v1
