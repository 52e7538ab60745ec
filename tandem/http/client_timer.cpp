#include <tandem/http/client_timer_internal.hpp>

namespace tandem::inline v1::http {
namespace {

std::string_view name_of(CallTimer::Phase phase) {
    switch (phase) {
        case CallTimer::Phase::pool:
            return "pool";
        case CallTimer::Phase::write_idle:
            return "write_idle";
        case CallTimer::Phase::response:
            return "response";
        case CallTimer::Phase::read_idle:
            return "read_idle";
        case CallTimer::Phase::none:
            break;
    }
    return "total";
}

}  // namespace

void CallTimer::arm() {
    loop_.timers().remove(*this);
    if (expired_ || due_at() == TimePoint::max()) return;
    if (due_at() <= loop_.time())
        due();  // acts at the next checkpoint
    else
        loop_.timers().add(*this, due_at());
}

void CallTimer::due() noexcept {
    if (due_at() > loop_.time()) {
        if (due_at() != TimePoint::max()) loop_.timers().add(*this, due_at());
        return;
    }
    expired_ = true;
    total_expired_ = total_due_ <= phase_due_;
    scope_.request_cancel(make_reason("deadline", SourceLocation()));
}

TimeoutError CallTimer::error(std::string_view detail, Reached reached) const {
    if (total_expired_) return TimeoutError("total", total_.value_or(Duration()), detail, reached);
    return TimeoutError(name_of(phase_), limit_.value_or(Duration()), detail, reached);
}

}  // namespace tandem::inline v1::http
