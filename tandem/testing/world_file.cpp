#include <tandem/task/operation_wait.hpp>
#include <tandem/testing/world_internal.hpp>

#include <cerrno>
#include <system_error>

namespace tandem::inline v1::testing {
namespace {

[[noreturn]] void throw_error(const char* what, const std::string& path, std::int64_t error) {
    throw std::system_error(static_cast<int>(-error), std::generic_category(),
                            std::string(what) + " " + path);
}

}  // namespace

SimHost& World::host_here() {
    EventLoop& loop = this_loop();
    auto* const state = State::current();
    if (auto* const machine = state ? state->of(loop) : nullptr) return *machine->sim;
    // A program of a machine that has crashed: what it still does has no effect.
    throw std::system_error(EIO, std::generic_category(), "a file on no simulated machine that is up");
}

File File::open(const std::string& path, Mode mode) {
    SimHost& host = World::host_here();
    const int fd = host.open_file(path, mode != Mode::read, mode == Mode::write);
    if (fd < 0) throw_error("open", path, fd);
    File file(UniqueFd(fd), path);
    if (mode == Mode::append)
        file.offset_ = static_cast<std::int64_t>(host.files().content(path).value_or("").size());
    return file;
}

Task<std::string> File::read_all() {
    std::string all;
    char buffer[4096];
    for (;;) {
        const std::int32_t count =
            co_await OperationWait(OpCode::read_file, fd_.get(), buffer, sizeof buffer, 0, offset_);
        if (count < 0) throw_error("read", path_, count);
        if (count == 0) co_return all;
        all.append(buffer, static_cast<std::size_t>(count));
        offset_ += count;
    }
}

Task<void> File::write_all(std::string bytes) {
    std::size_t written = 0;
    while (written < bytes.size()) {
        const std::int32_t count = co_await OperationWait(
            OpCode::write_file, fd_.get(), bytes.data() + written, bytes.size() - written, 0, offset_);
        if (count < 0) throw_error("write", path_, count);
        written += static_cast<std::size_t>(count);
        offset_ += count;
    }
}

Task<void> File::sync() {
    const std::int32_t result = co_await OperationWait(OpCode::sync_file, fd_.get());
    if (result < 0) throw_error("sync", path_, result);
}

void File::rename(const std::string& from, const std::string& to) {
    if (const int error = World::host_here().files().rename(from, to)) throw_error("rename", from, error);
}

void File::remove(const std::string& path) {
    if (const int error = World::host_here().files().remove(path)) throw_error("remove", path, error);
}

void File::sync_folder() {
    if (const int error = World::host_here().files().sync_names()) throw_error("sync", "the folder", error);
}

}  // namespace tandem::inline v1::testing
