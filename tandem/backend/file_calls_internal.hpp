#pragma once

#include <tandem/backend/operation.hpp>

#include <cstdint>

namespace tandem::inline v1 {

/// Does a `read_file`, `write_file` or `sync_file` and blocks until it is done.
std::int32_t run_file_call(const Operation& operation) noexcept;

/// Does a `read_file` or `write_file` only as far as that needs no waiting: -EAGAIN if it would have to wait,
/// -EOPNOTSUPP if the kernel cannot tell for this kind of file.
std::int32_t try_file_call(const Operation& operation) noexcept;

/// Whether an operation on it may wait for somebody else (a pipe, a terminal, a socket) and not only for a
/// disk.
bool waits_for_others(int fd) noexcept;

}  // namespace tandem::inline v1
