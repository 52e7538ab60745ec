#include <tandem/process/child_internal.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/process/spawn_internal.hpp>
#include <tandem/task/operation_wait.hpp>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::inline v1::process {
namespace {

[[noreturn]] void throw_errno(int error, const char* what) {
    throw std::system_error(error, std::generic_category(), std::string("start a child process: ") + what);
}

int spawn_ourselves(int socket, int null) {
    Spawn what;
    what.path = "/proc/self/exe";
    what.arguments.emplace_back("tandem-jobs");
    what.environment = own_environment();
    what.environment.insert(what.environment.begin(),
                            std::string(child_marker) + "=" + std::to_string(child_socket));
    what.descriptors = {{null, 0}, {socket, child_socket}};
    what.all_signals_default = true;
    const int pid = spawn(what);
    if (pid < 0) throw_errno(-pid, "posix_spawn of /proc/self/exe");
    return pid;
}

}  // namespace

Child::Child(EventLoop& loop) : life_(loop.life()) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) throw_errno(errno, "socketpair");
    socket_.reset(pair[0]);
    const UniqueFd theirs(pair[1]);
    if (::fcntl(socket_.get(), F_SETFL, O_NONBLOCK) != 0) throw_errno(errno, "fcntl");
    const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!null) throw_errno(errno, "open /dev/null");
    pid_ = spawn_ourselves(theirs.get(), null.get());
    // It is ours until it is reaped, so that the number cannot have passed to another process.
    if (const int error = open_end(pid_, end_); error != 0) {
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
    life_->loop->backend().forget(end_.fd.get());
    socket_.reset();
    end_.fd.reset();
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
    OperationWait ended(OpCode::poll_readable, end_.fd.get());
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
