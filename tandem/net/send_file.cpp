#include <tandem/net/send_file.hpp>

#include <tandem/backend/quiet_calls.hpp>
#include <tandem/base/unique_fd.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/net/stream_turn_internal.hpp>
#include <tandem/net/tcp_stream.hpp>
#include <tandem/task/operation_wait.hpp>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <string>
#include <system_error>

#include <fcntl.h>

namespace tandem::inline v1::net {
namespace {

// What one call may keep a thread for: a socket's buffer holds less.
constexpr std::uint64_t most_at_once = 1024 * 1024;
constexpr std::size_t copied_at_once = 64 * 1024;

/// What is left to send.
struct Rest {
    explicit Rest(const SendFileOptions& options)
        : offset(options.offset), count(options.count.value_or(std::numeric_limits<std::uint64_t>::max())) {}
    std::size_t next(std::uint64_t most) const { return static_cast<std::size_t>(std::min(count, most)); }
    void sent(std::size_t bytes) {
        offset += bytes;
        count -= bytes;
        total += bytes;
    }
    std::uint64_t offset;
    std::uint64_t count;
    std::uint64_t total = 0;
};

bool of_the_kernel(int fd) { return fd >= 0 && fd < UniqueFd::first_simulated; }

[[noreturn]] void throw_not_available(const io::File& file) {
    throw SendfileNotAvailableError(
        "send " + file.path() +
        ": the system cannot move it into this stream by itself, and fallback is off");
}

/// Reads what is left, and has `write(bytes)` awaited for each piece.
template <class Write>
Task<void> copy_rest(io::File& file, Rest& rest, Write write) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(copied_at_once);
    while (rest.count > 0) {
        const std::size_t count =
            co_await file.read_at(rest.offset, MutableBytes(buffer.get(), rest.next(copied_at_once)));
        if (count == 0) break;
        co_await write(Bytes(buffer.get(), count));
        rest.sent(count);
    }
}

Task<std::uint64_t> copy_into(io::ByteStream& to, io::File& file, SendFileOptions options) {
    if (!options.fallback) throw_not_available(file);
    Rest rest(options);
    const auto write = [&to](Bytes bytes) { return to.write_all(bytes); };
    co_await copy_rest(file, rest, write);
    co_return rest.total;
}

/// Under the turn of a longer write.
Task<void> write_in_turn(WriteTurn& turn, Bytes bytes) {
    while (!bytes.empty()) {
        const std::int32_t result =
            co_await OperationWait(OpCode::send, turn.fd(), const_cast<char*>(bytes.data()), bytes.size());
        bytes = bytes.skip(turn.conclude(result));
    }
}

/// Whether the kernel could; if not, nothing was sent.
Task<bool> send_by_kernel(WriteTurn& turn, int file, Rest& rest) {
    while (rest.count > 0) {
        const std::int32_t ready = co_await OperationWait(OpCode::poll_writable, turn.fd());
        if (ready < 0) turn.conclude(ready);  // throws
        const auto offset = static_cast<std::int64_t>(rest.offset);
        const std::int64_t result =
            co_await to_thread(send_file_quietly, turn.fd(), file, offset, rest.next(most_at_once));
        if (result == -EAGAIN) continue;
        if ((result == -EINVAL || result == -ENOSYS) && rest.total == 0) co_return false;
        const std::size_t count = turn.conclude(static_cast<std::int32_t>(result));
        if (count == 0) break;
        rest.sent(count);
    }
    co_return true;
}

Task<std::uint64_t> send_into_socket(SocketRef socket, io::File& file, SendFileOptions options) {
    WriteTurn turn(socket);
    Rest rest(options);
    bool sent = false;
    if (of_the_kernel(turn.fd()) && of_the_kernel(file.native_handle())) {
        // A number of its own, for the thread, whoever closes the file meanwhile.
        const UniqueFd from(::fcntl(file.native_handle(), F_DUPFD_CLOEXEC, 0));
        if (!from) throw std::system_error(errno, std::generic_category(), "send " + file.path());
        sent = co_await send_by_kernel(turn, from.get(), rest);
    }
    if (!sent && !options.fallback) throw_not_available(file);
    const auto write = [&turn](Bytes bytes) { return write_in_turn(turn, bytes); };
    if (!sent) co_await copy_rest(file, rest, write);
    turn.finish();
    co_return rest.total;
}

}  // namespace

Task<std::uint64_t> send_file(io::ByteStream& to, io::File& file, SendFileOptions options) {
    if (auto* const stream = dynamic_cast<TcpStream*>(&to))
        return send_into_socket(stream->socket_, file, options);
    return copy_into(to, file, options);
}

}  // namespace tandem::inline v1::net
