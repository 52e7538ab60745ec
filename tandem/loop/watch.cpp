#include <tandem/base/claimed_fd.hpp>
#include <tandem/base/errors.hpp>
#include <tandem/loop/callback_error.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/loop/event_loop.hpp>

#include <fcntl.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace tandem::inline v1 {

/// A callback on a descriptor: a poll operation that is armed anew after each call.
struct EventLoop::Watch final : Operation, Runnable {
    Watch(EventLoop& owner, int descriptor, OpCode what, std::function<void()> callback)
        : loop(owner), fn(std::make_shared<std::function<void()>>(std::move(callback))) {
        code = what;
        fd = descriptor;
    }

    void arm() noexcept {
        polling = true;
        const auto submitted = loop.backend().submit(*this);
        if (submitted.done) completed(submitted.result);
    }
    // The poll's end: run in this turn's batch, also when it is to report an error, which the callback's own
    // read or write will meet.
    void completed(std::int32_t result) noexcept override {
        polling = false;
        found_closed = result == -EBADF;
        queued = true;
        loop.post(*this);
    }
    void run() override {
        queued = false;
        if (removed) {
            delete this;
            return;
        }
        if (found_closed) [[unlikely]] {
            report_closed();
            return;
        }
        const auto keep = fn;  // the callback may remove or replace itself
        loop.entry_begins(*this);
        try {
            const InContext inside(context);
            (*keep)();
        } catch (...) {
            callback_threw(loop, [this] {
                return ErrorContext{"exception in the callback of a watched descriptor",
                                    nullptr,
                                    {},
                                    {},
                                    Severity::error,
                                    entry_info().text};
            });
        }
        loop.entry_over(*this);
        if (removed)
            delete this;
        else
            arm();
    }
    // Closed without having been removed first: it would be "ready" for ever.
    void report_closed() {
        const std::string text = entry_info().text;
        EventLoop& owner = loop;
        owner.unwatch(fd, code);
        delete this;
        owner.call_exception_handler(
            {"a watched descriptor was closed: remove_reader() or remove_writer() comes before close()",
             std::make_exception_ptr(std::system_error(EBADF, std::generic_category(), text)),
             {},
             {},
             Severity::error,
             text});
    }
    void discard() noexcept override { delete this; }
    EntryKind kind() const noexcept override { return EntryKind::watch; }
    EntryInfo entry_info() const override {
        const std::string number = std::to_string(fd);
        return {.kind = kind(),
                .name = "fd " + number,
                .made_at = {},
                .at = {},
                .text = (code == OpCode::poll_readable ? "<reader of fd " : "<writer of fd ") + number + ">"};
    }

    EventLoop& loop;
    std::shared_ptr<std::function<void()>> fn;
    Context context = Context::current();  // of the call that registered it
    Watch* next_watch = nullptr;
    bool polling = false;
    bool queued = false;
    bool removed = false;
    bool found_closed = false;
};

void EventLoop::watch(int fd, OpCode code, std::function<void()> fn) {
    require_open("watch a descriptor");
    check_thread("add_reader");
    if (!fn) throw_null_callable();
    if (::fcntl(fd, F_GETFD) < 0)
        throw std::system_error(errno, std::generic_category(), "watch descriptor " + std::to_string(fd));
    if (is_claimed_fd(fd))
        throw InvalidStateError(
            "watch descriptor " + std::to_string(fd) +
            ": it belongs to a stream, which waits for it itself; read and write the stream, "
            "or watch a dup() of the descriptor");
    for (Watch* w = watches_; w; w = w->next_watch) {
        if (w->fd == fd && w->code == code) {
            w->fn = std::make_shared<std::function<void()>>(std::move(fn));
            w->context = Context::current();
            return;
        }
    }
    auto* added = new Watch(*this, fd, code, std::move(fn));
    added->next_watch = std::exchange(watches_, added);
    added->arm();
}

bool EventLoop::unwatch(int fd, OpCode code) {
    for (Watch** place = &watches_; *place; place = &(*place)->next_watch) {
        Watch& found = **place;
        if (found.fd != fd || found.code != code) continue;
        *place = found.next_watch;
        found.removed = true;
        if (found.polling) backend_->cancel(found);  // it completes, is run once more, and deletes itself
        return true;
    }
    return false;
}

void EventLoop::drop_watches() noexcept {
    while (watches_) unwatch(watches_->fd, watches_->code);
    while (backend_->in_flight() > 0) {
        const auto before = backend_->in_flight();
        backend_->wait(TimePoint::min());
        if (backend_->in_flight() == before)
            break;  // what is left is not ours; the backend's destructor reaps it
    }
    while (!ready_.empty()) ready_.pop().discard();
}

void EventLoop::add_reader(int fd, std::function<void()> fn) {
    watch(fd, OpCode::poll_readable, std::move(fn));
}
void EventLoop::add_writer(int fd, std::function<void()> fn) {
    watch(fd, OpCode::poll_writable, std::move(fn));
}
bool EventLoop::remove_reader(int fd) { return unwatch(fd, OpCode::poll_readable); }
bool EventLoop::remove_writer(int fd) { return unwatch(fd, OpCode::poll_writable); }

}  // namespace tandem::inline v1
