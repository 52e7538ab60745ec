#include <tandem/task/operation_wait.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace tandem::inline v1 {

bool OperationWait::try_now() {
    OperationSlot& slot = loop().operations().take();
    slot.code = code_;
    slot.fd = fd_;
    slot.data = data_;
    slot.size = size_;
    slot.flags = flags_;
    slot.offset = offset_;
    slot.waiter = this;
    const auto submitted = loop().backend().submit(slot);
    if (!submitted.done) {
        slot_ = &slot;
        return false;
    }
    loop().operations().give_back(slot);
    result_ = submitted.result;
    return true;
}

bool OperationWait::request_cancel() noexcept {
    cancel_asked_ = true;
    end_early();
    return false;
}

void OperationWait::end_early() noexcept {
    if (slot_) loop().backend().cancel(*slot_);
}

void OperationWait::operation_completed(OperationSlot& slot) noexcept {
    result_ = slot.result;
    slot_ = nullptr;
    loop().operations().give_back(slot);
    task().wake();
}

std::int32_t OperationWait::result() {
    if (result_ == -ECANCELED && cancel_asked_) task().throw_cancelled();
    return result_;
}

void abort_in_flight(const char* operation, int fd) noexcept {
    std::fprintf(
        stderr,
        "tandem: a suspended coroutine was destroyed by hand while its %s of descriptor %d was in flight: "
        "cancel its task and join it instead\n",
        operation, fd);
    std::abort();
}

const char* OperationWait::waiting_for() const noexcept {
    switch (code_) {
        case OpCode::accept:
            return "accept";
        case OpCode::connect:
            return "connect";
        case OpCode::receive:
        case OpCode::receive_message:
            return "receive";
        case OpCode::send:
        case OpCode::send_message:
            return "send";
        case OpCode::poll_readable:
            return "readable";
        case OpCode::poll_writable:
            return "writable";
        case OpCode::read_file:
            return cancel_asked_ ? "file read, uninterruptible" : "file read";
        case OpCode::write_file:
            return cancel_asked_ ? "file write, uninterruptible" : "file write";
        case OpCode::sync_file:
            return cancel_asked_ ? "file sync, uninterruptible" : "file sync";
        case OpCode::job:
            return "thread job";
    }
    return "operation";
}

}  // namespace tandem::inline v1
