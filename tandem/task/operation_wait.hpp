#pragma once

#include <tandem/backend/operation.hpp>
#include <tandem/loop/operation_slot.hpp>
#include <tandem/task/wait.hpp>

#include <cstddef>
#include <cstdint>

namespace tandem::inline v1 {

/// Somebody destroyed a frame by hand whose operation is in flight, and the kernel may still write there
/// (sem:K6). `operation` is `Wait::waiting_for()`.
[[noreturn]] void abort_in_flight(const char* operation, int fd) noexcept;

/// Awaits one request to the kernel; its value is the result as the backend gives it: a count, a descriptor,
/// 0, or a negative errno. The rooms above turn it into what they promise.
///
/// Errors      none of its own but `std::bad_alloc`.
/// Cancelling  asks the backend; a result that comes in spite of it is delivered (sem:C23), otherwise
/// `Cancelled`. Threads     the loop that runs. Lifetime    buffers named here must stay until the await is
/// over.
class OperationWait : public Checkpoint<OperationWait>, private OperationWaiter {
public:
    OperationWait(OpCode code, int fd, void* data = nullptr, std::size_t size = 0, int flags = 0,
                  std::int64_t offset = -1)
        : code_(code),
          fd_(fd),
          flags_(flags),
          size_(size > max_size ? max_size : static_cast<std::uint32_t>(size)),
          data_(data),
          offset_(offset) {}
    OperationWait(const OperationWait&) = default;  // before it is awaited
    ~OperationWait() {
        if (slot_) [[unlikely]]
            abort_in_flight(waiting_for(), fd_);
    }

    bool try_now();
    void start() noexcept {}  // try_now() has submitted it
    std::int32_t result();
    bool request_cancel() noexcept override;
    const char* waiting_for() const noexcept override;
    int fd() const noexcept { return fd_; }

protected:
    /// Asks the backend to end it, for others than its task: its result is -ECANCELED then, unless it comes
    /// first.
    void end_early() noexcept;

private:
    static constexpr std::uint32_t max_size = 0x7ffff000;  // what one read(2) or write(2) takes at most

    void operation_completed(OperationSlot& slot) noexcept override;

    OpCode code_;
    bool cancel_asked_ = false;
    int fd_;
    int flags_;
    std::uint32_t size_;
    std::int32_t result_ = 0;
    void* data_;
    std::int64_t offset_;
    OperationSlot* slot_ = nullptr;
};

}  // namespace tandem::inline v1
