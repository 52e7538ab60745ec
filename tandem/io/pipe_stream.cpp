#include <tandem/io/pipe_stream.hpp>

#include <tandem/backend/quiet_calls.hpp>
#include <tandem/base/errors.hpp>
#include <tandem/io/interruptible_internal.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/operation_slot.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/wait.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace tandem::inline v1::io {
namespace {

std::int32_t read_now(int fd, MutableBytes buffer) noexcept {
    for (;;) {
        const auto count = ::read(fd, buffer.data(), std::min<std::size_t>(buffer.size(), 0x7ffff000));
        if (count >= 0) return static_cast<std::int32_t>(count);
        if (errno != EINTR) return -errno;
    }
}

}  // namespace

/// At most one operation waits on it.
class PipeStream::End final : public InterruptibleDescriptor {
public:
    End(EventLoop& loop, UniqueFd fd, bool writes) noexcept
        : InterruptibleDescriptor(loop, std::move(fd)), writes_(writes) {}

    bool writes() const noexcept { return writes_; }

    int error = 0;  // what the pipe answered; every later call reports it
    bool busy = false;
    WriteProgress write;

    /// The right to one operation, or a series of them.
    class Turn {
    public:
        Turn(const std::shared_ptr<End>& end, const char* what, bool to_write)
            : end_(checked(end, what, to_write)), in_flight_(end_) {
            end_.busy = true;
        }
        ~Turn() { end_.busy = false; }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;
        std::size_t conclude(std::int32_t result, const char* what) const;

    private:
        static End& checked(const std::shared_ptr<End>& end, const char* what, bool to_write);
        End& end_;
        InFlight in_flight_;
    };

private:
    bool writes_;
};

namespace {

using End = PipeStream::End;

/// A read or write that is tried at once, and again whenever the pipe is ready, until it moves something.
class Transfer final : public Checkpoint<Transfer>, private OperationWaiter, private Interruptible {
public:
    Transfer(End& end, MutableBytes buffer) : end_(end), data_(buffer.data()), size_(buffer.size()) {}
    Transfer(End& end, Bytes bytes)
        : end_(end), data_(const_cast<char*>(bytes.data())), size_(bytes.size()) {}
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer() {
        if (slot_) [[unlikely]]
            abort_in_flight(waiting_for(), end_.fd());
    }

    bool try_now() { return go_on(); }
    void start() noexcept {}  // try_now() has submitted it
    std::int32_t result() {
        if (result_ == -ECANCELED && cancel_asked_) task().throw_cancelled();
        return result_;
    }
    bool request_cancel() noexcept override {
        cancel_asked_ = true;
        interrupt();
        return false;
    }
    const char* waiting_for() const noexcept override { return end_.writes() ? "send" : "receive"; }

private:
    void interrupt() noexcept override {
        if (slot_) loop().backend().cancel(*slot_);
    }
    // True once there is a result.
    bool go_on() {
        for (;;) {
            result_ = end_.writes() ? static_cast<std::int32_t>(write_quietly(end_.fd(), data_, size_))
                                    : read_now(end_.fd(), MutableBytes(data_, size_));
            if (result_ != -EAGAIN) return true;
            OperationSlot& slot = loop().operations().take();
            slot.code = end_.writes() ? OpCode::poll_writable : OpCode::poll_readable;
            slot.fd = end_.fd();
            slot.waiter = this;
            const auto submitted = loop().backend().submit(slot);
            if (!submitted.done) {
                slot_ = &slot;
                end_.waits(*this);
                return false;
            }
            loop().operations().give_back(slot);
            if (submitted.result < 0) {
                result_ = submitted.result;
                return true;
            }
        }
    }
    void operation_completed(OperationSlot& slot) noexcept override {
        const auto ready = slot.result;
        slot_ = nullptr;
        end_.waits_no_more(*this);
        loop().operations().give_back(slot);
        if (ready < 0 || !end_.is_open() || cancel_asked_)
            result_ = ready < 0 ? ready : -ECANCELED;
        else if (!go_on())
            return;
        task().wake();
    }

    End& end_;
    char* data_;
    std::size_t size_;
    OperationSlot* slot_ = nullptr;
    std::int32_t result_ = 0;
    bool cancel_asked_ = false;
};

Task<std::size_t> read_some_from(std::shared_ptr<End> end, MutableBytes buffer) {
    const End::Turn turn(end, "read", false);
    if (buffer.empty()) co_return std::size_t{0};
    const std::int32_t result = co_await Transfer(*end, buffer);
    co_return turn.conclude(result, "read from");
}

Task<std::size_t> write_some_to(std::shared_ptr<End> end, Bytes bytes) {
    const End::Turn turn(end, "write", true);
    if (bytes.empty()) co_return std::size_t{0};
    const std::int32_t result = co_await Transfer(*end, bytes);
    co_return turn.conclude(result, "write to");
}

Task<void> write_all_to(std::shared_ptr<End> end, Bytes bytes) {
    const End::Turn turn(end, "write", true);
    WriteProgress::Write write(end->write);
    while (!bytes.empty()) {
        const std::int32_t result = co_await Transfer(*end, bytes);
        const std::size_t count = turn.conclude(result, "write to");
        write.took(count);
        bytes = bytes.skip(count);
    }
    write.finish();
}

Task<void> close_end(std::shared_ptr<End> end) {
    if (!end || !end->is_open()) co_return;
    end->close();
    if (is_cancelled()) co_await checkpoint();  // throws
}

}  // namespace

PipeStream::End& PipeStream::End::Turn::checked(const std::shared_ptr<End>& end, const char* what,
                                                bool to_write) {
    if (!end) throw InvalidStateError(std::string(what) + ": the pipe was never opened, or moved from");
    end->require_usable(what, "pipe");
    if (end->writes() != to_write)
        throw InvalidStateError(std::string(what) + ": this is the " +
                                (end->writes() ? "writing" : "reading") + " end of a pipe");
    if (end->busy)
        throw InvalidStateError(std::string(what) + ": another task is " +
                                (to_write ? "writing to" : "reading from") + " this pipe");
    if (end->error != 0)
        throw std::system_error(end->error, std::generic_category(),
                                std::string(to_write ? "write to" : "read from") + " a pipe");
    if (end->write.cut)
        throw InvalidStateError(
            "write: an earlier write was cancelled in its middle, so that the reader would get nonsense");
    return *end;
}

std::size_t PipeStream::End::Turn::conclude(std::int32_t result, const char* what) const {
    if (result >= 0) return static_cast<std::size_t>(result);
    if (end_.is_open()) end_.error = -result;
    throw std::system_error(
        -result, std::generic_category(),
        std::string(what) + (end_.is_open() ? " a pipe" : " a pipe that was closed meanwhile"));
}

PipeStream::PipeStream(UniqueFd end) {
    EventLoop& loop = this_loop();
    const int flags = ::fcntl(end.get(), F_GETFL);
    const bool one_way = flags >= 0 && (flags & O_ACCMODE) != O_RDWR;
    if (!one_way || ::fcntl(end.get(), F_SETFL, flags | O_NONBLOCK) != 0)
        throw std::system_error(flags < 0 ? errno : EINVAL, std::generic_category(),
                                "use descriptor " + std::to_string(end.get()) + " as an end of a pipe");
    end_ = std::make_shared<End>(loop, std::move(end), (flags & O_ACCMODE) == O_WRONLY);
}

PipeStream& PipeStream::operator=(PipeStream&& other) noexcept {
    if (this != &other) {
        abort();
        end_ = std::move(other.end_);
    }
    return *this;
}

PipeStream::~PipeStream() { abort(); }

Task<std::size_t> PipeStream::read_some(MutableBytes buffer) { return read_some_from(end_, buffer); }
Task<std::size_t> PipeStream::write_some(Bytes bytes) { return write_some_to(end_, bytes); }
Task<void> PipeStream::write_all(Bytes bytes) { return write_all_to(end_, bytes); }
Task<void> PipeStream::shutdown_write() { return close_end(end_); }
Task<void> PipeStream::close() { return close_end(end_); }

void PipeStream::abort() noexcept {
    if (end_ && end_->is_open()) InterruptibleDescriptor::abandon(end_);
}
bool PipeStream::can_shutdown_write() const noexcept { return end_ && end_->writes(); }
bool PipeStream::is_open() const noexcept { return end_ && end_->is_open(); }
int PipeStream::native_handle() const noexcept { return is_open() ? end_->fd() : -1; }

PipePair pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "make a pipe");
    UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    PipePair made;
    made.reader = PipeStream(std::move(reader));
    made.writer = PipeStream(std::move(writer));
    return made;
}

}  // namespace tandem::inline v1::io
