#include <tandem/io/readiness.hpp>

#include <cerrno>
#include <string>
#include <system_error>

namespace tandem::inline v1::io {

bool ReadinessWait::try_now() {
    OperationSlot& slot = loop().operations().take();
    slot.code = code_;
    slot.fd = fd_;
    slot.data = nullptr;
    slot.size = 0;
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

bool ReadinessWait::request_cancel() noexcept {
    cancel_asked_ = true;
    if (slot_) loop().backend().cancel(*slot_);
    return false;
}

void ReadinessWait::operation_completed(OperationSlot& slot) noexcept {
    result_ = slot.result;
    slot_ = nullptr;
    loop().operations().give_back(slot);
    task().wake();
}

void ReadinessWait::result() {
    if (result_ == -ECANCELED && cancel_asked_) task().throw_cancelled();
    if (result_ < 0) {
        throw std::system_error(
            -result_, std::generic_category(),
            std::string("wait until descriptor ") + std::to_string(fd_) + " is " + waiting_for());
    }
}

const char* ReadinessWait::waiting_for() const noexcept {
    return code_ == OpCode::poll_readable ? "readable" : "writable";
}

}  // namespace tandem::inline v1::io
