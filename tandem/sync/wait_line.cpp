#include <tandem/sync/wait_line.hpp>

#include <tandem/base/errors.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

namespace tandem::inline v1 {
namespace {

std::string place(const SourceLocation& where) {
    return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

std::string with_article(const char* kind) { return (kind[0] == 'E' ? "an " : "a ") + std::string(kind); }

std::string loop_name(const void* loop) {
    char text[32];
    std::snprintf(text, sizeof text, "event loop %p", loop);
    return text;
}

}  // namespace

bool LoopBound::home_is_open() const noexcept {
    const std::lock_guard lock(home_->mutex);
    return home_->loop != nullptr;
}

void LoopBound::forget_waiters() noexcept {
    // Frames that their loop left behind when it closed: nobody will ever run them.
    for (WaitLine* line = lines_; line; line = line->next_line_) {
        line->first_ = line->last_ = line->waiting_ = nullptr;
        line->waiting_count_ = 0;
    }
    home_.reset();
}

void LoopBound::bind(EventLoop& loop, const SourceLocation& where) {
    if (home_) check_elsewhere(&loop, where);
    home_ = loop.life();
}

void LoopBound::check_elsewhere(EventLoop* here, const SourceLocation& where) {
    EventLoop* home = nullptr;
    {
        const std::lock_guard lock(home_->mutex);
        home = home_->loop;
        // A loop that does not run right now touches nothing.
        if (home && !here && !home->is_running()) return;
    }
    if (!home) {
        forget_waiters();
        return;
    }
    throw WrongLoop(
        with_article(kind_) + " of " + loop_name(home) + " was used at " + place(where) +
        (here ? " on " + loop_name(here) : " on a thread without a loop") +
        ": it belongs to the loop of its first wait until that one closes; a UniversalQueue serves "
        "several loops and threads");
}

bool LoopBound::here_or_post(void (*give_back)(void*) noexcept, void* argument) noexcept {
    if (!home_) return true;
    EventLoop* const here = this_loop_or_null();
    if (here && here->life() == home_) return true;
    const auto life = home_;
    const std::lock_guard lock(life->mutex);
    if (!life->loop || (!here && !life->loop->is_running())) return true;
    try {
        life->loop->call_soon_threadsafe([give_back, argument] { give_back(argument); });
    } catch (const LoopClosed&) {
        return true;
    }
    return false;
}

LineWait& WaitLine::take_front() noexcept {
    LineWait& wait = *waiting_;
    remove(wait);
    return wait;
}

void WaitLine::remove(LineWait& wait) noexcept {
    if (waiting_ == &wait) waiting_ = wait.next_;
    --waiting_count_;
    unlink(wait);
    wait.state_ = LineWait::State::left;
}

void WaitLine::let_go() noexcept {
    if (!owner_.home_ || !owner_.home_is_open()) return;
    if (waiting_ && waiting_->loop().debug()) {
        std::fprintf(stderr, "tandem: %s was destroyed while %zu tasks waited for it, the first is %s\n",
                     with_article(owner_.kind_).c_str(), waiting_count_, waiting_->task().name().c_str());
        std::abort();
    }
    while (first_) {
        LineWait& wait = *first_;
        first_ = wait.next_;
        wait.line_ = nullptr;
        if (wait.state_ == LineWait::State::waiting) {
            wait.state_ = LineWait::State::orphaned;
            wait.task().wake();
        }
    }
}

void LineWait::throw_unserved() {
    if (state_ == State::left) task().throw_cancelled();
    throw_destroyed(waiting_for());
}

void LineWait::throw_destroyed(const char* what) {
    throw InvalidStateError(
        std::string("the ") + what + " that " + task().name() + " waits for at " + place(where()) +
        " was destroyed: it must outlive the tasks that wait for it; cancel and join them "
        "first");
}

}  // namespace tandem::inline v1
