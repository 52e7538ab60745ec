#include <tandem/io/owned_descriptor_internal.hpp>

#include <tandem/base/claimed_fd.hpp>
#include <tandem/base/errors.hpp>

#include <mutex>
#include <string>
#include <utility>

namespace tandem::inline v1::io {

OwnedDescriptor::OwnedDescriptor(EventLoop& loop, UniqueFd fd) noexcept
    : loop_(&loop), life_(loop.life()), fd_(fd.release()) {
    claim_fd(fd_);
}

void OwnedDescriptor::require_usable(const char* what, const char* noun) const {
    if (closed_) throw InvalidStateError(std::string(what) + ": the " + noun + " is closed");
    if (this_loop_or_null() != loop_)
        throw WrongLoop(std::string(what) + ": the " + noun +
                        " belongs to another event loop; use it where it was opened, or move the work there");
}

void OwnedDescriptor::close() noexcept {
    if (closed_) return;
    closed_ = true;
    for (auto* operation = waiting_.front(); operation; operation = waiting_.next_of(*operation))
        operation->interrupt();
    if (operations_ == 0) release();
}

void OwnedDescriptor::release() noexcept {
    if (fd_ < 0) return;
    const UniqueFd fd(std::exchange(fd_, -1));
    unclaim_fd(fd.get());
    const std::lock_guard lock(life_->mutex);
    if (life_->loop && this_loop_or_null() == life_->loop) life_->loop->backend().forget(fd.get());
}

void OwnedDescriptor::abandon(const std::shared_ptr<OwnedDescriptor>& descriptor) noexcept {
    {
        const std::lock_guard lock(descriptor->life_->mutex);
        EventLoop* const loop = descriptor->life_->loop;
        if (loop && loop->is_running() && this_loop_or_null() != loop) {
            try {
                loop->call_soon_threadsafe([descriptor] { descriptor->close(); });
                return;
            } catch (...) {  // closing at this very moment: nothing waits on it any more
            }
        }
    }
    descriptor->close();
}

}  // namespace tandem::inline v1::io
