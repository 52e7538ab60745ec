#include <tandem/net/protocol.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/gather.hpp>

#include <memory>
#include <utility>

namespace tandem::inline v1::net {

/// While a callback runs: an exception that leaves it is the protocol's, not the connection's.
class Transport::Callback {
public:
    explicit Callback(Transport& transport) noexcept : failed_(transport.callback_failed_) { failed_ = true; }
    void returned() noexcept { failed_ = false; }

private:
    bool& failed_;
};

void Transport::write(Bytes bytes) {
    if (eof_wanted_ || closing_)
        throw InvalidStateError("write: the transport's write_eof(), close() or abort() was called");
    writer_.write(bytes);
    if (write_buffer_bytes() == 0) return;
    changed_.notify_all();
    if (writing_paused_ || write_buffer_bytes() <= high_water_bytes) return;
    writing_paused_ = true;
    protocol_.pause_writing();
}

void Transport::write_eof() {
    eof_wanted_ = true;
    changed_.notify_all();
}

void Transport::close() {
    closing_ = true;
    reading_.cancel("the transport was closed");
    changed_.notify_all();
}

void Transport::abort() {
    aborted_ = true;
    stream_.abort();
    close();
}

void Transport::resume_reading() noexcept {
    reading_paused_ = false;
    changed_.notify_all();
}

void Transport::begin() {
    Callback callback(*this);
    protocol_.connection_made(*this);
    callback.returned();
}

Task<void> Transport::read() {
    constexpr std::size_t most_at_once = 64 * 1024;
    const auto buffer = std::make_unique_for_overwrite<char[]>(most_at_once);
    for (;;) {
        while (reading_paused_) co_await changed_.wait("resume_reading()");
        const std::size_t count = co_await stream_.read_some(MutableBytes(buffer.get(), most_at_once));
        Callback callback(*this);
        if (count == 0) {
            if (!protocol_.eof_received()) close();
            callback.returned();
            break;
        }
        protocol_.data_received(Bytes(buffer.get(), count));
        callback.returned();
    }
}

Task<void> Transport::read_until_closed() {
    [[maybe_unused]] const bool by_the_peer = co_await reading_.run(read());
}

Task<void> Transport::write_out() {
    while (!closing_ || write_buffer_bytes() != 0) {
        while (write_buffer_bytes() == 0 && !closing_ && eof_wanted_ == eof_sent_)
            co_await changed_.wait("something to write");
        co_await writer_.drain();
        if (std::exchange(writing_paused_, false)) {
            Callback callback(*this);
            protocol_.resume_writing();
            callback.returned();
        }
        if (eof_wanted_ && !eof_sent_ && !closing_ && write_buffer_bytes() == 0) {
            co_await stream_.shutdown_write();
            eof_sent_ = true;
        }
    }
    co_await stream_.close();
}

void Transport::end(std::exception_ptr error) {
    stream_.abort();  // nothing, if it is closed
    closing_ = true;
    protocol_.connection_lost(std::move(error));
}

Task<void> run_protocol(TcpStream stream, Protocol& protocol) {
    Transport transport(std::move(stream), protocol);
    std::exception_ptr error;
    try {
        transport.begin();
        co_await gather(transport.read_until_closed(), transport.write_out());
    } catch (const Cancelled&) {
        transport.end(nullptr);
        throw;
    } catch (...) {
        error = std::current_exception();
    }
    const bool by_callback = transport.callback_failed_;
    transport.end(by_callback || transport.aborted_ ? nullptr : error);
    if (by_callback) std::rethrow_exception(error);
}

}  // namespace tandem::inline v1::net
