#pragma once

#include <tandem/io/byte_stream.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace tandem::inline v1::io {

/// The stream ended in the middle of what was wanted.
class IncompleteReadError : public std::runtime_error {
public:
    IncompleteReadError(std::string partial, std::size_t expected);
    /// What had come.
    const std::string& partial() const noexcept { return partial_; }
    std::size_t expected() const noexcept { return expected_; }

private:
    std::string partial_;
    std::size_t expected_;
};

/// Fills `buffer`. Errors: `IncompleteReadError` at an early end. Cancelling leaves the buffer partly filled.
[[nodiscard]] Task<void> read_exactly(ByteStream& stream, MutableBytes buffer);
/// `count` bytes.
[[nodiscard]] Task<std::string> read_exactly(ByteStream& stream, std::size_t count);
/// Everything up to the end. Errors: `std::length_error` past `max_bytes`.
[[nodiscard]] Task<std::string> read_all(ByteStream& stream, std::size_t max_bytes = std::size_t{1} << 30);
/// Copies up to the end of `from`; how many bytes. Does not end `to`.
[[nodiscard]] Task<std::uint64_t> copy(ByteStream& from, ByteStream& to,
                                       std::size_t buffer_bytes = 64 * 1024);

}  // namespace tandem::inline v1::io
