#include <tandem/io/owned_descriptor.hpp>

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
    if (closed_) [[unlikely]]
        throw InvalidStateError(std::string(what) + ": the " + noun + " is closed");
    if (!is_of_this_loop()) [[unlikely]]
        throw WrongLoop(std::string(what) + ": the " + noun +
                        " belongs to another event loop; use it where it was opened, or move the work there");
}

void OwnedDescriptor::end() noexcept {
    closed_ = true;
    if (operations_ == 0) release();
}

void OwnedDescriptor::release() noexcept {
    if (fd_ < 0) return;
    UniqueFd fd(std::exchange(fd_, -1));
    unclaim_fd(fd.get());
    // A value that holds it may be dropped after its loop has closed, or in another thread.
    const std::lock_guard lock(life_->mutex);
    EventLoop* const loop = life_->loop;
    if (loop && loop->is_running() && !is_of_this_loop()) {
        try {
            loop->call_soon_threadsafe([loop, fd = std::move(fd)] { loop->backend().forget(fd.get()); });
        } catch (...) {  // closing at this very moment: nothing is watched any more
        }
    } else if (loop) {
        loop->backend().forget(fd.get());
    }
}

}  // namespace tandem::inline v1::io
