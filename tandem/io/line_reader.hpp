#pragma once

#include <tandem/io/byte_stream.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

namespace tandem::inline v1::io {

/// A line was longer than its reader allows.
class LineTooLong : public std::runtime_error {
public:
    explicit LineTooLong(std::size_t limit_bytes);
    std::size_t limit_bytes() const noexcept { return limit_bytes_; }

private:
    std::size_t limit_bytes_;
};

/// Cuts a byte stream into lines.
///
/// A line is the bytes before `\n`; a `\r` right before it is dropped. The last line may lack its `\n`. Bytes
/// are handed on as they are, in any encoding.
///
///     auto lines = io::LineReader(socket);
///     while (auto line = co_await lines.next()) greet(*line);
///
/// Errors      `LineTooLong` past `max_line_bytes`, and at every later call; whatever `stream.read_some()`
/// throws.
///             The end of the stream is not an error: `next()` returns nothing.
/// Cancelling  loses nothing: bytes already read wait for the following `next()`.
/// Threads     the loop that owns the stream; one `next()` at a time.
/// Lifetime    borrows the stream, which must outlive the reader.
class LineReader {
public:
    static constexpr std::size_t default_max_line_bytes = 64 * 1024;

    explicit LineReader(ByteStream& stream, std::size_t max_line_bytes = default_max_line_bytes);

    /// The next line, or nothing once the stream has ended.
    [[nodiscard]] Task<std::optional<std::string>> next();
    /// Bytes read ahead and not yet given out, moved to the caller: for whoever goes on reading the stream
    /// itself.
    std::string take_unread();

private:
    std::optional<std::string> take_line();
    std::string take(std::size_t count);

    ByteStream& stream_;
    std::size_t max_line_bytes_;
    std::string unread_;  // from begin_ on
    std::size_t begin_ = 0;
    std::size_t searched_ = 0;  // no '\n' before it
};

}  // namespace tandem::inline v1::io
