#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/io/owned_descriptor.hpp>

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

/// A descriptor that knows the operations under way.
class InterruptibleDescriptor : public OwnedDescriptor {
public:
    using OwnedDescriptor::OwnedDescriptor;

    /// Operations under way end soon, the last one closes it.
    void close() noexcept;
    /// The same from any thread, for its owner that goes.
    static void abandon(const std::shared_ptr<InterruptibleDescriptor>& descriptor) noexcept;

    void waits(Interruptible& operation) noexcept { waiting_.push_back(operation); }
    void waits_no_more(Interruptible& operation) noexcept { waiting_.remove(operation); }

protected:
    ~InterruptibleDescriptor() = default;

private:
    IntrusiveList<Interruptible, &Interruptible::interruptible_link> waiting_;
};

}  // namespace tandem::inline v1::io
