#pragma once

#include <tandem/io/byte_stream.hpp>
#include <tandem/io/memory_stream.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <functional>
#include <string>

namespace tandem::inline v1::testing {

/// What a test does at one end of a stream. Those that are empty do nothing.
struct StreamHooks {
    std::function<Task<void>()> before_read;   ///< may wait, and may throw in place of the read
    std::function<Task<void>()> before_write;  ///< the same for each write
    /// How much of what the caller has room for may be read at once, at least 1.
    std::function<std::size_t(std::size_t)> read_limit;
    std::function<std::size_t(std::size_t)> write_limit;  ///< the same for writing
    std::function<void()> on_close;                       ///< the end is closed or aborted, once
};

/// One end of a byte stream in memory, with hooks (SIM-5).
///
/// Errors      those of `io::MemoryStream`, and of the hooks.
/// Cancelling  as `io::ByteStream`; a hook that waits is cancelled with the operation.
/// Threads     one loop's.
/// Lifetime    owns its end; hooks stay as long as it.
class HookedStream final : public io::ByteStream {
public:
    explicit HookedStream(io::MemoryStream stream) noexcept : stream_(std::move(stream)) {}
    HookedStream(HookedStream&&) noexcept = default;
    HookedStream& operator=(HookedStream&&) noexcept = default;
    ~HookedStream() override = default;

    StreamHooks hooks;

    [[nodiscard]] Task<std::size_t> read_some(MutableBytes buffer) override;
    [[nodiscard]] Task<std::size_t> write_some(Bytes bytes) override;
    [[nodiscard]] Task<void> write_all(Bytes bytes) override;
    [[nodiscard]] Task<void> shutdown_write() override { return stream_.shutdown_write(); }
    bool can_shutdown_write() const noexcept override { return true; }
    [[nodiscard]] Task<void> close() override;
    void abort() noexcept override;
    bool is_open() const noexcept override { return stream_.is_open(); }

private:
    void tell_closed() noexcept;
    io::MemoryStream stream_;
};

struct HookedPair {
    HookedStream first;
    HookedStream second;
};

/// Two ends connected with each other; each way holds up to `buffer_bytes`.
///
///     auto [client, server] = testing::stream_pair();
///     client.hooks.read_limit = [](std::size_t) { return std::size_t{1}; };
[[nodiscard]] HookedPair stream_pair(std::size_t buffer_bytes = 64 * 1024);

}  // namespace tandem::inline v1::testing
