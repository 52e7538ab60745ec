#pragma once

#include <tandem/io/byte_stream.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace tandem::inline v1::io {

/// One end of a two-way stream in memory, with a bounded buffer each way.
///
/// Errors      `ByteStream`'s: writing to a closed peer gives EPIPE, a peer's `abort()` gives ECONNRESET.
/// Cancelling  as `ByteStream`.
/// Threads     one loop's.
/// Lifetime    moves freely. Destroying an open end aborts it, unless the peer has ended its side.
class MemoryStream final : public ByteStream {
public:
    class Pipe;
    class End;

    MemoryStream() noexcept = default;
    MemoryStream(MemoryStream&& other) noexcept = default;
    MemoryStream& operator=(MemoryStream&& other) noexcept;
    ~MemoryStream() override;

    [[nodiscard]] Task<std::size_t> read_some(MutableBytes buffer) override;
    [[nodiscard]] Task<std::size_t> write_some(Bytes bytes) override;
    [[nodiscard]] Task<void> write_all(Bytes bytes) override;
    [[nodiscard]] Task<void> shutdown_write() override;
    bool can_shutdown_write() const noexcept override { return true; }
    [[nodiscard]] Task<void> close() override;
    void abort() noexcept override;
    bool is_open() const noexcept override;

    /// What the peer has written and this end has not read.
    std::size_t unread_bytes() const noexcept;

private:
    friend struct StreamPair stream_pair(std::size_t);
    friend struct MemoryPipe memory_pipe(std::string_view);
    explicit MemoryStream(std::shared_ptr<End> end) noexcept : end_(std::move(end)) {}
    std::shared_ptr<End> end_;
};

struct StreamPair {
    MemoryStream first;
    MemoryStream second;
};

/// Two ends connected with each other; each way holds up to `buffer_bytes`.
///
///     auto [client, server] = io::stream_pair();
[[nodiscard]] StreamPair stream_pair(std::size_t buffer_bytes = 64 * 1024);

struct MemoryPipe {
    MemoryStream reader;
    MemoryStream writer;
};

/// A pair of which the reader finds `text` already there. The buffer is as large as needed, at least 64 KiB.
[[nodiscard]] MemoryPipe memory_pipe(std::string_view text = {});

}  // namespace tandem::inline v1::io
