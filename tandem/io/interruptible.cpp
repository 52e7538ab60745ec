#include <tandem/io/interruptible_internal.hpp>

#include <mutex>

namespace tandem::inline v1::io {

void InterruptibleDescriptor::close() noexcept {
    if (!is_open()) return;
    end();
    for (auto* operation = waiting_.front(); operation; operation = waiting_.next_of(*operation))
        operation->interrupt();
}

void InterruptibleDescriptor::abandon(const std::shared_ptr<InterruptibleDescriptor>& descriptor) noexcept {
    {
        const std::lock_guard lock(descriptor->life().mutex);
        EventLoop* const loop = descriptor->life().loop;
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
