// From a command to a running child.
#include <tandem/process/state_internal.hpp>

#include <tandem/base/unique_fd.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::inline v1::process {
namespace {

const std::string* find_variable(const std::vector<std::string>& environment, const std::string& name) {
    const auto found = std::find_if(environment.begin(), environment.end(),
                                    [&](const std::string& entry) { return entry.starts_with(name + '='); });
    return found == environment.end() ? nullptr : &*found;
}

std::string default_path() {
    char path[256] = "/bin:/usr/bin";
    ::confstr(_CS_PATH, path, sizeof path);
    return path;
}

}  // namespace

/// One start. Whatever fails, it leaves nothing behind.
class Launch::Attempt {
public:
    explicit Attempt(const Command& command) : command_(command) {}

    Process start() {
        EventLoop& loop = this_loop();
        if (loop.backend_name() == "sim")
            fail(ENOSYS, "simulated time has no child processes; run on uring or epoll (TANDEM_BACKEND)");
        watch_forks();
        auto state = std::make_shared<Process::State>(loop, command_, command_.stop_grace_,
                                                      command_.new_session_ || command_.new_group_);
        set_environment();
        open_folder();
        find_program();
        spawn_.arguments = command_.argv_;
        spawn_.new_session = command_.new_session_;
        spawn_.new_group = command_.new_group_ && !command_.new_session_;
        state->has_in = connect(command_.input_, 0, state->in);
        state->has_out = connect(command_.output_, 1, state->out);
        state->has_err = connect(command_.errors_, 2, state->err);
        for (const int fd : command_.passed_) {
            require_open(fd);
            spawn_.descriptors.emplace_back(fd, fd);
        }
        const int pid = spawn(spawn_);
        if (pid < 0) fail_exec(-pid);
        state->pid = pid;
        watch(*state);
        return Process(std::move(state));
    }

private:
    [[noreturn]] void fail(int error, const std::string& detail) const {
        throw std::system_error(error, std::generic_category(),
                                "start " + command_.to_string() + ": " + detail);
    }

    void set_environment() {
        if (!command_.clear_env_) spawn_.environment = own_environment();
        for (const auto& [name, value] : command_.variables_) {
            std::erase_if(spawn_.environment,
                          [&](const std::string& entry) { return entry.starts_with(name + '='); });
            if (value) spawn_.environment.push_back(name + '=' + *value);
        }
    }

    void open_folder() {
        if (!command_.folder_) return;
        folder_.reset(::open(command_.folder_->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!folder_) fail(errno, "go to the folder " + *command_.folder_);
        spawn_.folder = folder_.get();
    }

    /// execvp's search, but in the child's PATH, seen from the child's folder.
    void find_program() {
        const std::string& name = command_.argv_.front();
        spawn_.path = name;
        if (name.find('/') != std::string::npos) return;
        const auto* const variable = find_variable(spawn_.environment, "PATH");
        const std::string path = variable ? variable->substr(5) : default_path();
        int error = ENOENT;
        for (std::size_t begin = 0; begin <= path.size();) {
            const auto end = std::min(path.find(':', begin), path.size());
            const std::string folder = end == begin ? "." : path.substr(begin, end - begin);
            const std::string candidate = folder + '/' + name;
            begin = end + 1;
            const int from = folder_ ? folder_.get() : AT_FDCWD;
            struct stat about{};
            if (::fstatat(from, candidate.c_str(), &about, 0) != 0 || !S_ISREG(about.st_mode)) continue;
            if (::faccessat(from, candidate.c_str(), X_OK, AT_EACCESS) == 0) {
                spawn_.path = candidate;
                return;
            }
            error = EACCES;
        }
        fail(error,
             (error == ENOENT ? name + " is not in PATH (" : name + " may not be executed, in PATH (") +
                 path + ")");
    }

    void require_open(int fd) const {
        if (::fcntl(fd, F_GETFD) < 0) fail(errno, "hand on descriptor " + std::to_string(fd));
    }

    int open_file(const char* path, int flags) {
        opened_.emplace_back(::open(path, flags | O_CLOEXEC | O_NOCTTY, 0666));
        if (!opened_.back()) fail(errno, std::string("open ") + path);
        return opened_.back().get();
    }

    /// Whether it is a pipe, whose other end is `stream` then.
    bool connect(const std::optional<Command::Redirect>& redirect, int theirs, io::PipeStream& stream) {
        if (!redirect) return false;
        const bool writes = theirs != 0;
        int ours = -1;
        if (redirect->path) {
            const int how = redirect->append ? O_APPEND : O_TRUNC;
            ours = open_file(redirect->path->c_str(), writes ? O_WRONLY | O_CREAT | how : O_RDONLY);
        } else if (redirect->descriptor) {
            ours = *redirect->descriptor;
            require_open(ours);
        } else {
            switch (redirect->kind) {
                case Stdio::inherit:
                    return false;
                case Stdio::null:
                    ours = open_file("/dev/null", writes ? O_WRONLY : O_RDONLY);
                    break;
                case Stdio::to_stdout:
                    if (theirs != 2)
                        throw std::invalid_argument(
                            "only stderr can go where stdout goes: stderr_to(process::STDOUT)");
                    ours = stdout_of_child();
                    break;
                case Stdio::pipe:
                    spawn_.descriptors.emplace_back(make_pipe(writes, stream), theirs);
                    return true;
            }
        }
        spawn_.descriptors.emplace_back(ours, theirs);
        return false;
    }

    int stdout_of_child() const {
        for (const auto& [ours, theirs] : spawn_.descriptors)
            if (theirs == 1) return ours;
        return 1;
    }

    /// The child's end.
    int make_pipe(bool child_writes, io::PipeStream& stream) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) fail(errno, "make a pipe");
        UniqueFd reader(ends[0]);
        UniqueFd writer(ends[1]);
        stream = io::PipeStream(child_writes ? std::move(reader) : std::move(writer));
        opened_.push_back(child_writes ? std::move(writer) : std::move(reader));
        return opened_.back().get();
    }

    [[noreturn]] void fail_exec(int error) const {
        const std::string where = command_.folder_ ? " in the folder " + *command_.folder_ : std::string();
        const int from = folder_ ? folder_.get() : AT_FDCWD;
        if (error == ENOENT && ::faccessat(from, spawn_.path.c_str(), F_OK, 0) == 0)
            fail(error,
                 "execute " + spawn_.path + where + ", which is there: what it is to be run by is not");
        if (error == ENOEXEC)
            fail(error, "execute " + spawn_.path + where + ": no program, and no #! in its first line");
        fail(error, "execute " + spawn_.path + where);
    }

    /// The child is ours until it is reaped, so that its number cannot have passed to another process.
    void watch(Process::State& state) const {
        const int error = open_end(state.pid, state.end);
        if (error == 0) return;
        if (error == ESRCH) {  // somebody waits for all children, or SIGCHLD is ignored
            state.code = Process::unknown_status;
            state.unknown = true;
            return;
        }
        ::kill(state.pid, SIGKILL);
        while (::waitpid(state.pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        state.code = -SIGKILL;
        fail(error, "watch the child, which was ended");
    }

    const Command& command_;
    Spawn spawn_;
    UniqueFd folder_;
    std::vector<UniqueFd> opened_;
};

Process Launch::start(const Command& command) { return Attempt(command).start(); }

void Launch::collect(Command& command, bool has_input) {
    if (!command.input_) command.stdin_from(has_input ? Stdio::pipe : Stdio::null);
    if (!command.output_) command.stdout_to(Stdio::pipe);
    if (!command.errors_) command.stderr_to(Stdio::pipe);
}

}  // namespace tandem::inline v1::process
