// Limits of time, and peers that go away while their request is being answered.
#include <tandem/http/server_body_internal.hpp>

#include <tandem/base/errors.hpp>

#include <algorithm>
#include <chrono>

namespace tandem::inline v1::http {
namespace {

using namespace std::chrono_literals;

constexpr auto rate_window = 10s;
constexpr auto drain_idle = 250ms;  // a request that is on its way while we drain is still answered
constexpr auto drain_fresh = 1s;

}  // namespace

/// The timer moves only to come earlier; if it comes too early it looks again.
void ServerConnection::enter(Phase phase, std::optional<Duration> limit) {
    phase_ = phase;
    deadline_ = limit ? saturating_add(loop_.turn_time(), *limit) : TimePoint::max();
    if (deadline_ == TimePoint::max() || (armed() && when() <= deadline_)) return;
    loop_.timers().remove(*this);
    loop_.timers().add(*this, deadline_);
}

void ServerConnection::due() noexcept {
    if (deadline_ == TimePoint::max()) return;
    if (deadline_ > loop_.time()) {
        loop_.timers().add(*this, deadline_);
        return;
    }
    switch (phase_) {
        case Phase::idle:
            return stop(End::quiet, 0, "the connection was idle too long");
        case Phase::head:
            return stop(End::refuse, 408, "the head of a request took too long");
        case Phase::writing:
            return stop(End::abort, 0, "the peer took nothing for too long");
        case Phase::handling:
            deadline_ = TimePoint::max();
            return start_watch();
        case Phase::body:
            if (window_bytes_ < shared_.options.min_body_rate().value_or(0) * rate_window / 1s)
                return stop(End::refuse, 408, "the body of a request came too slowly");
            waited_ = Duration::zero();
            window_ = rate_window;
            window_bytes_ = 0;
            wait_began_ = loop_.time();
            return enter(Phase::body, window_);
    }
}

void ServerConnection::stop(End end, int status, const char* reason) noexcept {
    if (!scope_ || scope_->requested()) return;
    if (end == End::refuse)
        refuse(status);
    else
        ending_ = end;
    scope_->request_cancel(make_reason(reason, SourceLocation(), 0));
}

void ServerConnection::enter_body_wait() {
    wait_began_ = loop_.turn_time();
    if (!shared_.options.min_body_rate()) return enter(Phase::body, std::nullopt);
    enter(Phase::body, std::max(window_ - waited_, Duration(1)));
}

void ServerConnection::leave_body_wait(std::size_t count) {
    waited_ += loop_.turn_time() - wait_began_;
    window_bytes_ += count;
    enter(Phase::handling, 200ms);
}

void ServerConnection::start_draining() noexcept {
    const bool fresh = parser_.offset() == 0 && !parser_.started();
    if (phase_ == Phase::idle || (phase_ == Phase::head && fresh))
        enter(Phase::idle, fresh ? Duration(drain_fresh) : Duration(drain_idle));
}

void ServerConnection::start_watch() noexcept {
    if (!shared_.options.cancel_on_disconnect() || watch_ || room().empty()) return;
    try {
        watch_ = watchers_.spawn(watch(), "disconnect watch", SourceLocation::current());
    } catch (...) {  // then nobody watches
    }
}

/// Reads ahead, as far as there is room, to notice a reset. The end of the peer's side is none: it may only
/// have finished asking (H160).
Task<void> ServerConnection::watch() {
    bool reset = false;
    try {
        while (!room().empty()) {
            const std::size_t count = co_await stream_->read_some(room());
            if (count == 0) co_return;
            end_ += count;
        }
    } catch (const std::exception&) {
        reset = true;
    }
    if (reset) {
        broken_ = true;
        stop(End::abort, 0, "the peer has reset the connection");
    }
}

Task<void> ServerConnection::stop_watch() {
    watch_.cancel("the handler has ended");
    co_await watchers_.join_children();
    watch_ = TaskHandle<void>();
}

}  // namespace tandem::inline v1::http
