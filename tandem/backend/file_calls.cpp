#include <tandem/backend/file_calls_internal.hpp>

#include <algorithm>
#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace tandem::inline v1 {
namespace {

template <class Call>
std::int32_t without_eintr(Call call) noexcept {
    for (;;) {
        const auto count = call();
        if (count >= 0) return static_cast<std::int32_t>(count);
        if (errno != EINTR) return -errno;
    }
}

// A count must fit in a result; the kernel itself moves no more than this at once. write(2).
std::size_t count_of(const Operation& operation) noexcept {
    return std::min<std::size_t>(operation.size, 0x7ffff000);
}

std::int32_t write_blocking(const Operation& operation) noexcept {
    auto size = count_of(operation);
    // A pipe that polls writable takes PIPE_BUF bytes at once; more could block this thread, and with it the
    // end of the pool, for as long as nobody reads. pipe(7).
    if (waits_for_others(operation.fd) && (::fcntl(operation.fd, F_GETFL) & O_NONBLOCK) == 0) {
        size = std::min<std::size_t>(size, PIPE_BUF);
    }
    return without_eintr([&] {
        return operation.offset < 0 ? ::write(operation.fd, operation.data, size)
                                    : ::pwrite(operation.fd, operation.data, size, operation.offset);
    });
}

}  // namespace

std::int32_t run_file_call(const Operation& operation) noexcept {
    switch (operation.code) {
        case OpCode::read_file:
            return without_eintr([&] {
                return operation.offset < 0
                           ? ::read(operation.fd, operation.data, count_of(operation))
                           : ::pread(operation.fd, operation.data, count_of(operation), operation.offset);
            });
        case OpCode::write_file:
            return write_blocking(operation);
        case OpCode::sync_file:
            return without_eintr([&] { return ::fdatasync(operation.fd); });
        default:
            return -EINVAL;
    }
}

std::int32_t try_file_call(const Operation& operation) noexcept {
    const iovec bytes{operation.data, count_of(operation)};
    const auto offset = operation.offset < 0 ? -1 : operation.offset;
    return without_eintr([&] {
        return operation.code == OpCode::read_file ? ::preadv2(operation.fd, &bytes, 1, offset, RWF_NOWAIT)
                                                   : ::pwritev2(operation.fd, &bytes, 1, offset, RWF_NOWAIT);
    });
}

bool waits_for_others(int fd) noexcept {
    struct stat about{};
    return ::fstat(fd, &about) == 0 &&
           (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode) || S_ISCHR(about.st_mode));
}

}  // namespace tandem::inline v1
