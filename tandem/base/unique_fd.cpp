#include <tandem/base/unique_fd.hpp>

#include <unistd.h>

namespace tandem::inline v1 {

void UniqueFd::reset(int fd) {
    // close() on Linux frees the number even when it reports EINTR: never again for the same number.
    // close(2).
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

}  // namespace tandem::inline v1
