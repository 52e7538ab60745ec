#include <tandem/process/child_internal.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/operation_wait.hpp>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::inline v1::process {
namespace {

[[noreturn]] void throw_errno(int error, const char* what) {
    throw std::system_error(error, std::generic_category(), std::string("start a child process: ") + what);
}

// posix_spawn's two argument objects.
struct SpawnPlan {
    SpawnPlan() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnPlan() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

pid_t spawn(int socket) {
    SpawnPlan plan;
    posix_spawn_file_actions_addopen(&plan.actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&plan.actions, socket, child_socket);
    posix_spawn_file_actions_addclosefrom_np(&plan.actions, child_socket + 1);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&plan.attributes, &none);
    posix_spawnattr_setsigdefault(&plan.attributes, &all);
    posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    std::string marker = std::string(child_marker) + "=" + std::to_string(child_socket);
    std::vector<char*> environment{marker.data()};
    for (char** entry = ::environ; entry && *entry; ++entry) environment.push_back(*entry);
    environment.push_back(nullptr);
    std::string name = "tandem-jobs";
    char* const arguments[] = {name.data(), nullptr};
    pid_t pid = -1;
    // exec, not fork alone: a lock that another thread holds at the fork would stay locked for ever.
    const int error =
        posix_spawn(&pid, "/proc/self/exe", &plan.actions, &plan.attributes, arguments, environment.data());
    if (error != 0) throw_errno(error, "posix_spawn of /proc/self/exe");
    return pid;
}

}  // namespace

Child::Child(EventLoop& loop) : life_(loop.life()) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) throw_errno(errno, "socketpair");
    socket_.reset(pair[0]);
    const UniqueFd theirs(pair[1]);
    if (::fcntl(socket_.get(), F_SETFL, O_NONBLOCK) != 0) throw_errno(errno, "fcntl");
    pid_ = spawn(theirs.get());
    // It is ours until it is reaped, so that the number cannot have passed to another process.
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_) {
        const int error = errno;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        throw_errno(error, "pidfd_open");
    }
}

Child::~Child() {
    if (!reaped_) {
        kill();
        reap();
    }
    const std::lock_guard lock(life_->mutex);
    if (!life_->loop) return;
    life_->loop->backend().forget(socket_.get());
    life_->loop->backend().forget(pidfd_.get());
    socket_.reset();
    pidfd_.reset();
}

void Child::kill() noexcept {
    if (!reaped_) ::kill(pid_, SIGKILL);
}

int Child::reap() noexcept {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

Task<int> Child::wait() {
    OperationWait ended(OpCode::poll_readable, pidfd_.get());
    co_await ended;
    co_return reap();
}

Task<bool> Child::send_all(const char* data, std::size_t size) {
    while (size > 0) {
        OperationWait sending(OpCode::send, socket_.get(), const_cast<char*>(data), size);
        const std::int32_t count = co_await sending;
        if (count < 0) co_return false;
        data += count;
        size -= static_cast<std::size_t>(count);
    }
    co_return true;
}

Task<bool> Child::receive_all(char* data, std::size_t size) {
    while (size > 0) {
        OperationWait receiving(OpCode::receive, socket_.get(), data, size);
        const std::int32_t count = co_await receiving;
        if (count <= 0) co_return false;
        data += count;
        size -= static_cast<std::size_t>(count);
    }
    co_return true;
}

Task<std::optional<std::string>> Child::exchange(const std::string& frame) {
    std::uint64_t size = frame.size();
    const bool head_sent = co_await send_all(reinterpret_cast<const char*>(&size), sizeof size);
    if (!head_sent) co_return std::nullopt;
    const bool body_sent = co_await send_all(frame.data(), frame.size());
    if (!body_sent) co_return std::nullopt;
    const bool head_came = co_await receive_all(reinterpret_cast<char*>(&size), sizeof size);
    if (!head_came) co_return std::nullopt;
    std::string answer(size, '\0');
    const bool body_came = co_await receive_all(answer.data(), answer.size());
    if (!body_came) co_return std::nullopt;
    co_return std::optional<std::string>(std::move(answer));
}

}  // namespace tandem::inline v1::process
