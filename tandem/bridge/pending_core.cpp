#include <tandem/bridge/pending_core.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/portal.hpp>
#include <tandem/task/cancel_scope.hpp>

#include <cstdio>
#include <functional>
#include <thread>

namespace tandem::inline v1 {
namespace {

/// Runs `fn` on the loop of `life`, or when that loop closes; now if it has closed.
bool post_to(LoopLife& life, Runnable& item) noexcept {
    const std::lock_guard lock(life.mutex);
    return life.loop && life.loop->try_post_threadsafe(item);
}

class Report final : public Runnable {
public:
    Report(ErrorContext context, std::shared_ptr<LoopLife> life)
        : context_(std::move(context)), life_(std::move(life)) {}
    void run() override {
        const std::unique_ptr<Report> self(this);
        this_loop().call_exception_handler(context_);
    }
    void discard() noexcept override {
        const std::unique_ptr<Report> self(this);
        print(context_);
    }
    static void print(const ErrorContext& context) noexcept {
        std::fprintf(stderr, "tandem: %s (task %s of a closed loop): %s\n", context.message.c_str(),
                     context.task.c_str(), describe(context.exception).c_str());
    }

private:
    ErrorContext context_;
    std::shared_ptr<LoopLife> life_;
};

void tell(const std::shared_ptr<LoopLife>& life, ErrorContext context) noexcept try {
    EventLoop* const here = this_loop_or_null();
    bool ours = false;
    {
        const std::lock_guard lock(life->mutex);
        ours = here && life->loop == here;
    }
    if (ours) {
        here->call_exception_handler(context);
        return;
    }
    auto report = std::make_unique<Report>(std::move(context), life);
    if (post_to(*life, *report))
        static_cast<void>(report.release());
    else
        report.release()->discard();
} catch (...) {
    std::fputs("tandem: an error of a Pending could not be reported for want of memory\n", stderr);
}

class Call final : public PendingCore::EndNotice {
public:
    explicit Call(UniqueFunction<void()> fn) : fn_(std::move(fn)) {}
    void ended(bool) noexcept override {
        const std::unique_ptr<Call> self(this);
        fn_();
    }

private:
    UniqueFunction<void()> fn_;
};

}  // namespace

/// A user's done callback, from its registration to its run.
class PendingCore::Callback final : public EndNotice, public Runnable {
public:
    Callback(UniqueFunction<void(PendingCore&)> fn, std::shared_ptr<PendingCore> core,
             std::shared_ptr<LoopLife> elsewhere)
        : fn_(std::move(fn)),
          context_(Context::current()),
          core_(std::move(core)),
          elsewhere_(std::move(elsewhere)) {}

    void ended(bool on_loop) noexcept override {
        if (const auto life = elsewhere_) {
            if (!post_to(*life, *this)) call();  // else it may have run by now, and be gone
        } else if (on_loop) {
            core_->loop().post(*this);
        } else {
            call();
        }
    }
    void run() override { call(); }
    void discard() noexcept override { call(); }

private:
    void call() noexcept {
        const std::unique_ptr<Callback> self(this);
        const InContext inside(context_);
        try {
            fn_(*core_);
        } catch (...) {
            core_->report("exception in a done callback of a Pending", std::current_exception());
        }
    }

    UniqueFunction<void(PendingCore&)> fn_;
    Context context_;
    std::shared_ptr<PendingCore> core_;
    std::shared_ptr<LoopLife> elsewhere_;
};

bool PendingCore::add_notice(EndNotice& notice) {
    if (lost()) return false;
    {
        const std::lock_guard lock(mutex_);
        if (!told_) {
            notices_.push_back(notice);
            return true;
        }
    }
    // The gate opens right after.
    while (!done()) std::this_thread::yield();
    return false;
}

bool PendingCore::remove_notice(EndNotice& notice) {
    const std::lock_guard lock(mutex_);
    // Once they are being told, the links are the teller's.
    if (told_ || !notice.notice_link.linked) return false;
    notices_.remove(notice);
    return true;
}

bool PendingCore::loop_idle_here() {
    const std::lock_guard lock(mutex_);
    return !told_ && !lost() && loop().idle_here();
}

bool PendingCore::wait_on_this_stack(Deadline limit, const SourceLocation& where) {
    const auto until = [](std::shared_ptr<PendingCore> core) -> Task<void> { co_await PendingWait(core); };
    return get_on_this_stack(move_on_after(limit, until(shared_from_this())), where);
}

void PendingCore::when_done(UniqueFunction<void()> fn) {
    auto call = std::make_unique<Call>(std::move(fn));
    if (!add_notice(*call)) call->ended(false);
    static_cast<void>(call.release());
}

void PendingCore::on_done(UniqueFunction<void(PendingCore&)> fn, const StartOn* where_to) {
    auto callback = std::make_unique<Callback>(std::move(fn), shared_from_this(),
                                               where_to ? where_to->loop().life() : nullptr);
    if (!add_notice(*callback)) callback->ended(false);
    static_cast<void>(callback.release());
}

void PendingCore::completed(bool on_loop) noexcept {
    const auto keep = shared_from_this();
    IntrusiveList<EndNotice, &EndNotice::notice_link> notices;
    {
        const std::lock_guard lock(mutex_);
        std::swap(notices, notices_);
        told_ = true;
    }
    open_gate();
    while (EndNotice* const notice = notices.pop_front()) notice->ended(on_loop);
}

bool PendingCore::cancel(std::string reason, SourceLocation where) {
    if (done()) {
        observe();
        return false;
    }
    auto shared = make_reason(reason, where);
    if (this_loop_or_null() == &loop()) {
        ask_to_end(std::move(shared));
        return true;
    }
    const std::lock_guard lock(life_->mutex);
    if (!life_->loop) return false;
    try {
        life_->loop->call_soon_threadsafe(
            [self = shared_from_this(), shared] { static_cast<PendingCore&>(*self).ask_to_end(shared); });
    } catch (const LoopClosed&) {
        return false;
    }
    return true;
}

void PendingCore::report(const char* message, std::exception_ptr error) const noexcept {
    tell(life_, {message, std::move(error), {}, born(), Severity::error});
}

void PendingCore::report_unless_observed(const std::exception_ptr& error) const noexcept {
    if (observed_.load(std::memory_order_relaxed) || lost()) return;
    try {
        std::string message = "exception of a task was never retrieved, nobody asked its Pending";
        const char* link = ", thrown at ";
        for (const auto& [function, at] : failure()->thrown_at) {
            message += link + std::string(at.file_name()) + ":" + std::to_string(at.line());
            link = " <- ";
        }
        tell(life_, {message, error, failure()->task, failure()->spawned_at, Severity::error});
    } catch (...) {
        std::fputs("tandem: exception of a task was never retrieved, and there is no memory to say which\n",
                   stderr);
    }
}

std::exception_ptr PendingCore::lost_error() const {
    return std::make_exception_ptr(
        LoopClosed(LoopClosedReason::forked, std::string(born().function_name()) +
                                                 " runs in the process that this one was forked from: its "
                                                 "result does not come here; start it anew"));
}

void PendingCore::throw_lost() const { std::rethrow_exception(lost_error()); }

void PendingCore::throw_taken() const {
    throw InvalidStateError("the result of " + std::string(born().function_name()) + " (" +
                            born().file_name() + ":" + std::to_string(born().line()) +
                            ") was moved out of its Pending already: get() of a named Pending shares it");
}

/// Takes the end of the work to the loop where somebody waits for it.
class PendingWait::Relay final : public PendingCore::EndNotice, public Runnable {
public:
    Relay(PendingWait& w, EventLoop& loop) : wait(&w), life_(loop.life()) {}
    void ended(bool) noexcept override {
        if (!post_to(*life_, *this)) self = nullptr;  // nobody waits there any more
    }
    void run() override {
        const auto keep = std::move(self);
        if (wait) std::exchange(wait, nullptr)->task().wake();
    }
    void discard() noexcept override { const auto last = std::move(self); }

    PendingWait* wait;            // null once the wait is over; the waiting loop's thread alone
    std::shared_ptr<Relay> self;  // on the core's list, or posted

private:
    std::shared_ptr<LoopLife> life_;
};

void PendingWait::start() noexcept {
    relay_ = std::make_shared<Relay>(*this, loop());
    relay_->self = relay_;
    if (!core_->add_notice(*relay_)) relay_->ended(false);
    noted_ = note_task_wait(*this, task(), "co_await of a Pending", core_);
}

bool PendingWait::refuse(std::exception_ptr error) noexcept {
    refused_ = std::move(error);
    request_cancel();
    task().wake();
    return true;
}

bool PendingWait::request_cancel() noexcept {
    cancelled_ = true;
    leave_graph();
    relay_->wait = nullptr;
    if (core_->remove_notice(*relay_)) relay_->self = nullptr;
    return true;
}

}  // namespace tandem::inline v1
