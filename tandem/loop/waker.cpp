#include <tandem/loop/waker.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/callback_error.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/scheduled_call_internal.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

namespace tandem::inline v1 {

/// What a `Waker` and its loop share. It is in the loop's mailbox at most once: nothing is allocated to post
/// it.
class WakerCore final : public Runnable, public RegisteredWaker {
public:
    WakerCore(EventLoop& loop, LoopCallback callback) : loop_(&loop), callback_(std::move(callback)) {}

    /// Both ends hold it: the handle, and the loop until it closes or the handle has gone.
    static std::shared_ptr<WakerCore> make(EventLoop& loop, LoopCallback callback) {
        auto core = std::make_shared<WakerCore>(loop, std::move(callback));
        core->self_ = core;
        loop.wakers_.push_back(*core);
        return core;
    }

    // Async-signal-safe: atomics, and one write(2) if the loop sleeps.
    void notify() noexcept {
        inside_.fetch_add(1);
        if (open_.load() && !notified_.exchange(true)) loop_->try_post_threadsafe(*this);
        inside_.fetch_sub(1);
    }
    void handle_gone() noexcept {
        dropped_.store(true);
        notify();
    }

    void loop_closes() noexcept override {
        open_.store(false);
        while (inside_.load() != 0) std::this_thread::yield();  // a poster between its look and its post
        // What it posted is queued, and is discarded next: it stays until then.
        if (!notified_.load()) let_go();
    }
    void loop_lost() noexcept override { open_.store(false); }

private:
    void run() override {
        const auto keep = self_;
        notified_.store(false);  // from here on another notify() means another run
        if (dropped_.load()) {
            loop_->wakers_.remove(*this);
            let_go();
            return;
        }
        loop_->entry_begins(*this);
        try {
            callback_.call();
        } catch (...) {
            callback_threw(*loop_, [this] {
                return ErrorContext{"exception in the callback of a waker",
                                    nullptr,
                                    {},
                                    callback_.made_at,
                                    Severity::error,
                                    entry_info().text};
            });
        }
        loop_->entry_over(*this);
    }
    void discard() noexcept override { let_go(); }
    EntryKind kind() const noexcept override { return EntryKind::waker; }
    EntryInfo entry_info() const override { return describe_callback(kind(), "Waker", callback_); }
    void let_go() noexcept {
        const auto last = std::exchange(self_, nullptr);
        callback_.call.reset();
    }

    EventLoop* loop_;
    LoopCallback callback_;
    std::shared_ptr<WakerCore> self_;
    std::atomic<bool> notified_ = false;
    std::atomic<bool> dropped_ = false;
    std::atomic<bool> open_ = true;
    std::atomic<std::uint32_t> inside_ = 0;
};

void Waker::notify() const noexcept {
    if (core_) core_->notify();
}

Waker& Waker::operator=(Waker&& other) noexcept {
    if (this != &other) {
        if (core_) core_->handle_gone();
        core_ = std::move(other.core_);
    }
    return *this;
}

Waker::~Waker() {
    if (core_) core_->handle_gone();
}

Waker EventLoop::add_waker(LoopCallback callback) {
    require_open("make a waker");
    check_thread("make_waker");
    return Waker(WakerCore::make(*this, std::move(callback)));
}

}  // namespace tandem::inline v1
