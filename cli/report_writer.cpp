#include <cli/report.hpp>

#include <cli/text.hpp>
#include <cli/units.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace tandem::cli {
namespace {

[[noreturn]] void fail(std::string_view what, const std::string& target, int error) {
    const auto code = error == ENOSPC || error == EDQUOT ? ErrorCode::disk_full : ErrorCode::file_write;
    throw FetchError(
        code, fmt::format("{} the report {}: {}", what, escaped_for_terminal(target), std::strerror(error)));
}

/// A process that was killed may have left half a line; the next record must not be glued to it.
bool ends_within_a_line(int descriptor, const std::string& target) {
    struct stat status{};
    if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) return false;
    const int reader = ::open(target.c_str(), O_RDONLY | O_CLOEXEC);
    if (reader < 0) return false;
    char last = '\n';
    const auto count = ::pread(reader, &last, 1, status.st_size - 1);
    ::close(reader);
    return count == 1 && last != '\n';
}

}  // namespace

ReportWriter::ReportWriter(const std::string& target) : target_(target) {
    if (target == "-") {
        descriptor_ = STDOUT_FILENO;
        return;
    }
    if (target.starts_with("fd:")) {
        descriptor_ = static_cast<int>(parse_number(target.substr(3)).value_or(1U << 30));
        if (::fcntl(descriptor_, F_GETFL) < 0) fail("open", target_, EBADF);
        return;
    }
    descriptor_ = ::open(target.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail("open", target_, errno);
    owned_ = true;
    // Every writer holds the shared lock for life, so whoever gets the exclusive one is alone, and what looks
    // like half a line is not a record that another process is writing right now.
    const bool alone = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    if (alone && ends_within_a_line(descriptor_, target_)) write("\n");
    ::flock(descriptor_, LOCK_SH);
}

ReportWriter::~ReportWriter() {
    if (owned_) ::close(descriptor_);
}

void ReportWriter::write(std::string_view line) {
    while (!line.empty()) {
        const auto count = ::write(descriptor_, line.data(), line.size());
        if (count >= 0) {
            line.remove_prefix(static_cast<std::size_t>(count));  // all of it, but for pipes and full disks
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) fail("write", target_, errno);
        pollfd waiting{descriptor_, POLLOUT, 0};
        ::poll(&waiting, 1, -1);
    }
}

}  // namespace tandem::cli
