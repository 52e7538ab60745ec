#include <tandem/task/shield.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/task_node.hpp>

namespace tandem::inline v1 {
namespace {

template <class E>
bool is(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const E&) {
        return true;
    } catch (...) {
        return false;
    }
}

/// Told already.
class CleanupTimedOut final : public TimeoutError {
public:
    CleanupTimedOut() : TimeoutError(text) {}
    static constexpr const char* text = "cleanup timed out: its grace was over and it was cancelled";
};

}  // namespace

void set_cleanup_grace(Duration grace) {
    if (grace <= Duration::zero())
        throw std::invalid_argument("the grace of cleanups must be longer than nothing, or none would run");
    TaskDomain::of(this_loop()).set_cleanup_grace(grace);
}

Duration cleanup_grace() { return TaskDomain::of(this_loop()).cleanup_grace(); }

Task<std::exception_ptr> run_cleanup(Task<void> cleanup, std::optional<Deadline> grace) {
    std::exception_ptr error;
    bool grace_over = false;
    {
        ScopeGuard guard(grace ? *grace : Deadline(cleanup_grace()), ScopeGuard::Shield::shielded);
        try {
            co_await std::move(cleanup);
        } catch (const Cancelled&) {
            if (guard.expired())
                grace_over = true;
            else
                error = std::current_exception();
        } catch (...) {
            error = std::current_exception();
        }
    }
    if (grace_over) {
        this_loop().call_exception_handler({CleanupTimedOut::text, nullptr, {}, {}, Severity::warning});
        error = std::make_exception_ptr(CleanupTimedOut());
    }
    co_return error;
}

void throw_body_and_cleanup(std::exception_ptr body, std::exception_ptr cleanup) {
    if (!body) std::rethrow_exception(cleanup);
    if (cleanup) {
        attach_error(body, cleanup);
        // A Cancelled ends at its scope, and what is attached with it: so it is told here.
        if (is<Cancelled>(body) && !is<CleanupTimedOut>(cleanup) && !is<Cancelled>(cleanup))
            this_loop().call_exception_handler(
                {"a cleanup failed after its body had been cancelled", cleanup, {}, {}, Severity::error});
    }
    std::rethrow_exception(body);
}

}  // namespace tandem::inline v1
