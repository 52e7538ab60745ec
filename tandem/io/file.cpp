#include <tandem/io/file.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/io/interruptible_internal.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/sleep.hpp>

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tandem::inline v1::io {

class File::State final : public InterruptibleDescriptor {
public:
    State(EventLoop& loop, UniqueFd fd, std::string name)
        : InterruptibleDescriptor(loop, std::move(fd)), path(std::move(name)) {}

    const std::string path;
    bool busy = false;    // at its position
    WriteProgress write;  // there
};

namespace {

using State = File::State;

constexpr std::int64_t at_its_position = -1;

class FileWait final : public OperationWait, private Interruptible {
public:
    FileWait(State& file, OpCode code, void* data = nullptr, std::size_t size = 0,
             std::int64_t offset = at_its_position)
        : OperationWait(code, file.fd(), data, size, 0, offset), file_(file) {
        file_.waits(*this);
    }
    FileWait(const FileWait&) = delete;
    FileWait& operator=(const FileWait&) = delete;
    ~FileWait() { file_.waits_no_more(*this); }

private:
    void interrupt() noexcept override { end_early(); }
    State& file_;
};

class Use {
public:
    Use(const std::shared_ptr<State>& file, const char* what)
        : file_(checked(file, what)), in_flight_(file_) {}

    std::size_t conclude(std::int32_t result, const char* what) const {
        if (result >= 0) return static_cast<std::size_t>(result);
        throw std::system_error(-result, std::generic_category(),
                                std::string(what) + " " + (file_.path.empty() ? "a file" : file_.path) +
                                    (file_.is_open() ? "" : ", which was closed meanwhile"));
    }

private:
    static State& checked(const std::shared_ptr<State>& file, const char* what) {
        if (!file) throw InvalidStateError(std::string(what) + ": the file was never opened, or moved from");
        file->require_usable(what, "file");
        return *file;
    }
    State& file_;
    State::InFlight in_flight_;
};

/// The right to the file's position: one task at a time.
class Turn {
public:
    Turn(const std::shared_ptr<State>& file, const char* what) : use(file, what), file_(*file) {
        if (file_.busy)
            throw InvalidStateError(std::string(what) +
                                    ": another task reads or writes at the position of this file");
        file_.busy = true;
    }
    ~Turn() { file_.busy = false; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    const Use use;

private:
    State& file_;
};

void require_uncut(const State& file) {
    if (file.write.cut)
        throw InvalidStateError(
            "write: an earlier write to " + file.path +
            " was cancelled in its middle; bytes_accepted() told how much had been taken");
}

Task<std::size_t> read_some_of(std::shared_ptr<State> file, MutableBytes buffer) {
    const Turn turn(file, "read");
    if (buffer.empty()) co_return std::size_t{0};
    const std::int32_t result = co_await FileWait(*file, OpCode::read_file, buffer.data(), buffer.size());
    co_return turn.use.conclude(result, "read");
}

Task<std::size_t> write_some_of(std::shared_ptr<State> file, Bytes bytes) {
    const Turn turn(file, "write");
    require_uncut(*file);
    WriteProgress::Write write(file->write);
    if (bytes.empty()) co_return std::size_t{0};
    const std::int32_t result =
        co_await FileWait(*file, OpCode::write_file, const_cast<char*>(bytes.data()), bytes.size());
    const std::size_t count = turn.use.conclude(result, "write");
    write.took(count);
    write.finish();
    co_return count;
}

Task<void> write_all_of(std::shared_ptr<State> file, Bytes bytes) {
    const Turn turn(file, "write");
    require_uncut(*file);
    WriteProgress::Write write(file->write);
    while (!bytes.empty()) {
        const std::int32_t result =
            co_await FileWait(*file, OpCode::write_file, const_cast<char*>(bytes.data()), bytes.size());
        if (result < 0) write.finish();  // what a full disk did not take may go on later
        const std::size_t count = turn.use.conclude(result, "write");
        write.took(count);
        bytes = bytes.skip(count);
    }
    write.finish();
}

Task<std::size_t> read_from(std::shared_ptr<State> file, std::uint64_t offset, MutableBytes buffer) {
    const Use use(file, "read");
    if (buffer.empty()) co_return std::size_t{0};
    const auto place = static_cast<std::int64_t>(offset);
    const std::int32_t result =
        co_await FileWait(*file, OpCode::read_file, buffer.data(), buffer.size(), place);
    co_return use.conclude(result, "read");
}

Task<void> write_to(std::shared_ptr<State> file, std::uint64_t offset, Bytes bytes) {
    const Use use(file, "write");
    while (!bytes.empty()) {
        const auto place = static_cast<std::int64_t>(offset);
        const std::int32_t result = co_await FileWait(*file, OpCode::write_file,
                                                      const_cast<char*>(bytes.data()), bytes.size(), place);
        const std::size_t count = use.conclude(result, "write");
        bytes = bytes.skip(count);
        offset += count;
    }
}

Task<void> sync_of(std::shared_ptr<State> file) {
    const Use use(file, "sync");
    const std::int32_t result = co_await FileWait(*file, OpCode::sync_file);
    use.conclude(result, "sync");
}

Task<void> close_file(std::shared_ptr<State> file) {
    if (!file || !file->is_open()) co_return;
    file->close();
    if (is_cancelled()) co_await checkpoint();  // throws
}

Task<void> nothing() { co_return; }

int flags_of(FileUse use) {
    switch (use) {
        case FileUse::read:
            return O_RDONLY;
        case FileUse::write:
            return O_WRONLY | O_CREAT | O_TRUNC;
        case FileUse::append:
            return O_WRONLY | O_CREAT | O_APPEND;
        case FileUse::update:
            return O_RDWR | O_CREAT;
    }
    return O_RDONLY;
}

// Not O_NONBLOCK: a disk does not know it, and a FIFO waits for its other end. Its errno as a value, so that
// the error is made where the await is.
std::pair<UniqueFd, int> open_blocking(std::string path, FileUse use) {
    for (;;) {
        UniqueFd fd(::open(path.c_str(), flags_of(use) | O_CLOEXEC | O_NOCTTY, 0666));
        if (fd || errno != EINTR) {
            const int error = fd ? 0 : errno;
            struct stat about{};
            // Reading it would say so, writing is refused by open(2).
            if (fd && ::fstat(fd.get(), &about) == 0 && S_ISDIR(about.st_mode)) return {UniqueFd(), EISDIR};
            return {std::move(fd), error};
        }
    }
}

[[noreturn]] void throw_not_opened(const std::string& path, int error) {
    throw std::system_error(error, std::generic_category(), "open " + path);
}

}  // namespace

File::File(UniqueFd file, std::string path) {
    EventLoop& loop = this_loop();
    state_ = std::make_shared<State>(loop, std::move(file), std::move(path));
}

File& File::operator=(File&& other) noexcept {
    if (this != &other) {
        abort();
        state_ = std::move(other.state_);
    }
    return *this;
}

File::~File() { abort(); }

Task<std::size_t> File::read_some(MutableBytes buffer) { return read_some_of(state_, buffer); }
Task<std::size_t> File::write_some(Bytes bytes) { return write_some_of(state_, bytes); }
Task<void> File::write_all(Bytes bytes) { return write_all_of(state_, bytes); }
Task<void> File::shutdown_write() { return nothing(); }
Task<void> File::close() { return close_file(state_); }
Task<std::size_t> File::read_at(std::uint64_t offset, MutableBytes buffer) {
    return read_from(state_, offset, buffer);
}
Task<void> File::write_at(std::uint64_t offset, Bytes bytes) { return write_to(state_, offset, bytes); }
Task<void> File::sync() { return sync_of(state_); }

void File::abort() noexcept {
    if (state_ && state_->is_open()) InterruptibleDescriptor::abandon(state_);
}
bool File::is_open() const noexcept { return state_ && state_->is_open(); }
int File::native_handle() const noexcept { return is_open() ? state_->fd() : -1; }
const std::string& File::path() const noexcept {
    static const std::string none;
    return state_ ? state_->path : none;
}
std::uint64_t File::bytes_accepted() const noexcept { return state_ ? state_->write.accepted : 0; }

Task<File> open_file(std::string path, FileUse use) {
    if (is_cancelled()) co_await checkpoint();  // throws
    const int simulated = this_loop().backend().open_file(path, use);
    if (simulated >= 0) co_return File(UniqueFd(simulated), std::move(path));
    if (simulated != -ENOSYS) throw_not_opened(path, -simulated);
    if (path.find('\0') != std::string::npos) throw_not_opened(path, EINVAL);
    auto opened = co_await to_thread(open_blocking, path, use);
    if (opened.second != 0) throw_not_opened(path, opened.second);
    co_return File(std::move(opened.first), std::move(path));
}

}  // namespace tandem::inline v1::io
