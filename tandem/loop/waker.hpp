#pragma once

#include <tandem/base/intrusive_list.hpp>

#include <memory>
#include <utility>

namespace tandem::inline v1 {

class WakerCore;

/// A loop's end of a waker. For the library only.
struct RegisteredWaker {
    ListLink<RegisteredWaker> waker_link;
    virtual void loop_closes() noexcept = 0;
    virtual void loop_lost() noexcept = 0;

protected:
    ~RegisteredWaker() = default;
};

/// Wakes a loop from anywhere, signal handlers included. Made by `loop.make_waker(fn)`.
///
///     auto waker = loop.make_waker([&] { drain(queue); });
///     ...                       // in another thread, or in a signal handler:
///     waker.notify();
///
/// Any number of `notify()` before `fn` runs cause one run; one during the run causes one more.
///
/// Errors      none; on a closed loop nothing happens. What `fn` throws goes to the exception handler.
/// Threads     `notify()` from any thread and any signal handler: it neither allocates nor waits.
/// Lifetime    with it ends the callback; it may outlive its loop.
class Waker {
public:
    Waker() = default;
    explicit Waker(std::shared_ptr<WakerCore> core) : core_(std::move(core)) {}
    Waker(Waker&&) noexcept = default;
    Waker& operator=(Waker&& other) noexcept;
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;
    ~Waker();

    void notify() const noexcept;

private:
    std::shared_ptr<WakerCore> core_;
};

}  // namespace tandem::inline v1
