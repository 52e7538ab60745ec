#include <tandem/inspect/thread_probe_internal.hpp>

#include <tandem/base/unique_fd.hpp>
#include <tandem/inspect/stack_walk_internal.hpp>

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace tandem::inline v1::inspect {
namespace {

std::string read_of(int thread, const char* file) {
    const auto path = "/proc/self/task/" + std::to_string(thread) + "/" + file;
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return {};
    std::array<char, 4096> text{};
    const auto count = ::read(fd.get(), text.data(), text.size());
    return count > 0 ? std::string(text.data(), static_cast<std::size_t>(count)) : std::string();
}

std::uint64_t number_after(const std::string& text, const char* label) {
    const auto found = text.find(label);
    return found == std::string::npos ? 0
                                      : std::strtoull(text.c_str() + found + std::strlen(label), nullptr, 10);
}

// One signal for all watches of the process: what it asks for, and of which thread.
struct Request {
    const void* task_place = nullptr;
    std::array<void*, 64> stack{};
    int depth = 0;
    void* interrupted = nullptr;
    TaskGlance task;
    std::atomic<bool> answered = false;
};
constinit std::atomic<Request*> wanted = nullptr;
constinit std::atomic<int> asked_thread = 0;
constinit std::atomic<int> sight_signal = 0;

void* interrupted_at(const void* context) {
#if defined(__x86_64__)
    return reinterpret_cast<void*>(static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
    return reinterpret_cast<void*>(static_cast<const ucontext_t*>(context)->uc_mcontext.pc);
#else
    static_cast<void>(context);
    return nullptr;
#endif
}

void answer(int, siginfo_t*, void* context) {
    const int error = errno;
    Request* request = wanted.load(std::memory_order_acquire);
    // A late one, of an alarm that was given up, comes to another thread than the one that is asked now.
    if (request && asked_thread.load(std::memory_order_relaxed) == ::gettid() &&
        wanted.compare_exchange_strong(request, nullptr, std::memory_order_acq_rel)) {
        request->interrupted = interrupted_at(context);
        request->depth = ::backtrace(request->stack.data(), static_cast<int>(request->stack.size()));
        glance_at_task(request->task_place, read_carefully, request->task);
        request->answered.store(true, std::memory_order_release);
    }
    errno = error;
}

// A handler that stays: a signal that is late must find it. One that nobody uses, from the upper end.
int take_signal() {
    for (int signal = SIGRTMAX - 1; signal > SIGRTMIN; --signal) {
        struct sigaction now{};
        if (::sigaction(signal, nullptr, &now) != 0 || (now.sa_flags & SA_SIGINFO) != 0 ||
            now.sa_handler != SIG_DFL)
            continue;
        struct sigaction ours{};
        ours.sa_sigaction = answer;
        ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
        sigfillset(&ours.sa_mask);
        if (::sigaction(signal, &ours, nullptr) == 0) return signal;
    }
    return 0;
}

// Rings once when the thread has used a little more of a cpu, so that one that has just gone to sleep is left
// alone. The kernel looks at such timers when the thread goes back to its own code: unlike with tgkill(), no
// system call is there to be ended with EINTR.
class CpuAlarm {
public:
    CpuAlarm(int thread, int signal) {
        sigevent event{};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        event._sigev_un._tid = thread;
        // The clock of a thread's cpu time, as pthread_getcpuclockid(3) makes it.
        const auto clock = static_cast<clockid_t>(~static_cast<unsigned>(thread) << 3 | 6U);
        if (::timer_create(clock, &event, &timer_) != 0) return;
        made_ = true;
        const itimerspec once{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 100'000}};
        ::timer_settime(timer_, 0, &once, nullptr);
    }
    ~CpuAlarm() {
        if (made_) ::timer_delete(timer_);
    }
    CpuAlarm(const CpuAlarm&) = delete;
    CpuAlarm& operator=(const CpuAlarm&) = delete;
    bool made() const { return made_; }

private:
    timer_t timer_{};
    bool made_ = false;
};

std::vector<std::uintptr_t> stack_of(const Request& request) {
    const auto* const end = request.stack.data() + request.depth;
    // In front of it stand the handler and what called that.
    const auto* first = std::find(request.stack.data(), end, request.interrupted);
    if (first == end) return {reinterpret_cast<std::uintptr_t>(request.interrupted)};
    std::vector<std::uintptr_t> addresses;
    for (; first != end; ++first) addresses.push_back(reinterpret_cast<std::uintptr_t>(*first));
    return addresses;
}

}  // namespace

std::optional<ThreadDoing> thread_doing(int thread) {
    ThreadDoing doing;
    const auto status = read_of(thread, "status");
    if (status.empty()) return std::nullopt;
    const auto voluntary = number_after(status, "\nvoluntary_ctxt_switches:");
    doing.switches = voluntary + number_after(status, "\nnonvoluntary_ctxt_switches:");
    const auto text = read_of(thread, "syscall");
    if (text.empty()) return std::nullopt;
    if (text.starts_with("running")) return doing;
    const char* at = text.c_str();
    char* end = nullptr;
    doing.call = std::strtol(at, &end, 10);
    std::array<std::uint64_t, 8> words{};
    std::size_t count = 0;
    for (at = end; count < words.size(); ++count, at = end) {
        const auto word = std::strtoull(at, &end, 16);
        if (end == at) break;
        words[count] = word;
    }
    if (count < 2) return std::nullopt;
    doing.what = doing.call >= 0 ? ThreadDoing::What::in_call : ThreadDoing::What::stopped_elsewhere;
    doing.first = words[0];
    doing.sp = words[count - 2];
    doing.pc = words[count - 1];
    return doing;
}

CpuShare cpu_share(int thread) {
    const auto text = read_of(thread, "schedstat");
    char* end = nullptr;
    const auto ran = std::strtoll(text.c_str(), &end, 10);
    return {Duration(ran), Duration(std::strtoll(end, nullptr, 10))};
}

std::optional<ThreadSight> sight_of_blocked(int thread, const ThreadDoing& doing, const void* task_place) {
    ThreadSight sight;
    sight.stack = walk_stack(doing.pc, doing.sp);
    glance_at_task(task_place, read_carefully, sight.task);
    // Whoever has not left a cpu since and is on none has not been on one, and has changed nothing.
    const auto now = thread_doing(thread);
    if (!now || now->what != doing.what || now->switches != doing.switches || now->sp != doing.sp)
        return std::nullopt;
    return sight;
}

void prepare_sights() {
    static const bool prepared = [] {
        void* none[1];
        static_cast<void>(::backtrace(none, 1));  // loads what it needs: not to be done in a handler
        sight_signal.store(take_signal());
        return true;
    }();
    static_cast<void>(prepared);
}

std::optional<ThreadSight> sight_of_running(int thread, const void* task_place, Duration patience) {
    static auto& one_by_one = *new std::mutex;
    const std::lock_guard lock(one_by_one);
    const int signal = sight_signal.load();
    if (signal == 0) return std::nullopt;
    const auto request = std::make_unique<Request>();
    request->task_place = task_place;
    asked_thread.store(thread, std::memory_order_relaxed);
    wanted.store(request.get(), std::memory_order_release);
    {
        const CpuAlarm alarm(thread, signal);
        const auto until = std::chrono::steady_clock::now() + patience;
        while (alarm.made() && !request->answered.load(std::memory_order_acquire) &&
               std::chrono::steady_clock::now() < until)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (!wanted.exchange(nullptr, std::memory_order_acq_rel)) {
        // Somebody has taken it up, and will be through in a moment.
        while (!request->answered.load(std::memory_order_acquire)) std::this_thread::yield();
        return ThreadSight{stack_of(*request), request->task};
    }
    return std::nullopt;
}

}  // namespace tandem::inline v1::inspect
