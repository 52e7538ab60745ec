#include <tandem/net/stream_writer.hpp>

#include <tandem/backend/sockets.hpp>
#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/net/tcp_stream.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>

#include <utility>

namespace tandem::inline v1::net {

/// One task at a time sends.
class StreamWriter::Turn {
public:
    explicit Turn(StreamWriter& writer) noexcept : writer_(writer) { writer_.draining_ = true; }
    ~Turn() {
        writer_.draining_ = false;
        writer_.drained_.notify_all();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

private:
    StreamWriter& writer_;
};

void StreamWriter::write(Bytes bytes) {
    if (ended_ || !stream_.is_open())
        throw InvalidStateError("write: the writer's shutdown_write() or close() was called");
    if (!draining_ && unsent_bytes() == 0) {
        warned_ = false;
        bytes = bytes.skip(write_now(bytes));
    }
    unsent_.append(bytes.data(), bytes.size());
    if (unsent_bytes() > warned_of_bytes && !warned_) warn();
}

/// How much the socket takes. Its errors are met again by who drains.
std::size_t StreamWriter::write_now(Bytes bytes) noexcept {
    if (bytes.empty() || dynamic_cast<TcpStream*>(&stream_) == nullptr) return 0;
    const int fd = stream_.native_handle();
    const auto count = sockets_of(fd).send(fd, bytes.data(), bytes.size());
    return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void StreamWriter::warn() {
    warned_ = true;
    EventLoop* const loop = this_loop_or_null();
    if (!loop || !loop->debug()) return;
    const auto peer = stream_.peer_address();
    loop->call_exception_handler({"more than 1 MiB written to " + (peer.empty() ? "a stream" : peer) +
                                      " and not drained: co_await drain() after write()",
                                  nullptr,
                                  {},
                                  {},
                                  Severity::warning});
}

Task<void> StreamWriter::drain() {
    while (draining_) co_await drained_.wait("another drain()");
    const Turn turn(*this);
    if (is_cancelled()) co_await checkpoint();  // throws, also with nothing to send
    while (unsent_bytes() != 0) {
        if (sent_ == sending_.size()) {
            sending_ = std::exchange(unsent_, {});
            sent_ = 0;
        }
        const std::size_t count = co_await stream_.write_some(Bytes(sending_).skip(sent_));
        sent_ += count;
    }
    sending_.clear();
    sent_ = 0;
}

Task<void> StreamWriter::shutdown_write() {
    ended_ = true;
    co_await drain();
    co_await stream_.shutdown_write();
}

Task<void> StreamWriter::close() {
    ended_ = true;
    try {
        co_await drain();
    } catch (...) {
        stream_.abort();
        throw;
    }
    co_await stream_.close();
}

}  // namespace tandem::inline v1::net
