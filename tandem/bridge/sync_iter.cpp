#include <tandem/bridge/sync_iter.hpp>

#include <tandem/base/errors.hpp>

#include <cxxabi.h>

#include <chrono>

namespace tandem::inline v1 {

Task<void> rethrow_if(std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
    co_return;
}

BlockingCalls::BlockingCalls(const SourceLocation& where) {
    if (refuse_to_block({"a blocking call", where}) == CallerKind::plain) loop_ = share_background_loop();
}

namespace {

Task<void> close_behind(std::shared_ptr<PendingCore> last, Task<void> closing) {
    PendingWait end(std::move(last));
    co_await end;
    co_await std::move(closing);
}

}  // namespace

void BlockingCalls::close(Task<void> task, const SourceLocation& where) {
    constexpr auto grace = std::chrono::seconds(5);
    try {
        Task<void> closing = shield(std::move(task), grace);
        if (last_ && !last_->done())  // Ctrl-C, twice: nobody waits any more
            static_cast<void>(close_behind(last_, std::move(closing)).start(StartOn(loop_), where));
        else if (loop_)
            std::move(closing).start(StartOn(loop_), where).get(where);
        else if (WorkerJob* const job = current_worker_job())
            job->run_in_awaiting_task(std::move(closing), {"a blocking close", where},
                                      WorkerJob::IfCancelled::runs);
        else
            std::move(closing).get(where);
    } catch (const abi::__forced_unwind&) {
        throw;
    } catch (const Cancelled&) {  // it is thrown on by who is being cancelled
    } catch (const Interrupted&) {
    } catch (...) {
        tell(std::current_exception(), where);
    }
}

void BlockingCalls::tell(const std::exception_ptr& error, const SourceLocation& where) const noexcept {
    const auto told = [error, where] {
        this_loop().call_exception_handler(
            {"a cleanup failed that plain code had left to a destructor", error, {}, where, Severity::error});
    };
    try {
        if (loop_)
            loop_->call_soon_threadsafe(told);
        else if (this_loop_or_null())
            told();
        else
            background_loop().call_soon_threadsafe(told);
    } catch (...) {  // no loop is left to be told
    }
}

}  // namespace tandem::inline v1
