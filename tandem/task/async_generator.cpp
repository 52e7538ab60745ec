#include <tandem/task/async_generator.hpp>

#include <tandem/task/async_scope.hpp>
#include <tandem/task/task_handle.hpp>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

namespace tandem::inline v1 {
namespace {

const SharedReason& closing_reason() {
    static const auto& reason =
        *new SharedReason(make_reason("the async generator was closed", SourceLocation(), 0));
    return reason;
}

std::string name_of(const AsyncGeneratorFrame& frame) {
    const auto& born = frame.born();
    return std::string("async generator ") + born.function_name() + " (" + born.file_name() + ":" +
           std::to_string(born.line()) + ")";
}

}  // namespace

/// The generators of one loop that were started and have not ended, and the tasks that close them.
class LeftGeneratorsOfLoop final : public LeftGenerators {
public:
    explicit LeftGeneratorsOfLoop(TaskDomain& domain) : domain_(domain) { closers_.attach(domain.root()); }
    static LeftGeneratorsOfLoop& of(TaskDomain& domain) {
        if (!domain.generators()) domain.set_generators(std::make_unique<LeftGeneratorsOfLoop>(domain));
        return static_cast<LeftGeneratorsOfLoop&>(*domain.generators());
    }

    void add(AsyncGeneratorFrame& frame) { left_.push_back(frame); }
    void remove(AsyncGeneratorFrame& frame) { left_.remove(frame); }

    // One at a time, the first started first: one that reads another closes that one itself.
    bool close_all() override {
        AsyncGeneratorFrame* frame = left_.front();
        while (frame && (frame->running_ || frame->closed_by_loop_)) frame = left_.next_of(*frame);
        if (frame) close_one(*frame);
        return frame != nullptr;
    }
    void close_one(AsyncGeneratorFrame& frame) {
        frame.closed_by_loop_ = true;
        spawn_in(domain_, closers_, AsyncGeneratorFrame::close_by_loop(frame), "closing a generator",
                 frame.born());
    }

private:
    // Cleanup is not reached by the cancel that ends the loop; its grace bounds it.
    struct Shield final : PlainScope {
        Shield() { set_shielded(true); }
    };
    TaskDomain& domain_;
    Shield closers_;
    IntrusiveList<AsyncGeneratorFrame, &AsyncGeneratorFrame::left_link> left_;
};

void throw_did_not_yield() {
    throw InvalidStateError("the generator given to async_with() yielded nothing: it must co_yield once");
}
void throw_yielded_twice() {
    throw InvalidStateError(
        "the generator given to async_with() yielded a second time: what follows its co_yield leaves");
}

void AsyncGeneratorFrame::claim(TaskNode& task) {
    if (running_ || closed_by_loop_)
        throw InvalidStateError("a step of the " + name_of(*this) +
                                " is under way: one next() at a time, await it before the following one");
    if (!life_) {
        LeftGeneratorsOfLoop::of(task.domain()).add(*this);
        life_ = task.loop().life();
        domain_ = &task.domain();
    } else if (domain_ != &task.domain()) {
        throw WrongLoop("the " + name_of(*this) + " belongs to another event loop, on which it was started");
    }
    running_ = true;
}

void AsyncGeneratorFrame::enter(PromiseBase& awaiting) noexcept { start_in(*current_task_node(), &awaiting); }

void AsyncGeneratorFrame::yielded() noexcept {
    running_ = false;
    current_task_node()->go_on_with(*awaiter());
}

void AsyncGeneratorFrame::resumed_at_yield() {
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
    if (closing_) CancelledAccess::raise(closing_reason());
}

void AsyncGeneratorFrame::step_over() {
    if (!ended()) return;
    leave_loop();
    if (std::exchange(delivered_, true) || !stored_error()) return;
    std::rethrow_exception(stored_error());
}

void AsyncGeneratorFrame::leave_loop() noexcept {
    running_ = false;
    if (left_link.linked) LeftGeneratorsOfLoop::of(*domain_).remove(*this);
}

/// One step, of a task that closes: no checkpoint, for a cleanup must run in a cancelled scope too.
class AsyncGeneratorFrame::CloseStep final : public Wait {
public:
    explicit CloseStep(AsyncGeneratorFrame& generator) : generator_(generator) {}

    bool await_ready() {
        if (!generator_.closed_by_loop_) generator_.claim(task());
        return false;
    }
    [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) noexcept {
        generator_.running_ = true;
        generator_.closing_ = true;
        generator_.enter(*task().frame());
        task().go_on_with(generator_);
    }
    void await_resume() {
        generator_.closing_ = false;
        if (!generator_.ended())
            throw InvalidStateError(
                "the " + name_of(generator_) +
                " yielded once more while it was being closed: let the Cancelled out of its body");
        try {
            generator_.step_over();
        } catch (const Cancelled&) {  // which we threw in
        }
    }
    bool request_cancel() noexcept override { return false; }
    const char* waiting_for() const noexcept override { return "a generator's cleanup"; }

private:
    AsyncGeneratorFrame& generator_;
};

Task<void> AsyncGeneratorFrame::close(AsyncGeneratorFrame* frame) {
    if (!frame || frame->ended()) co_return;
    if (!frame->started()) {
        frame->closed_ = true;
        co_return;
    }
    CloseStep step(*frame);
    co_await step;
}

Task<void> AsyncGeneratorFrame::close_by_loop(AsyncGeneratorFrame& frame) {
    const std::string name = name_of(frame);
    std::exception_ptr error;
    bool in_time = true;
    {
        ScopeGuard grace(cleanup_grace());
        CloseStep step(frame);
        try {
            co_await step;
        } catch (...) {
            error = std::current_exception();
        }
        in_time = !grace.expired();
    }
    if (error || !in_time)
        this_loop().call_exception_handler({in_time ? "exception in the cleanup of the " + name
                                                    : "the cleanup of the " + name + " did not end in time",
                                            error,
                                            {},
                                            frame.born(),
                                            Severity::error});
    // Still suspended, it yielded while it was closed: it is destroyed with its handle.
    frame.leave_loop();
    frame.closed_ = true;
    frame.closed_by_loop_ = false;
    if (frame.dropped_) frame.handle().destroy();
}

void AsyncGeneratorFrame::drop() noexcept {
    if (!life_) {
        handle().destroy();
        return;
    }
    EventLoop* const here = this_loop_or_null();
    bool posted = false;
    {
        const std::lock_guard lock(life_->mutex);
        if (life_->loop && life_->loop != here) posted = life_->loop->try_post_threadsafe(drop_post_);
        if (posted) return;
    }
    if (here && life_->loop == here)
        dropped_on_loop();
    else
        dropped_after_loop();
}

void AsyncGeneratorFrame::dropped_on_loop() noexcept {
    if (closed_by_loop_) {
        dropped_ = true;
        return;
    }
    if (running_ && !ended()) {
        std::fprintf(stderr, "tandem: the %s was destroyed while a next() of it was awaited\n",
                     name_of(*this).c_str());
        std::abort();
    }
    if (!ended()) {
        name_in_debug(awaits_cleanup_ ? "its loop closes it" : "its locals were destroyed");
        if (awaits_cleanup_) {
            dropped_ = true;
            try {
                LeftGeneratorsOfLoop::of(*domain_).close_one(*this);
                return;
            } catch (...) {  // no memory for the task: its locals go without the cleanup
                closed_by_loop_ = false;
            }
        }
    }
    leave_loop();
    handle().destroy();
}

void AsyncGeneratorFrame::dropped_after_loop() noexcept {
    // Its loop closed all that could be closed. What still stands in an operation stays (sem:L23).
    if (ended() || !running_) handle().destroy();
}

void AsyncGeneratorFrame::name_in_debug(const char* what) noexcept {
    EventLoop* const loop = domain_->loop_or_null();
    if (!loop || !loop->debug()) return;
    try {
        loop->call_exception_handler({"the " + name_of(*this) + " was dropped half-way; " + what +
                                          ": read it to its end, aclose() it, or use async_closing()",
                                      nullptr,
                                      {},
                                      at(),
                                      Severity::warning});
    } catch (...) {  // no memory to say it
    }
}

}  // namespace tandem::inline v1
