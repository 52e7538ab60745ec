#include <tandem/base/unique_fd.hpp>

#include <atomic>

#include <unistd.h>

namespace tandem::inline v1 {

namespace {

std::atomic<void (*)(int)> close_simulated = nullptr;

}  // namespace

void UniqueFd::reset(int fd) {
    const int old = std::exchange(fd_, fd);
    if (old < 0) return;
    // close() on Linux frees the number even when it reports EINTR: never again for the same number.
    // close(2).
    if (old < first_simulated)
        ::close(old);
    else if (const auto closer = close_simulated.load())
        closer(old);
}

void UniqueFd::close_simulated_with(void (*closer)(int)) noexcept { close_simulated = closer; }

}  // namespace tandem::inline v1
