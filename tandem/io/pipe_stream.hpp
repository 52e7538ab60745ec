#pragma once

#include <tandem/base/unique_fd.hpp>
#include <tandem/io/byte_stream.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace tandem::inline v1::io {

/// One end of a pipe of the kernel's: a stream of one way.
///
///     auto [reader, writer] = io::pipe();
///     co_await writer.write_all("into the pipe");
///
/// Errors      `ByteStream`'s: a write that nobody will read is EPIPE, never a signal. `InvalidStateError`
///             the wrong way. What is in progress when it is closed ends with ECANCELED.
/// Cancelling  as `ByteStream`.
/// Threads     the loop it was made on: another one's gets `WrongLoop`. Destroyed anywhere.
/// Lifetime    moves freely, also while operations run. Destroying it closes it; what is in the pipe stays
///             there for its reader.
class PipeStream final : public ByteStream {
public:
    /// Closed from the start.
    PipeStream() noexcept = default;
    /// Takes over an end of a pipe, for the loop that runs here: it never blocks from now on. Errors:
    /// `std::system_error` EINVAL for what is open both ways.
    explicit PipeStream(UniqueFd end);
    PipeStream(PipeStream&& other) noexcept = default;
    PipeStream& operator=(PipeStream&& other) noexcept;
    ~PipeStream() override;

    [[nodiscard]] Task<std::size_t> read_some(MutableBytes buffer) override;
    [[nodiscard]] Task<std::size_t> write_some(Bytes bytes) override;
    [[nodiscard]] Task<void> write_all(Bytes bytes) override;
    /// The same as `close()`: it has no other way.
    [[nodiscard]] Task<void> shutdown_write() override;
    bool can_shutdown_write() const noexcept override;
    [[nodiscard]] Task<void> close() override;
    void abort() noexcept override;
    bool is_open() const noexcept override;
    int native_handle() const noexcept override;

    class End;

private:
    std::shared_ptr<End> end_;
};

struct PipePair {
    PipeStream reader;
    PipeStream writer;
};

/// Both ends of a new pipe, which holds 64 KiB. Errors: `std::system_error` (EMFILE).
[[nodiscard]] PipePair pipe();

}  // namespace tandem::inline v1::io
