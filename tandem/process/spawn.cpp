#include <tandem/process/spawn_internal.hpp>

#include <tandem/base/unique_fd.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::inline v1::process {
namespace {

// posix_spawn's two argument objects.
struct Plan {
    Plan() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~Plan() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

/// Puts every descriptor in its place and closes the rest. 0 or an errno.
int plan_descriptors(posix_spawn_file_actions_t& actions, const Spawn& what, std::vector<UniqueFd>& copies) {
    int last = 2;
    for (const auto& [ours, theirs] : what.descriptors) last = std::max(last, theirs);
    for (const auto& [ours, theirs] : what.descriptors) {
        int from = ours;
        if (ours <= last && ours != theirs) {
            // It could be overwritten before its turn comes.
            from = ::fcntl(ours, F_DUPFD_CLOEXEC, last + 1);
            if (from < 0) return errno;
            copies.emplace_back(from);
        }
        posix_spawn_file_actions_adddup2(&actions, from, theirs);
    }
    for (int fd = 3; fd < last; ++fd) {
        const bool wanted = std::any_of(what.descriptors.begin(), what.descriptors.end(),
                                        [fd](const auto& pair) { return pair.second == fd; });
        if (!wanted) posix_spawn_file_actions_addclose(&actions, fd);
    }
    if (what.folder >= 0) posix_spawn_file_actions_addfchdir_np(&actions, what.folder);
    // Ours are closed by the exec; this is for what others opened without that flag.
    posix_spawn_file_actions_addclosefrom_np(&actions, last + 1);
    return 0;
}

void plan_signals(posix_spawnattr_t& attributes, const Spawn& what) {
    sigset_t none;
    sigset_t back_to_default;
    sigemptyset(&none);
    if (what.all_signals_default) {
        sigfillset(&back_to_default);
    } else {
        sigemptyset(&back_to_default);
        sigaddset(&back_to_default, SIGPIPE);
        sigaddset(&back_to_default, SIGXFSZ);
    }
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &back_to_default);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (what.new_session) flags = static_cast<short>(flags | POSIX_SPAWN_SETSID);
    if (what.new_group) flags = static_cast<short>(flags | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setflags(&attributes, flags);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> list;
    list.reserve(texts.size() + 1);
    for (const auto& text : texts) list.push_back(const_cast<char*>(text.c_str()));
    list.push_back(nullptr);
    return list;
}

/// A thread that waits for a process and leaves it to be reaped. 0 or an errno.
int wait_in_a_thread(int pid, EndOfProcess& end) noexcept {
    end.fd.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!end.fd) return errno;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // handlers run on the program's threads, not on ours
    int error = 0;
    try {
        end.waiter = std::thread([pid, fd = end.fd.get()] {
            siginfo_t about{};
            while (::waitid(P_PID, static_cast<id_t>(pid), &about, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
            }
            const std::uint64_t one = 1;
            static_cast<void>(!::write(fd, &one, sizeof one));
        });
    } catch (const std::system_error& failure) {
        error = failure.code().value();
    } catch (const std::bad_alloc&) {
        error = ENOMEM;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return error;
}

}  // namespace

bool pretend_there_are_no_pidfds = false;

int spawn(const Spawn& what) {
    Plan plan;
    std::vector<UniqueFd> copies;
    if (const int error = plan_descriptors(plan.actions, what, copies); error != 0) return -error;
    plan_signals(plan.attributes, what);
    const auto arguments = pointers(what.arguments);
    const auto environment = pointers(what.environment);
    pid_t pid = -1;
    // No fork alone: a lock that another thread holds at that moment would stay locked for ever. And the
    // errno of the exec comes back. posix_spawn(3).
    const int error = ::posix_spawn(&pid, what.path.c_str(), &plan.actions, &plan.attributes,
                                    arguments.data(), environment.data());
    return error != 0 ? -error : pid;
}

std::vector<std::string> own_environment() {
    std::vector<std::string> environment;
    for (char** entry = ::environ; entry && *entry; ++entry) environment.emplace_back(*entry);
    return environment;
}

int open_end(int pid, EndOfProcess& end) noexcept {
    if (!pretend_there_are_no_pidfds) {
        end.fd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        end.is_pidfd = static_cast<bool>(end.fd);
        if (end.is_pidfd) return 0;
        // ENOSYS before Linux 5.3, EPERM where a filter keeps it from us.
        if (errno != ENOSYS && errno != EPERM) return errno;
    }
    return wait_in_a_thread(pid, end);
}

EndOfProcess::~EndOfProcess() {
    if (!waiter.joinable()) return;
    if (made_in == fork_generation())
        waiter.join();
    else
        static_cast<void>(new std::thread(std::move(waiter)));  // the parent's
}

}  // namespace tandem::inline v1::process
