#include <tandem/backend/quiet_calls.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

#include <pthread.h>
#include <sys/sendfile.h>
#include <unistd.h>

namespace tandem::inline v1 {
namespace {

constexpr std::size_t most_at_once = 0x7ffff000;  // write(2)

/// Keeps SIGPIPE from this thread, and takes away one that came meanwhile.
class NoPipeSignal {
public:
    NoPipeSignal() noexcept {
        sigset_t pending;
        sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        sigemptyset(&only_);
        sigaddset(&only_, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &only_, &before_);
    }
    ~NoPipeSignal() {
        if (broken && !was_pending_) {
            const timespec at_once{};
            while (sigtimedwait(&only_, nullptr, &at_once) < 0 && errno == EINTR) {
            }
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    NoPipeSignal(const NoPipeSignal&) = delete;
    NoPipeSignal& operator=(const NoPipeSignal&) = delete;
    bool broken = false;

private:
    sigset_t only_;
    sigset_t before_;
    bool was_pending_;
};

template <class Call>
std::int64_t quietly(Call call) noexcept {
    NoPipeSignal quiet;
    for (;;) {
        const auto count = call();
        if (count >= 0) return count;
        if (errno == EINTR) continue;
        const int error = errno;
        quiet.broken = error == EPIPE;
        return -error;
    }
}

}  // namespace

std::int64_t write_quietly(int fd, const void* data, std::size_t size) noexcept {
    return quietly([&] { return ::write(fd, data, std::min(size, most_at_once)); });
}

std::int64_t send_file_quietly(int to, int from, std::int64_t offset, std::size_t size) noexcept {
    return quietly([&] {
        off_t begin = offset;
        return ::sendfile(to, from, &begin, std::min(size, most_at_once));
    });
}

}  // namespace tandem::inline v1
