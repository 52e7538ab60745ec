#pragma once

#include <tandem/base/bytes.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tandem::inline v1::io {

/// A two-way stream of bytes: TCP, TLS, a pipe pair, memory. Everything above is written against this
/// contract, and `tests/contracts` holds every stream to it (sem:IO1-IO11).
///
/// Errors      `std::system_error`: ECONNRESET, EPIPE (never a signal). An error of the connection goes to
/// the
///             operation in progress and to every later one. A second reader or writer at the same time, and
///             any use after `close()`, throws `InvalidStateError`.
/// Cancelling  a cancelled read loses no byte. A cancelled `write_all` leaves it open how much went out:
/// later
///             writes throw.
/// Threads     the loop it was opened on. One reader and one writer at a time, full duplex.
/// Lifetime    destroying an open stream aborts it. Buffers must stay until the await is over.
class ByteStream {
public:
    virtual ~ByteStream() = default;

    /// At least one byte into `buffer`, or 0 at the end of the stream. An empty buffer gives 0 without
    /// waiting.
    [[nodiscard]] virtual Task<std::size_t> read_some(MutableBytes buffer) = 0;
    /// At least one byte of `bytes` goes out; how many.
    [[nodiscard]] virtual Task<std::size_t> write_some(Bytes bytes) = 0;
    /// All of `bytes` has left user space.
    [[nodiscard]] virtual Task<void> write_all(Bytes bytes) = 0;
    /// All of every part, in order; where the system can, gathered into one call.
    [[nodiscard]] virtual Task<void> write_all_parts(std::span<const Bytes> parts);
    /// Sends the end after all written bytes; reading goes on.
    [[nodiscard]] virtual Task<void> shutdown_write() = 0;
    virtual bool can_shutdown_write() const noexcept = 0;
    /// Flushes, says goodbye, frees. Idempotent. Cancelled, it aborts and then throws: the stream is released
    /// in every case.
    [[nodiscard]] virtual Task<void> close() = 0;
    /// Drops what is unsent and frees at once. Idempotent.
    virtual void abort() noexcept = 0;
    virtual bool is_open() const noexcept = 0;

    /// "127.0.0.1:443", empty if there is no such thing.
    virtual std::string local_address() const { return {}; }
    virtual std::string peer_address() const { return {}; }
    /// The descriptor underneath, -1 if there is none. It stays the stream's.
    virtual int native_handle() const noexcept { return -1; }
    /// More about the connection, by name: "tls.version", "tls.cipher", "tls.alpn", ...; nothing for unknown
    /// names.
    virtual std::optional<std::string> extra(std::string_view name) const;

protected:
    ByteStream() = default;
    ByteStream(const ByteStream&) = default;
    ByteStream& operator=(const ByteStream&) = default;
};

}  // namespace tandem::inline v1::io
