#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/net/socket_internal.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

namespace tandem::inline v1::net {

inline Socket& require(const SocketRef& socket, const char* what) {
    if (!socket) throw InvalidStateError(std::string(what) + ": the stream was never opened, or moved from");
    return *socket;
}

[[noreturn]] inline void throw_error(const Socket& socket, const char* what, int error) {
    const auto peer = socket.peer().to_string();
    throw std::system_error(error, std::generic_category(),
                            std::string(what) + " " + (peer.empty() ? "a peer that is gone" : peer));
}

/// The right to write: one task at a time. Left before `finish()`, with bytes gone, it leaves a stream whose
/// contents nobody knows: further writes throw (sem:C62).
class WriteTurn {
public:
    explicit WriteTurn(const SocketRef& ref)
        : socket_(checked(ref)), in_flight_(socket_), write_(socket_.write) {
        socket_.writing = true;
    }
    ~WriteTurn() {
        socket_.writing = false;
        if (socket_.write_error != 0) finish();  // every later write meets the same one
    }
    WriteTurn(const WriteTurn&) = delete;
    WriteTurn& operator=(const WriteTurn&) = delete;

    int fd() const { return socket_.fd(); }
    void finish() { write_.finish(); }

    std::size_t conclude(std::int32_t result) {
        if (!socket_.is_open()) throw_error(socket_, "write to", ECANCELED);
        if (result < 0) {
            socket_.write_error = -result;
            throw_error(socket_, "write to", -result);
        }
        write_.took(static_cast<std::uint32_t>(result));
        return static_cast<std::size_t>(result);
    }

    static Socket& checked(const SocketRef& ref) {
        Socket& socket = require(ref, "write");
        socket.require_usable("write");
        if (socket.writing) throw InvalidStateError("write: another task is writing to this stream");
        if (socket.write_ended) throw InvalidStateError("write: shutdown_write() was called on this stream");
        if (socket.write.cut) {
            throw InvalidStateError(
                "write: an earlier write was cancelled in its middle, so that the peer would read nonsense; "
                "bytes_accepted() told how much had gone out");
        }
        if (socket.write_error != 0) throw_error(socket, "write to", socket.write_error);
        return socket;
    }

private:
    Socket& socket_;
    Socket::InFlight in_flight_;
    io::WriteProgress::Write write_;
};

}  // namespace tandem::inline v1::net
