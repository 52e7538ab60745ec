#include <tandem/backend/uring_internal.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include <poll.h>
#include <sys/socket.h>

namespace tandem::inline v1 {
namespace {

constexpr std::uint32_t read_events = POLLIN | POLLRDHUP | POLLPRI;

// The completion of one probing request; a kernel that never answers fails the probe too.
int await_one(io_uring& ring, std::uint64_t& tag) noexcept {
    __kernel_timespec limit{.tv_sec = 1, .tv_nsec = 0};
    io_uring_cqe* entry = nullptr;
    int error = 0;
    do {
        error = io_uring_wait_cqe_timeout(&ring, &entry, &limit);
    } while (error == -EINTR);
    if (error != 0) return error;
    const int result = entry->res;
    tag = entry->user_data;
    io_uring_cqe_seen(&ring, entry);
    return result;
}

bool sends_and_receives(io_uring& ring) noexcept {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    const UniqueFd one(ends[0]);
    const UniqueFd other(ends[1]);
    char out[] = "tandem";
    char in[sizeof out] = {};
    auto* entry = io_uring_get_sqe(&ring);
    io_uring_prep_recv(entry, one.get(), in, sizeof in, 0);
    entry->user_data = 1;
    entry = io_uring_get_sqe(&ring);
    io_uring_prep_send(entry, other.get(), out, sizeof out, MSG_NOSIGNAL);
    entry->user_data = 2;
    if (io_uring_submit(&ring) != 2) return false;
    std::uint64_t tag = 0;
    const bool counts = await_one(ring, tag) == sizeof out && await_one(ring, tag) == sizeof out;
    if (!counts || std::memcmp(in, out, sizeof out) != 0) return false;

    entry = io_uring_get_sqe(&ring);
    io_uring_prep_recv(entry, one.get(), in, sizeof in, 0);
    entry->user_data = 3;
    entry = io_uring_get_sqe(&ring);
    io_uring_prep_cancel64(entry, 3, 0);
    entry->user_data = 4;
    if (io_uring_submit(&ring) != 2) return false;
    bool cancelled = true;
    for (int i = 0; i < 2; ++i) {
        const int result = await_one(ring, tag);
        cancelled = cancelled && ((tag == 3 && result == -ECANCELED) || (tag == 4 && result == 0));
    }
    return cancelled;
}

bool knows_what_we_use(io_uring& ring) noexcept {
    constexpr std::uint32_t needed = IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS | IORING_FEAT_EXT_ARG;
    if ((ring.features & needed) != needed) return false;
    const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> probe(io_uring_get_probe_ring(&ring),
                                                                           io_uring_free_probe);
    // `socket` came with 5.19, the first kernel whose cooperative completions and cancels we rely on.
    return probe != nullptr && io_uring_opcode_supported(probe.get(), IORING_OP_SOCKET) != 0;
}

}  // namespace

void prepare(io_uring_sqe& entry, const Operation& operation) noexcept {
    auto* const message = static_cast<msghdr*>(operation.data);
    const auto offset = static_cast<std::uint64_t>(operation.offset < 0 ? -1 : operation.offset);
    switch (operation.code) {
        case OpCode::accept:
            io_uring_prep_accept(&entry, operation.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            break;
        case OpCode::connect:
            io_uring_prep_connect(&entry, operation.fd, static_cast<const sockaddr*>(operation.data),
                                  operation.size);
            break;
        case OpCode::receive:
            io_uring_prep_recv(&entry, operation.fd, operation.data, operation.size, operation.flags);
            break;
        case OpCode::send:
            io_uring_prep_send(&entry, operation.fd, operation.data, operation.size,
                               operation.flags | MSG_NOSIGNAL);
            break;
        case OpCode::send_message:
            io_uring_prep_sendmsg(&entry, operation.fd, message,
                                  static_cast<unsigned>(operation.flags | MSG_NOSIGNAL));
            break;
        case OpCode::receive_message:
            io_uring_prep_recvmsg(&entry, operation.fd, message,
                                  static_cast<unsigned>(operation.flags | MSG_CMSG_CLOEXEC));
            break;
        case OpCode::poll_readable:
            io_uring_prep_poll_add(&entry, operation.fd, read_events);
            break;
        case OpCode::poll_writable:
            io_uring_prep_poll_add(&entry, operation.fd, POLLOUT);
            break;
        case OpCode::read_file:
            io_uring_prep_read(&entry, operation.fd, operation.data, operation.size, offset);
            break;
        case OpCode::write_file:
            io_uring_prep_write(&entry, operation.fd, operation.data, operation.size, offset);
            break;
        case OpCode::sync_file:
            io_uring_prep_fsync(&entry, operation.fd, IORING_FSYNC_DATASYNC);
            break;
        case OpCode::job:
            io_uring_prep_nop(&entry);
            break;  // goes to the thread pool, never here
    }
}

bool waits_for_readiness(OpCode code) noexcept {
    switch (code) {
        case OpCode::connect:  // EAGAIN: a Unix listener's queue is full, which no event tells of
        case OpCode::sync_file:
        case OpCode::job:
        case OpCode::poll_readable:
        case OpCode::poll_writable:
            return false;
        default:
            return true;
    }
}

std::uint32_t readiness_of(OpCode code) noexcept {
    switch (code) {
        case OpCode::send:
        case OpCode::send_message:
        case OpCode::write_file:
            return POLLOUT;
        default:
            return read_events;
    }
}

int probe_uring() noexcept {
    io_uring ring{};
    const int error = io_uring_queue_init(8, &ring, 0);
    if (error != 0) return -error;

    std::uint64_t tag = 0;
    io_uring_prep_nop(io_uring_get_sqe(&ring));
    const int submitted = io_uring_submit(&ring);
    int outcome = submitted < 0 ? -submitted : 0;
    if (outcome == 0) outcome = -await_one(ring, tag);
    if (outcome == 0 && !(knows_what_we_use(ring) && sends_and_receives(ring))) outcome = EOPNOTSUPP;
    io_uring_queue_exit(&ring);
    return outcome;
}

std::string explain_uring_error(int error) {
    std::string text = "io_uring_setup: ";
    text += std::strerror(error);
    switch (error) {
        case EPERM: {
            int disabled = 0;
            if (std::FILE* const file = std::fopen("/proc/sys/kernel/io_uring_disabled", "re")) {
                if (std::fscanf(file, "%d", &disabled) != 1) disabled = 0;
                std::fclose(file);
            }
            text += disabled != 0
                        ? " (the sysctl kernel.io_uring_disabled is " + std::to_string(disabled) + ")"
                        : " (probably a container's seccomp profile)";
            break;
        }
        case EACCES:
            text += " (probably a security module)";
            break;
        case ENOSYS:
            text += " (an old kernel, gVisor or a seccomp profile)";
            break;
        case ENOMEM:
            text += " (probably the limit on locked memory, ulimit -l)";
            break;
        case EMFILE:
        case ENFILE:
            text += " (the limit on open files, ulimit -n)";
            break;
        case EOPNOTSUPP:
        case EINVAL:
            text = "io_uring: this kernel's is too old or does not work (5.19 is needed)";
            break;
        default:
            break;
    }
    return text;
}

}  // namespace tandem::inline v1
