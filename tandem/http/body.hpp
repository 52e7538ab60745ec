#pragma once

#include <tandem/base/bytes.hpp>
#include <tandem/http/headers.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tandem::inline v1::http {

/// Where the bytes of a body come from, one piece at a time.
///
/// Errors      whatever the source throws, from the read that meets it; it says no more after one.
/// Cancelling  a cancelled read loses no byte, or the source says no more.
/// Threads     one loop's; one read at a time.
/// Lifetime    dropped unread, it lets go of what it reads from.
class BodySource {
public:
    virtual ~BodySource() = default;

    /// At least one byte into `buffer`, or 0 at the end of the body. An empty buffer gives 0 without waiting.
    [[nodiscard]] virtual Task<std::size_t> read_some(MutableBytes buffer) = 0;
    /// How many bytes are still to come, if that is known.
    [[nodiscard]] virtual std::optional<std::uint64_t> remaining() const { return std::nullopt; }
    /// The fields behind the body; complete once `read_some()` gave 0.
    [[nodiscard]] virtual const Headers* trailers() const { return nullptr; }
    /// Starts again from the first byte. False: it cannot.
    [[nodiscard]] virtual bool rewind() { return false; }
    /// Whether `rewind()` would work.
    [[nodiscard]] virtual bool repeatable() const { return false; }

protected:
    BodySource() = default;
    BodySource(const BodySource&) = default;
    BodySource& operator=(const BodySource&) = default;
};

/// The body of a message, to be sent or to be read: bytes in memory, or a source.
///
///     Body in_memory("hello");
///     Body streamed(std::make_unique<FileSource>(path));
///
/// Errors      `BodyConsumed` when a body that was read in pieces is wanted whole, or read a second time;
///             `LimitExceeded` past the limit of `read_all`; the source's.
/// Cancelling  the source's.
/// Threads     a value that moves; reading is bound to the source's loop.
/// Lifetime    owns bytes and source.
class Body {
public:
    /// What `read_all` takes at most unless told otherwise (L8).
    static constexpr std::uint64_t default_max_bytes = 1'024ULL * 1'024 * 1'024;

    /// No body.
    Body() noexcept = default;
    Body(std::string bytes) noexcept : bytes_(std::move(bytes)), present_(true) {}
    Body(const char* text) : Body(std::string(text)) {}
    Body(std::unique_ptr<BodySource> source) noexcept
        : source_(std::move(source)), present_(source_ != nullptr) {}
    Body(Body&& other) noexcept = default;
    Body& operator=(Body&& other) noexcept = default;
    ~Body() {}

    /// Whether there is one at all; it may still be of no bytes.
    [[nodiscard]] bool present() const noexcept { return present_; }
    /// All of it is in `in_memory()`.
    [[nodiscard]] bool is_in_memory() const noexcept { return !source_; }
    /// The bytes; empty while a source has not been read by `read_all`.
    [[nodiscard]] const std::string& in_memory() const noexcept { return bytes_; }
    /// The length of the whole body, as far as nothing was read yet; nothing if it is not known.
    [[nodiscard]] std::optional<std::uint64_t> length() const;
    /// Whether it can be sent once more.
    [[nodiscard]] bool repeatable() const { return !source_ || source_->repeatable(); }
    /// Starts again. False if that is impossible.
    [[nodiscard]] bool rewind();
    /// A streaming read has begun.
    [[nodiscard]] bool started() const noexcept { return started_; }
    /// Everything was read, or is in memory.
    [[nodiscard]] bool complete() const noexcept { return complete_ || !source_; }

    /// At least one byte, or 0 at the end.
    [[nodiscard]] Task<std::size_t> read_some(MutableBytes buffer);
    /// Reads all of it, once, and keeps it. No limit: `std::nullopt`.
    [[nodiscard]] Task<const std::string&> read_all(
        std::optional<std::uint64_t> max_bytes = default_max_bytes);
    /// The kept bytes, moved out. Precondition: complete and not started.
    [[nodiscard]] std::string take() { return std::move(bytes_); }
    /// Empty until the end has been read.
    [[nodiscard]] const Headers& trailers() const;
    [[nodiscard]] BodySource* source() const noexcept { return source_.get(); }

private:
    void require_unread(const char* what) const;

    std::string bytes_;
    std::unique_ptr<BodySource> source_;
    std::size_t given_out_ = 0;  // of bytes_, by read_some
    bool present_ = false;
    bool started_ = false;
    bool complete_ = false;  // the source has said its last
};

}  // namespace tandem::inline v1::http
