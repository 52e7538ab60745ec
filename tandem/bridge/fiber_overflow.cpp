#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/fiber_core_internal.hpp>
#include <tandem/task/current_fiber.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>

namespace tandem::inline v1 {
namespace {

constinit std::atomic<bool> reporting = false;
struct sigaction handled_before;  // written once, before the handler is there

/// A message made in a signal handler: no allocation, no stdio.
class Message {
public:
    Message& operator<<(std::string_view text) {
        const std::size_t fits = std::min(text.size(), sizeof buffer_ - used_);
        std::memcpy(buffer_ + used_, text.data(), fits);
        used_ += fits;
        return *this;
    }
    Message& operator<<(std::size_t number) {
        char digits[20];
        std::size_t first = sizeof digits;
        do {
            digits[--first] = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number > 0);
        return *this << std::string_view(digits + first, sizeof digits - first);
    }
    void write() const { static_cast<void>(!::write(STDERR_FILENO, buffer_, used_)); }

private:
    char buffer_[1024];
    std::size_t used_ = 0;
};

void on_fault(int signal, siginfo_t* info, void*) {
    const int error = errno;
    const FiberCore* const fiber = fiber_record().stack;
    const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
    if (fiber) {
        const auto low = reinterpret_cast<std::uintptr_t>(fiber->stack().low);
        const auto guard = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        if (at < low && at >= low - guard) {
            Message message;
            if (fiber->of_portal())
                message << "tandem: stack overflow in a step of a loop made with Blocking::portal";
            else
                message << "tandem: stack overflow on a fiber of " << fiber->name << ", spawned at "
                        << fiber->task().spawned_at().file_name() << ":"
                        << std::size_t{fiber->task().spawned_at().line()};
            if (fiber->asked)
                message << ", last wait at " << fiber->asked_at.file_name() << ":"
                        << std::size_t{fiber->asked_at.line()};
            message << ": its " << fiber->stack().size / 1024
                    << " KiB are used up; give it more by in_fiber({.stack = ...}, fn), or a thread's by "
                       "to_thread(fn)\n";
            message.write();
        }
    }
    // The instruction faults again, in the hands of who was there before: a core, or a sanitizer's report.
    ::sigaction(signal, &handled_before, nullptr);
    errno = error;
}

/// Where the handler runs, since the stack that overflowed has no room for it.
class SignalStack {
public:
    SignalStack() {
        stack_t before{};
        if (::sigaltstack(nullptr, &before) == 0 && !(before.ss_flags & SS_DISABLE)) return;  // has one
        memory_ = std::make_unique<std::byte[]>(bytes);
        stack_t ours{};
        ours.ss_sp = memory_.get();
        ours.ss_size = bytes;
        ::sigaltstack(&ours, nullptr);
    }
    ~SignalStack() {
        if (!memory_) return;
        stack_t none{};
        none.ss_flags = SS_DISABLE;
        ::sigaltstack(&none, nullptr);
    }
    SignalStack(const SignalStack&) = delete;
    SignalStack& operator=(const SignalStack&) = delete;

private:
    static constexpr std::size_t bytes = std::size_t{64} * 1024;
    std::unique_ptr<std::byte[]> memory_;
};

}  // namespace

void report_fiber_overflows() {
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction ours{};
        ours.sa_sigaction = on_fault;
        ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
        ::sigemptyset(&ours.sa_mask);
        if (::sigaction(SIGSEGV, nullptr, &handled_before) != 0 || ::sigaction(SIGSEGV, &ours, nullptr) != 0)
            throw std::system_error(errno, std::system_category(), "report_fiber_overflows(): sigaction");
        reporting.store(true, std::memory_order_release);
    });
}

void FiberCore::be_reportable() {
    if (!reporting.load(std::memory_order_acquire)) return;
    thread_local const SignalStack signal_stack;
    if (!task_) return;
    const std::string whose = task_->name();
    name[whose.copy(name, sizeof name - 1)] = '\0';
}

}  // namespace tandem::inline v1
