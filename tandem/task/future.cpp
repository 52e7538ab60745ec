#include <tandem/task/future.hpp>

#include <algorithm>
#include <cstdio>

namespace tandem::inline v1 {

FutureCore::~FutureCore() {
    if (state_ != State::error || observed_) return;
    try {
        const std::string message = "exception of a future was never retrieved";
        if (EventLoop* const loop = life_->loop; loop && loop == this_loop_or_null())
            loop->call_exception_handler({message, error_, {}, made_at_, Severity::error});
        else
            std::fprintf(stderr, "tandem: %s (made at %s:%u): %s\n", message.c_str(), made_at_.file_name(),
                         made_at_.line(), tandem::describe(error_).c_str());
    } catch (...) {
        std::fputs("tandem: exception of a future was never retrieved, and there is no memory to say which\n",
                   stderr);
    }
}

EventLoop& FutureCore::loop() const {
    if (life_->loop) return *life_->loop;
    throw LoopClosed(LoopClosedReason::closed, "the event loop of this Future is closed");
}

void FutureCore::require_pending(const char* what) const {
    if (done())
        throw InvalidStateError(std::string(what) + " of " + describe() +
                                ": it has ended already; look at done() first");
}

void FutureCore::require_value() {
    if (auto failure = error()) std::rethrow_exception(failure);
}

std::exception_ptr FutureCore::error() {
    switch (state_) {
        case State::pending:
            throw InvalidStateError("the result of " + describe() +
                                    " was asked for too early: co_await it, or look at done() first");
        case State::cancelled:
            throw TaskCancelled("of a future", reason_);
        case State::value:
        case State::error:
            break;
    }
    observed_ = true;
    return error_;
}

void FutureCore::fail(std::exception_ptr error) {
    require_pending("set_exception");
    error_ = std::move(error);
    settle(State::error);
}

bool FutureCore::cancel(std::string reason) {
    if (done()) {
        observed_ = true;
        return false;
    }
    reason_ = std::move(reason);
    settle(State::cancelled);
    return true;
}

void FutureCore::settle(State state) {
    state_ = state;
    for (auto listener = listeners_.begin(); listener != listeners_.end();) {
        if (FutureWait* const wait = listener->wait) {
            listener = listeners_.erase(listener);
            wait->task().wake();
        } else {
            post(listener->id);
            ++listener;
        }
    }
}

std::uint64_t FutureCore::add_callback(UniqueFunction<void()> fn) {
    listeners_.push_back({++last_id_, std::move(fn), nullptr});
    if (done()) post(last_id_);
    return last_id_;
}

bool FutureCore::remove_callback(std::uint64_t id) {
    const auto found = std::find_if(listeners_.begin(), listeners_.end(), [id](const Listener& listener) {
        return !listener.wait && listener.id == id;
    });
    if (found == listeners_.end()) return false;
    listeners_.erase(found);
    return true;
}

void FutureCore::post(std::uint64_t id) {
    if (life_->loop) life_->loop->call_soon([self = shared_from_this(), id] { self->call(id); });
}

void FutureCore::call(std::uint64_t id) {
    const auto found = std::find_if(listeners_.begin(), listeners_.end(), [id](const Listener& listener) {
        return !listener.wait && listener.id == id;
    });
    if (found == listeners_.end()) return;  // removed meanwhile
    auto fn = std::move(found->call);
    listeners_.erase(found);
    fn();
}

std::string FutureCore::describe() const {
    std::string text = "Future ";
    switch (state_) {
        case State::pending:
            text += "pending";
            break;
        case State::value:
            text += "finished";
            break;
        case State::error:
            text += "failed: " + tandem::describe(error_);
            break;
        case State::cancelled:
            text += "cancelled: " + reason_;
            break;
    }
    return text + ", made at " + made_at_.file_name() + ":" + std::to_string(made_at_.line());
}

bool FutureWait::try_now() {
    if (core_->life_->loop != &loop() && !core_->done())
        throw WrongLoop(
            "co_await of " + core_->describe() +
            ", which belongs to another event loop: use make_completion(), which any thread may complete");
    return core_->done();
}

void FutureWait::start() noexcept { core_->listeners_.push_back({0, nullptr, this}); }

bool FutureWait::request_cancel() noexcept {
    cancelled_ = true;
    core_->listeners_.remove_if(
        [this](const FutureCore::Listener& listener) { return listener.wait == this; });
    return true;
}

}  // namespace tandem::inline v1
