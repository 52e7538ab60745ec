#pragma once

#include <tandem/base/bytes.hpp>
#include <tandem/io/byte_stream.hpp>
#include <tandem/io/wait_list.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <string>

namespace tandem::inline v1::net {

/// asyncio's `write()` and `drain()` over any stream, for code that is written for them; `write_all()` of the
/// stream itself is simpler.
///
///     writer.write("HELO example.org\r\n");
///     co_await writer.drain();
///
/// `write()` gives the socket what it takes at once and keeps the rest; a stream that is no socket gets its
/// bytes at `drain()`. Nothing runs behind: what was kept goes out in `drain()`, `shutdown_write()` and
/// `close()`, each of which waits until all of it has. In debug mode more than 1 MiB that nobody drained is
/// warned of, once.
///
/// Errors      `write()`: `InvalidStateError` after `shutdown_write()` or `close()`. Those of the stream come
/// out
///             of the call that waits.
/// Cancelling  a cancelled `drain()` loses nothing, the next one goes on. `close()`: as `io::ByteStream`.
/// Threads     the stream's loop. Several tasks may write and drain.
/// Lifetime    borrows the stream, to which nobody else writes meanwhile. What was kept goes with the writer.
class StreamWriter {
public:
    static constexpr std::size_t warned_of_bytes = 1024 * 1024;

    explicit StreamWriter(io::ByteStream& stream) noexcept : stream_(stream) {}
    StreamWriter(const StreamWriter&) = delete;
    StreamWriter& operator=(const StreamWriter&) = delete;

    void write(Bytes bytes);
    /// Written and still here.
    std::size_t unsent_bytes() const noexcept { return sending_.size() - sent_ + unsent_.size(); }
    [[nodiscard]] Task<void> drain();
    [[nodiscard]] Task<void> shutdown_write();
    [[nodiscard]] Task<void> close();

private:
    class Turn;

    std::size_t write_now(Bytes bytes) noexcept;
    void warn();

    io::ByteStream& stream_;
    std::string sending_;   // lent to the stream from sent_ on while somebody drains
    std::size_t sent_ = 0;  // of sending_
    std::string unsent_;    // behind it
    bool draining_ = false;
    bool ended_ = false;
    bool warned_ = false;
    io::WaitList drained_;
};

}  // namespace tandem::inline v1::net
