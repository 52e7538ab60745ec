#pragma once

#include <tandem/base/unique_fd.hpp>
#include <tandem/loop/event_loop.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tandem::inline v1::io {

/// What sockets, pipes and files stand on: a descriptor, the loop it belongs to, and how many operations are
/// in flight on it. It is closed when nobody wants it any more and no operation can touch it: closed under
/// the kernel's feet, its number could go to somebody else. For the library only.
///
/// Threads     its loop's; destroyed anywhere.
class OwnedDescriptor {
public:
    OwnedDescriptor(const OwnedDescriptor&) = delete;
    OwnedDescriptor& operator=(const OwnedDescriptor&) = delete;

    int fd() const noexcept { return fd_; }
    EventLoop& loop() const noexcept { return *loop_; }
    bool is_open() const noexcept { return !closed_; }
    bool is_of_this_loop() const noexcept { return this_loop_or_null() == loop_; }
    /// Throws unless it is open and this is its loop. `noun` is what it is.
    void require_usable(const char* what, const char* noun) const;

    /// Counts one operation, or a series of them, for the time of its life.
    class InFlight {
    public:
        explicit InFlight(OwnedDescriptor& descriptor) noexcept : descriptor_(descriptor) {
            ++descriptor_.operations_;
        }
        ~InFlight() {
            if (--descriptor_.operations_ == 0 && descriptor_.closed_) descriptor_.release();
        }
        InFlight(const InFlight&) = delete;
        InFlight& operator=(const InFlight&) = delete;

    private:
        OwnedDescriptor& descriptor_;
    };

protected:
    OwnedDescriptor(EventLoop& loop, UniqueFd fd) noexcept;
    ~OwnedDescriptor() { release(); }

    bool in_use() const noexcept { return operations_ > 0; }
    /// No new operations. Whoever says so makes those in flight end; the last one closes the descriptor.
    void end() noexcept;
    LoopLife& life() const noexcept { return *life_; }

private:
    void release() noexcept;

    EventLoop* loop_;  // for comparing; to be used through life_ where the loop may be gone
    std::shared_ptr<LoopLife> life_;
    int fd_;
    std::uint32_t operations_ = 0;
    bool closed_ = false;
};

/// How much of the last write was taken. One that was left in its middle leaves a stream whose contents
/// nobody knows: further writes throw (sem:C62). For the library only.
struct WriteProgress {
    std::uint64_t accepted = 0;
    bool cut = false;

    /// A write, from its beginning to its end.
    class Write {
    public:
        explicit Write(WriteProgress& progress) noexcept : progress_(progress) { progress_.accepted = 0; }
        ~Write() {
            if (!over_ && progress_.accepted > 0) progress_.cut = true;
        }
        Write(const Write&) = delete;
        Write& operator=(const Write&) = delete;

        void took(std::size_t count) noexcept { progress_.accepted += count; }
        /// All of it is written, or failed with an error that speaks for itself.
        void finish() noexcept { over_ = true; }

    private:
        WriteProgress& progress_;
        bool over_ = false;
    };
};

}  // namespace tandem::inline v1::io
