#pragma once

#include <tandem/backend/backend.hpp>
#include <tandem/base/unique_fd.hpp>
#include <tandem/io/byte_stream.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace tandem::inline v1::io {

/// A file as a stream of bytes, from its position on, and with the calls that say a position themselves. No
/// call blocks the loop: the kernel, or a thread where it has no such operation, does the work.
///
///     io::File log = co_await io::open_file("log.txt", FileUse::append);
///     co_await log.write_all("one more line\n");
///     co_await log.sync();
///
/// On the simulated backend it is a file of the simulated machine, whose disk is empty at first.
///
/// Errors      `std::system_error` with the path. What is in progress when it is closed ends with ECANCELED.
/// Cancelling  as `ByteStream`. A call that the disk is at work on is waited for and its result delivered;
///             the await tree shows it as uninterruptible (sem:C73).
/// Threads     the loop it was opened on: another one's gets `WrongLoop`. Destroyed anywhere.
/// Lifetime    moves freely. Destroying it closes it, which syncs nothing.
class File final : public ByteStream {
public:
    /// Closed from the start.
    File() noexcept = default;
    /// Takes over an open file, for the loop that runs here; `path` is for messages.
    explicit File(UniqueFd file, std::string path = {});
    File(File&& other) noexcept = default;
    File& operator=(File&& other) noexcept;
    ~File() override;

    [[nodiscard]] Task<std::size_t> read_some(MutableBytes buffer) override;
    [[nodiscard]] Task<std::size_t> write_some(Bytes bytes) override;
    [[nodiscard]] Task<void> write_all(Bytes bytes) override;
    /// Does nothing: a file has no other side.
    [[nodiscard]] Task<void> shutdown_write() override;
    bool can_shutdown_write() const noexcept override { return false; }
    [[nodiscard]] Task<void> close() override;
    void abort() noexcept override;
    bool is_open() const noexcept override;
    int native_handle() const noexcept override;

    /// At least one byte from there, or 0 behind the end. These two leave the position alone, and several may
    /// run at once.
    [[nodiscard]] Task<std::size_t> read_at(std::uint64_t offset, MutableBytes buffer);
    /// All of it.
    [[nodiscard]] Task<void> write_at(std::uint64_t offset, Bytes bytes);
    /// What was written is on the disk, and what is needed to find it. A new name needs a sync of its folder.
    [[nodiscard]] Task<void> sync();
    const std::string& path() const noexcept;
    /// How much of the last `write_some()` or `write_all()` was taken.
    std::uint64_t bytes_accepted() const noexcept;

    class State;

private:
    std::shared_ptr<State> state_;
};

/// Opens a file; a new one has the rights 0666, less the umask.
///
/// Errors      `std::system_error` with the path: ENOENT, EACCES, EISDIR, EMFILE.
/// Cancelling  one under way is waited for.
[[nodiscard]] Task<File> open_file(std::string path, FileUse use = FileUse::read);

}  // namespace tandem::inline v1::io
