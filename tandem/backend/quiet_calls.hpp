#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem::inline v1 {

// Calls for which the kernel has no MSG_NOSIGNAL: what they raise instead of an error is taken away. A count,
// or a negative errno; never EINTR. Threads: any.

/// write(2).
std::int64_t write_quietly(int fd, const void* data, std::size_t size) noexcept;
/// sendfile(2) from `offset` on.
std::int64_t send_file_quietly(int to, int from, std::int64_t offset, std::size_t size) noexcept;

}  // namespace tandem::inline v1
