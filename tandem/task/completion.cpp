#include <tandem/task/completion.hpp>

namespace tandem::inline v1 {

void CompletionCore::drop() noexcept {
    complete_by([this] { dropped_ = true; });
}

void CompletionCore::tell() noexcept {
    std::shared_ptr<LoopLife> life;
    {
        const std::lock_guard lock(mutex_);
        life = life_;
    }
    if (!life) return;  // nobody awaits it yet: it keeps its value
    std::unique_lock lock(life->mutex);
    EventLoop* const loop = life->loop;
    if (!loop) return;
    if (loop == this_loop_or_null()) {
        lock.unlock();
        arrive();
        return;
    }
    self_ = shared_from_this();
    if (!loop->try_post_threadsafe(arrival_)) self_.reset();
}

void CompletionCore::arrive() noexcept {
    if (CompletionWait* const wait = std::exchange(wait_, nullptr))
        wait->task().wake();
    else
        destroy_value();  // abandoned
}

bool CompletionWait::try_now() {
    const std::lock_guard lock(core_->mutex_);
    if (core_->taken_ || core_->wait_)
        throw InvalidStateError(
            "this Completion is awaited a second time: it serves one await; use Future for several");
    core_->taken_ = true;
    return core_->complete_;
}

void CompletionWait::start() noexcept {
    {
        const std::lock_guard lock(core_->mutex_);
        if (!core_->complete_) {
            core_->wait_ = this;
            core_->life_ = loop().life();
            return;
        }
    }
    task().wake();
}

void CompletionWait::result() {
    if (left_ || (asked_to_end_ && core_->dropped_)) task().throw_cancelled();
    if (core_->dropped_)
        throw CompletionDropped(
            "the completing side of a Completion was destroyed unused: keep it until it has been called");
}

bool CompletionWait::request_cancel() noexcept {
    asked_to_end_ = true;
    if (core_->abandon_) {
        const std::lock_guard lock(core_->mutex_);
        if (core_->complete_) return false;  // its arrival is on the way
        core_->wait_ = nullptr;
        left_ = true;
        return true;
    }
    if (core_->on_cancel_) {
        try {
            // It may complete the wait here and now.
            auto fn = std::move(core_->on_cancel_);
            fn();
        } catch (...) {
            loop().call_exception_handler({"exception in on_cancel() of a Completion",
                                           std::current_exception(),
                                           task().name(),
                                           {},
                                           Severity::error});
        }
    }
    return false;
}

const char* CompletionWait::waiting_for() const noexcept {
    if (core_->abandon_) return "a completion";
    return asked_to_end_ ? "a completion (asked to stop; uncancellable until it comes)" : "a completion";
}

}  // namespace tandem::inline v1
