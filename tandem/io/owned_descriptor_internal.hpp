#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/base/unique_fd.hpp>
#include <tandem/loop/event_loop.hpp>

#include <memory>

namespace tandem::inline v1::io {

/// An operation under way that a closed descriptor ends: its result is ECANCELED then, unless it comes first.
class Interruptible {
public:
    virtual void interrupt() noexcept = 0;
    ListLink<Interruptible> interruptible_link;

protected:
    Interruptible() = default;
    Interruptible(const Interruptible&) = default;
    Interruptible& operator=(const Interruptible&) = default;
    ~Interruptible() = default;
};

/// A stream's descriptor and the loop it belongs to. It is closed when nobody wants it any more and no
/// operation can touch it: closed under the kernel's feet, its number could go to somebody else.
class OwnedDescriptor {
public:
    OwnedDescriptor(EventLoop& loop, UniqueFd fd) noexcept;
    OwnedDescriptor(const OwnedDescriptor&) = delete;
    OwnedDescriptor& operator=(const OwnedDescriptor&) = delete;

    int fd() const noexcept { return fd_; }
    bool is_open() const noexcept { return !closed_; }
    /// Throws unless it is open and this is its loop. `noun` is what it is.
    void require_usable(const char* what, const char* noun) const;
    /// Operations under way end soon, the last one closes it.
    void close() noexcept;
    /// The same from any thread, for its owner that goes.
    static void abandon(const std::shared_ptr<OwnedDescriptor>& descriptor) noexcept;

    void waits(Interruptible& operation) noexcept { waiting_.push_back(operation); }
    void waits_no_more(Interruptible& operation) noexcept { waiting_.remove(operation); }

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
    ~OwnedDescriptor() { release(); }

private:
    void release() noexcept;

    EventLoop* loop_;  // for comparing
    std::shared_ptr<LoopLife> life_;
    int fd_;
    int operations_ = 0;
    bool closed_ = false;
    IntrusiveList<Interruptible, &Interruptible::interruptible_link> waiting_;
};

}  // namespace tandem::inline v1::io
