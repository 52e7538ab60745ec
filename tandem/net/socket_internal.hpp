#pragma once

#include <tandem/base/claimed_fd.hpp>
#include <tandem/base/unique_fd.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/net/tcp_stream.hpp>

#include <cstdint>
#include <string>

namespace tandem::inline v1::net {

/// A descriptor, the loop it belongs to, and how many operations are in flight on it. The descriptor is
/// closed when nobody wants it any more and no operation can touch it.
class Socket {
public:
    /// For the loop that runs here. The descriptor is non-blocking.
    static SocketRef adopt(UniqueFd fd);

    Socket(EventLoop& loop, UniqueFd fd) noexcept : loop_(&loop), life_(loop.life()), fd_(fd.release()) {
        claim_fd(fd_);
    }
    ~Socket();
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    int fd() const noexcept { return fd_; }
    EventLoop& loop() const noexcept { return *loop_; }
    bool is_open() const noexcept { return !closed_; }

    /// Throws unless it is open and this is its loop.
    void require_usable(const char* what) const;
    /// No new operations; those in flight complete soon, the last one closes the descriptor.
    void close() noexcept;
    /// The same, and the peer gets a reset.
    void abort() noexcept;
    /// The owner has gone.
    void abandon() noexcept;

    // What reads and writes leave behind.
    int read_error = 0;   // errno of the connection; every later read reports it
    int write_error = 0;  // the same for writes
    bool reading = false;
    bool writing = false;
    bool peer_ended = false;     // a read gave 0
    bool write_ended = false;    // shutdown_write() was done
    bool write_cut = false;      // a write was cancelled in its middle
    std::uint64_t accepted = 0;  // bytes of the last write that went out

    SocketAddress local() const;
    SocketAddress peer() const;

    /// Counts one operation, or a series of them, for the time of its life.
    class InFlight {
    public:
        explicit InFlight(Socket& socket) noexcept : socket_(socket) { ++socket_.operations_; }
        ~InFlight() {
            if (--socket_.operations_ == 0 && socket_.closed_) socket_.release_descriptor();
        }
        InFlight(const InFlight&) = delete;
        InFlight& operator=(const InFlight&) = delete;

    private:
        Socket& socket_;
    };

private:
    friend class SocketRef;
    void discard_unread() noexcept;
    void shut_down() noexcept;
    void release_descriptor() noexcept;
    void report_unclosed() noexcept;

    EventLoop* loop_;  // for comparing; to be used through life_ where the loop may be gone
    std::shared_ptr<LoopLife> life_;
    int fd_;
    std::uint32_t references_ = 1;
    std::uint32_t operations_ = 0;
    bool closed_ = false;
};

inline SocketRef::SocketRef(const SocketRef& other) noexcept : socket_(other.socket_) {
    if (socket_) ++socket_->references_;
}

}  // namespace tandem::inline v1::net
