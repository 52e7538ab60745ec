#include <tandem/io/memory_stream.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/io/wait_list.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace tandem::inline v1::io {

/// One way: a ring of bytes between a writing and a reading end.
class MemoryStream::Pipe {
public:
    explicit Pipe(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) {}

    std::size_t size() const { return size_; }
    bool full() const { return size_ == capacity_; }

    std::size_t put(Bytes bytes) {
        if (!ring_) ring_ = std::make_unique_for_overwrite<char[]>(capacity_);
        const auto count = std::min(bytes.size(), capacity_ - size_);
        const auto end = (begin_ + size_) % capacity_;
        const auto first = std::min(count, capacity_ - end);
        std::memcpy(ring_.get() + end, bytes.data(), first);
        std::memcpy(ring_.get(), bytes.data() + first, count - first);
        size_ += count;
        readable.notify_all();
        return count;
    }
    std::size_t take(MutableBytes into) {
        const auto count = std::min(into.size(), size_);
        const auto first = std::min(count, capacity_ - begin_);
        std::memcpy(into.data(), ring_.get() + begin_, first);
        std::memcpy(into.data() + first, ring_.get(), count - first);
        begin_ = (begin_ + count) % capacity_;
        size_ -= count;
        writable.notify_all();
        return count;
    }
    void drop() {
        size_ = 0;
        begin_ = 0;
    }
    void changed() {
        readable.notify_all();
        writable.notify_all();
    }

    bool ended = false;        // the writer will write no more
    bool reset = false;        // the writer aborted
    bool reader_gone = false;  // nobody will read
    WaitList readable;
    WaitList writable;

private:
    const std::size_t capacity_;
    std::unique_ptr<char[]> ring_;
    std::size_t begin_ = 0;
    std::size_t size_ = 0;
};

class MemoryStream::End {
public:
    End(std::shared_ptr<Pipe> from, std::shared_ptr<Pipe> to) : in(std::move(from)), out(std::move(to)) {}

    void close(bool resets) {
        if (!open) return;
        open = false;
        in->reader_gone = true;
        in->drop();
        in->changed();
        if (resets) {
            out->reset = true;
            out->drop();
        }
        out->ended = true;
        out->changed();
    }

    std::shared_ptr<Pipe> in;
    std::shared_ptr<Pipe> out;
    bool open = true;
    bool reading = false;
    bool writing = false;
    bool peer_ended = false;
    bool write_ended = false;
    bool write_cut = false;
};

namespace {

using End = MemoryStream::End;

[[noreturn]] void throw_error(int error, const char* what) {
    throw std::system_error(error, std::generic_category(), what);
}

void require_open(const std::shared_ptr<End>& end, const char* what) {
    if (!end || !end->open) throw InvalidStateError(std::string(what) + ": the stream is closed");
}

void require_writable(const std::shared_ptr<End>& end, const char* what) {
    require_open(end, what);
    if (end->writing) throw InvalidStateError(std::string(what) + ": another task is writing to this stream");
    if (end->write_ended)
        throw InvalidStateError(std::string(what) + ": shutdown_write() was called on this stream");
    if (end->write_cut)
        throw InvalidStateError(std::string(what) + ": an earlier write was cancelled in its middle");
}

/// Sets a flag for the time of its life.
class Turn {
public:
    explicit Turn(bool& flag) : flag_(flag) { flag_ = true; }
    ~Turn() { flag_ = false; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

private:
    bool& flag_;
};

Task<std::size_t> read_some_from(std::shared_ptr<End> end, MutableBytes buffer) {
    require_open(end, "read");
    if (end->reading) throw InvalidStateError("read: another task is reading from this stream");
    if (buffer.empty()) co_return std::size_t{0};
    const Turn turn(end->reading);
    auto& pipe = *end->in;
    // A read that need not wait is no checkpoint, unless it is to end.
    if (is_cancelled()) co_await checkpoint();
    while (pipe.size() == 0 && !pipe.ended) {
        co_await pipe.readable.wait("receive");
        if (!end->open) throw_error(ECANCELED, "read: the stream was closed meanwhile");
    }
    if (pipe.reset) throw_error(ECONNRESET, "read from a memory stream");
    if (pipe.size() == 0) {
        end->peer_ended = true;
        co_return std::size_t{0};
    }
    co_return pipe.take(buffer);
}

/// Waits for room and takes some of it.
Task<std::size_t> put_some(End& end, Bytes bytes) {
    auto& pipe = *end.out;
    if (is_cancelled()) co_await checkpoint();
    while (pipe.full() && !pipe.reader_gone && end.open) co_await pipe.writable.wait("send");
    if (!end.open) throw_error(ECANCELED, "write: the stream was closed meanwhile");
    if (end.in->reset) throw_error(ECONNRESET, "write to a memory stream");
    if (pipe.reader_gone) throw_error(EPIPE, "write to a memory stream");
    co_return pipe.put(bytes);
}

Task<std::size_t> write_some_to(std::shared_ptr<End> end, Bytes bytes) {
    require_writable(end, "write");
    if (bytes.empty()) co_return std::size_t{0};
    const Turn turn(end->writing);
    co_return co_await put_some(*end, bytes);
}

Task<void> write_all_to(std::shared_ptr<End> end, Bytes bytes) {
    require_writable(end, "write");
    const Turn turn(end->writing);
    bool written_some = false;
    try {
        while (!bytes.empty()) {
            const auto count = co_await put_some(*end, bytes);
            bytes = bytes.skip(count);
            written_some = true;
        }
    } catch (...) {
        if (written_some) end->write_cut = true;
        throw;
    }
}

Task<void> shutdown_write_of(std::shared_ptr<End> end) {
    if (end && end->open && end->write_ended) co_return;
    require_writable(end, "shutdown_write");
    end->write_ended = true;
    end->out->ended = true;
    end->out->changed();
}

Task<void> close_end(std::shared_ptr<End> end) {
    if (!end || !end->open) co_return;
    const bool cancelled = is_cancelled();
    end->close(cancelled);
    if (cancelled) co_await checkpoint();  // throws
}

void abandon(End& end) { end.close(!end.peer_ended || end.write_cut || end.writing); }

}  // namespace

MemoryStream& MemoryStream::operator=(MemoryStream&& other) noexcept {
    if (this != &other) {
        if (end_) abandon(*end_);
        end_ = std::move(other.end_);
    }
    return *this;
}

MemoryStream::~MemoryStream() {
    if (end_) abandon(*end_);
}

Task<std::size_t> MemoryStream::read_some(MutableBytes buffer) { return read_some_from(end_, buffer); }
Task<std::size_t> MemoryStream::write_some(Bytes bytes) { return write_some_to(end_, bytes); }
Task<void> MemoryStream::write_all(Bytes bytes) { return write_all_to(end_, bytes); }
Task<void> MemoryStream::shutdown_write() { return shutdown_write_of(end_); }
Task<void> MemoryStream::close() { return close_end(end_); }
void MemoryStream::abort() noexcept {
    if (end_) end_->close(true);
}
bool MemoryStream::is_open() const noexcept { return end_ && end_->open; }
std::size_t MemoryStream::unread_bytes() const noexcept { return end_ ? end_->in->size() : 0; }

StreamPair stream_pair(std::size_t buffer_bytes) {
    auto forth = std::make_shared<MemoryStream::Pipe>(buffer_bytes);
    auto back = std::make_shared<MemoryStream::Pipe>(buffer_bytes);
    auto first = std::make_shared<MemoryStream::End>(back, forth);
    auto second = std::make_shared<MemoryStream::End>(std::move(forth), std::move(back));
    return {MemoryStream(std::move(first)), MemoryStream(std::move(second))};
}

MemoryPipe memory_pipe(std::string_view text) {
    auto pair = stream_pair(std::max<std::size_t>(text.size(), 64 * 1024));
    if (!text.empty()) pair.second.end_->out->put(text);
    return {std::move(pair.first), std::move(pair.second)};
}

}  // namespace tandem::inline v1::io
