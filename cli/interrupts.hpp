#pragma once

#include <functional>

namespace tandem::inline v1 {
class EventLoop;
}

namespace tandem::cli {

/// The signals of a run, as entries of its loop. The second one that ends the run does so at once, in the
/// handler: it works also while the loop is busy.
///
/// Errors      `std::system_error` if there is no pipe to be had.
/// Threads     the loop's; one object at a time.
/// Lifetime    restores the dispositions it found. Dies before its loop.
class Interrupts {
public:
    struct Handlers {
        std::function<void(int signal)> end;  ///< the first SIGINT, SIGTERM or SIGHUP
        std::function<void()> pause;          ///< SIGTSTP: the process is about to stop
        std::function<void()> resume;         ///< it goes on
        std::function<void()> state;          ///< SIGUSR1
        std::function<void()> reopen;         ///< SIGUSR2
    };
    Interrupts(EventLoop& loop, Handlers handlers);
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

private:
    void arrived();
    void stop_process();

    EventLoop& loop_;
    Handlers handlers_;
};

/// Ends this process by `signal`, so that whoever waits for it sees why.
[[noreturn]] void die_by(int signal);

}  // namespace tandem::cli
