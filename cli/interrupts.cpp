#include <cli/interrupts.hpp>

#include <cli/terminal.hpp>

#include <tandem/loop/event_loop.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace tandem::cli {
namespace {

constexpr std::array<int, 3> ending = {SIGINT, SIGTERM, SIGHUP};
constexpr std::array<int, 7> all = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGUSR1, SIGUSR2, SIGPIPE};

std::atomic<int> write_end{-1};
std::atomic<int> endings_seen{0};
int read_end = -1;
std::array<struct sigaction, all.size()> found{};

bool ends(int signal) {
    for (const int each : ending) {
        if (each == signal) return true;
    }
    return false;
}

void handle(int signal) {
    const int saved = errno;
    if (ends(signal) && ++endings_seen > 1) {
        Terminal::restore_in_handler();
        struct sigaction standard{};
        standard.sa_handler = SIG_DFL;
        ::sigaction(signal, &standard, nullptr);
        ::raise(signal);  // delivered as soon as this handler returns
        errno = saved;
        return;
    }
    const auto byte = static_cast<unsigned char>(signal);
    [[maybe_unused]] const auto written = ::write(write_end, &byte, 1);
    errno = saved;
}

void install(int signal, void (*handler)(int)) {
    struct sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
}

}  // namespace

Interrupts::Interrupts(EventLoop& loop, Handlers handlers) : loop_(loop), handlers_(std::move(handlers)) {
    std::array<int, 2> ends_of_pipe{};
    if (::pipe2(ends_of_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        throw std::system_error(errno, std::generic_category(), "make a pipe for signals");
    read_end = ends_of_pipe[0];
    write_end = ends_of_pipe[1];
    endings_seen = 0;

    for (std::size_t i = 0; i < all.size(); ++i) {
        ::sigaction(all[i], nullptr, &found[i]);
        if (all[i] == SIGPIPE) {
            install(SIGPIPE, SIG_IGN);
            continue;
        }
        // What was ignored when we were started stays ignored: nohup, a shell's background jobs.
        const bool ignored = (found[i].sa_flags & SA_SIGINFO) == 0 && found[i].sa_handler == SIG_IGN;
        if (!ignored) install(all[i], handle);
    }
    loop_.add_reader(read_end, [this] { arrived(); });
}

Interrupts::~Interrupts() {
    for (std::size_t i = 0; i < all.size(); ++i) ::sigaction(all[i], &found[i], nullptr);
    loop_.remove_reader(read_end);
    ::close(write_end.exchange(-1));
    ::close(read_end);
}

void Interrupts::arrived() {
    std::array<unsigned char, 64> signals{};
    const auto count = ::read(read_end, signals.data(), signals.size());
    for (ssize_t i = 0; i < count; ++i) {
        const int signal = signals[static_cast<std::size_t>(i)];
        if (ends(signal)) handlers_.end(signal);
        if (signal == SIGTSTP) stop_process();
        if (signal == SIGUSR1) handlers_.state();
        if (signal == SIGUSR2) handlers_.reopen();
    }
}

void Interrupts::stop_process() {
    handlers_.pause();
    install(SIGTSTP, SIG_DFL);
    ::raise(SIGTSTP);  // returns when somebody continues us
    install(SIGTSTP, handle);
    handlers_.resume();
}

void die_by(int signal) {
    install(signal, SIG_DFL);
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, signal);
    ::sigprocmask(SIG_UNBLOCK, &only, nullptr);
    ::raise(signal);
    ::_exit(128 + signal);
}

}  // namespace tandem::cli
