#include <cli/save.hpp>

#include <cli/clean_name.hpp>
#include <cli/text.hpp>
#include <cli/units.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace tandem::cli {
namespace {

ErrorCode code_of(int error) noexcept {
    switch (error) {
        case ENOSPC:
        case EDQUOT:
            return ErrorCode::disk_full;
        case EEXIST:
            return ErrorCode::file_exists;
        case ENAMETOOLONG:
        case ELOOP:
        case EXDEV:
        case EILSEQ:
            return ErrorCode::name_invalid;
        case EMFILE:
        case ENFILE:
            return ErrorCode::no_descriptors;
        default:
            return ErrorCode::file_write;
    }
}

[[noreturn]] void fail(std::string_view what, std::string_view path, int error, std::string_view more = {}) {
    throw FetchError(code_of(error), fmt::format("{} {}: {}{}", what, escaped_for_terminal(path),
                                                 std::strerror(error), more));
}

/// Opens below `directory` without following any link. The kernel's own `openat2` where there is one;
/// otherwise component by component, which refuses links as well and `..` besides.
int open_beneath(int directory, const std::string& relative, int flags, mode_t mode = 0) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.mode = mode;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const auto opened =
        static_cast<int>(::syscall(SYS_openat2, directory, relative.c_str(), &how, sizeof how));
    if (opened >= 0 || (errno != ENOSYS && errno != EPERM && errno != EINVAL)) return opened;

    OpenFile held;
    int current = directory;
    const auto components = split(relative, '/');
    for (std::size_t i = 0; i < components.size(); ++i) {
        const bool last = i + 1 == components.size();
        const std::string component(components[i]);
        if (component == "..") return errno = EXDEV, -1;
        const int next = ::openat(current, component.c_str(),
                                  (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC, mode);
        if (next < 0 || last) return next;
        held = OpenFile(next);
        current = next;
    }
    return errno = ENOENT, -1;
}

void make_directory(int parent, const std::string& name, const std::string& shown) {
    if (::mkdirat(parent, name.c_str(), 0777) != 0 && errno != EEXIST)
        fail("make the directory", shown, errno);
}

std::string joined(const std::string& directory, const std::string& relative) {
    if (directory.empty() || directory == ".") return relative;
    return directory.ends_with('/') ? directory + relative : directory + "/" + relative;
}

std::string leaf_of(const std::string& relative) { return relative.substr(relative.rfind('/') + 1); }

int rename_without_replacing(int directory, const std::string& from, const std::string& to) {
    const auto result = ::renameat2(directory, from.c_str(), directory, to.c_str(), RENAME_NOREPLACE);
    if (result == 0 || (errno != EINVAL && errno != ENOSYS)) return static_cast<int>(result);
    // Some network file systems lack the flag; a link refuses to replace as well.
    if (::linkat(directory, from.c_str(), directory, to.c_str(), 0) != 0) return -1;
    return ::unlinkat(directory, from.c_str(), 0);
}

mode_t current_umask() noexcept {
    const auto mask = ::umask(077);  // there is no way to ask without setting
    ::umask(mask);
    return mask;
}

/// Takes the lock that tells a part being written from one left behind.
bool lock(int descriptor) noexcept {
    return ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

int create_part(int parent, const std::string& leaf, const std::string& shown) {
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    int created = open_beneath(parent, leaf, flags, 0600);
    if (created < 0 && errno == EEXIST) {
        const OpenFile left_behind(open_beneath(parent, leaf, O_WRONLY | O_NONBLOCK | O_NOFOLLOW));
        if (left_behind && !lock(left_behind.get()))
            throw FetchError(ErrorCode::file_exists,
                             fmt::format("write {}: another process is writing it right now",
                                         escaped_for_terminal(shown)));
        ::unlinkat(parent, leaf.c_str(), 0);
        created = open_beneath(parent, leaf, flags, 0600);
    }
    if (created < 0) fail("create", shown, errno);
    lock(created);
    return created;
}

}  // namespace

OpenFile& OpenFile::operator=(OpenFile&& other) noexcept {
    if (this != &other) {
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
}

OpenFile::~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

int OpenFile::close() noexcept {
    const int descriptor = std::exchange(descriptor_, -1);
    // After EINTR the descriptor is closed all the same. close(2).
    return descriptor < 0 || ::close(descriptor) == 0 || errno == EINTR ? 0 : errno;
}

SaveDirectory::SaveDirectory(std::string path, MakeDirectories make)
    : path_(path.empty() ? "." : std::move(path)) {
    constexpr int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    root_ = OpenFile(::open(path_.c_str(), flags));
    if (!root_ && errno == ENOENT && make == MakeDirectories::yes) {
        // The user's own path: links in it are the user's as well.
        for (auto slash = path_.find('/', 1); slash != std::string::npos; slash = path_.find('/', slash + 1))
            make_directory(AT_FDCWD, path_.substr(0, slash), path_);
        make_directory(AT_FDCWD, path_, path_);
        root_ = OpenFile(::open(path_.c_str(), flags));
    }
    if (!root_) fail("open the directory", path_, errno);
}

OnDisk SaveDirectory::kind_of(const std::string& relative) const {
    const OpenFile found(open_beneath(root_.get(), relative, O_PATH | O_NOFOLLOW));
    struct stat status{};
    if (!found) {
        // A link somewhere on the way, or a file where a directory should be: not ours to go through.
        return errno == ELOOP || errno == ENOTDIR || errno == EXDEV ? OnDisk::file : OnDisk::nothing;
    }
    if (::fstat(found.get(), &status) != 0) return OnDisk::nothing;
    return S_ISDIR(status.st_mode) ? OnDisk::directory : OnDisk::file;
}

OpenFile SaveDirectory::open_parent(const std::string& relative, MakeDirectories make) const {
    constexpr int flags = O_PATH | O_DIRECTORY;
    const auto slash = relative.rfind('/');
    const auto parent = slash == std::string::npos ? std::string(".") : relative.substr(0, slash);

    OpenFile opened(open_beneath(root_.get(), parent, flags));
    if (!opened && errno == ENOENT && make == MakeDirectories::yes) {
        OpenFile held(open_beneath(root_.get(), ".", flags));
        for (const auto piece : split(parent, '/')) {
            const std::string component(piece);
            make_directory(held.get(), component, joined(path_, parent));
            held = OpenFile(open_beneath(held.get(), component, flags));
            if (!held) fail("open the directory", joined(path_, parent), errno);
        }
        opened = std::move(held);
    }
    if (!opened) {
        const bool missing = errno == ENOENT && make == MakeDirectories::no;
        fail("open the directory", joined(path_, parent), errno, missing ? "; --create-dirs makes it" : "");
    }
    return opened;
}

PartFile::PartFile(const SaveDirectory& directory, const std::string& relative, const EntryId& id,
                   MakeDirectories make)
    : parent_(directory.open_parent(relative, make)) {
    const auto slash = relative.rfind('/');
    directory_ =
        slash == std::string::npos ? directory.path() : joined(directory.path(), relative.substr(0, slash));
    leaf_ = part_name(leaf_of(relative), id);
    path_ = joined(directory_, leaf_);
    file_ = OpenFile(create_part(parent_.get(), leaf_, path_));
}

PartFile::~PartFile() {
    if (parent_ && !kept_) ::unlinkat(parent_.get(), leaf_.c_str(), 0);
}

void PartFile::write(std::string_view bytes) {
    hash_.add(bytes);
    while (!bytes.empty()) {
        const auto count = ::write(file_.get(), bytes.data(), bytes.size());
        if (count < 0) {
            if (errno == EINTR) continue;
            fail("write", path_, errno,
                 fmt::format(" (after {} bytes, with {} more at hand)", bytes_, bytes.size()));
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
        bytes_ += static_cast<std::uint64_t>(count);
    }
}

void PartFile::restart() {
    if (::ftruncate(file_.get(), 0) != 0 || ::lseek(file_.get(), 0, SEEK_SET) != 0)
        fail("restart", path_, errno);
    hash_ = Sha256();
    bytes_ = 0;
}

void PartFile::set_time(std::chrono::sys_seconds modified) {
    const timespec seconds{static_cast<time_t>(modified.time_since_epoch().count()), 0};
    const timespec times[2] = {{0, UTIME_OMIT}, seconds};
    if (::futimens(file_.get(), times) != 0) fail("set the time of", path_, errno);
}

PartFile::Commit PartFile::commit(const std::string& relative, bool replace) {
    static const auto mode = static_cast<mode_t>(0644 & ~current_umask());
    const auto leaf = leaf_of(relative);
    if (file_) {
        if (::fchmod(file_.get(), mode) != 0) fail("set the mode of", path_, errno);
        if (const int error = file_.close())
            fail("close", path_, error, fmt::format(" (after {} bytes)", bytes_));
    }

    const int result = replace ? ::renameat(parent_.get(), leaf_.c_str(), parent_.get(), leaf.c_str())
                               : rename_without_replacing(parent_.get(), leaf_, leaf);
    if (result != 0) {
        if (errno == EEXIST || errno == EISDIR) return Commit::name_taken;
        fail("rename the part to", joined(directory_, leaf), errno);
    }
    kept_ = true;
    return Commit::done;
}

std::string part_name(std::string_view leaf, const EntryId& id) {
    const auto ending = "." + id.short_text() + ".part";
    return cut_component(leaf, max_component_bytes - ending.size()) + ending;
}

void write_to_stdout(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (count >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(count));
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EPIPE) throw OutputClosed();
        if (errno != EAGAIN) fail("write to", "stdout", errno);
        pollfd waiting{STDOUT_FILENO, POLLOUT, 0};
        ::poll(&waiting, 1, -1);
    }
}

bool looks_binary(std::string_view first_bytes) noexcept {
    return first_bytes.substr(0, 2000).find('\0') != std::string_view::npos;
}

}  // namespace tandem::cli
