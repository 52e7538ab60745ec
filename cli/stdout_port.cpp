#include <cli/stdout_port.hpp>

#include <tandem/backend/operation.hpp>
#include <tandem/task/operation_wait.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace tandem::cli {
namespace {

[[noreturn]] void throw_write_error(std::string_view where, int error) {
    if (error == EPIPE) throw OutputClosed();
    throw FetchError(error == ENOSPC || error == EDQUOT ? ErrorCode::disk_full : ErrorCode::file_write,
                     fmt::format("write to {}: {}", where, std::strerror(error)));
}

}  // namespace

void HeldBody::write_out(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = ::write(file_.get(), bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw_write_error("a temporary file", errno);
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

void HeldBody::add(std::string_view bytes) {
    if (!file_ && memory_.size() + bytes.size() > max_memory_bytes) {
        const char* set = std::getenv("TMPDIR");
        const std::string directory = set != nullptr && *set != '\0' ? set : "/tmp";
        file_ = OpenFile(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
        if (!file_) throw_write_error("a temporary file in " + directory, errno);
        write_out(memory_);
        memory_.clear();
    }
    if (file_)
        write_out(bytes);
    else
        memory_ += bytes;
}

std::string_view HeldBody::next() {
    if (!file_) return std::string_view(memory_).substr(std::exchange(read_, memory_.size()));
    memory_.resize(64 * 1024);
    const auto count = ::pread(file_.get(), memory_.data(), memory_.size(), static_cast<off_t>(read_));
    if (count < 0) throw_write_error("stdout: read a temporary file", errno);
    read_ += static_cast<std::uint64_t>(count);
    return std::string_view(memory_).substr(0, static_cast<std::size_t>(count));
}

Task<void> StdoutPort::write(std::string_view bytes) {
    while (!bytes.empty()) {
        // The operation only reads what it is given.
        void* data = const_cast<char*>(bytes.data());
        const std::int32_t count =
            co_await OperationWait(OpCode::write_file, STDOUT_FILENO, data, bytes.size());
        if (count < 0) throw_write_error("stdout", -count);
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
}

Task<void> StdoutPort::write_whole(HeldBody& body) {
    while (busy_) co_await free_.wait("stdout");
    struct Turn {
        explicit Turn(StdoutPort& port_) : port(port_) { port.busy_ = true; }
        ~Turn() {
            port.busy_ = false;
            port.free_.notify_one();
        }
        StdoutPort& port;
    } turn(*this);
    for (;;) {
        const std::string_view piece = body.next();
        if (piece.empty()) break;
        co_await write(piece);
    }
}

}  // namespace tandem::cli
