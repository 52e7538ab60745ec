#include <tandem/testing/server_process.hpp>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace tandem::inline v1::testing {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

std::string make_folder() {
    std::string folder = (fs::temp_directory_path() / "tandem-server-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) fail("make a folder " + folder);
    return folder;
}

void replace_folder(std::string& argument, const std::string& folder) {
    constexpr std::string_view mark = "{folder}";
    for (auto at = argument.find(mark); at != std::string::npos; at = argument.find(mark, at + folder.size()))
        argument.replace(at, mark.size(), folder);
}

}  // namespace

std::optional<std::string> find_program(std::string_view name, const std::vector<std::string>& folders) {
    std::vector<fs::path> places;
    for (const auto& folder : folders) {
        const auto star = folder.find('*');
        if (star == std::string::npos) {
            places.emplace_back(folder);
            continue;
        }
        std::error_code none;
        for (const auto& each : fs::directory_iterator(folder.substr(0, star), none))
            places.emplace_back(each.path().string() + folder.substr(star + 1));
    }
    const char* const path = std::getenv("PATH");
    std::istringstream list(std::string(path ? path : "/usr/bin:/bin") + ":/usr/sbin:/usr/local/sbin");
    for (std::string folder; std::getline(list, folder, ':');) places.emplace_back(folder);
    for (const auto& place : places) {
        const auto program = (place / name).string();
        if (::access(program.c_str(), X_OK) == 0) return program;
    }
    return std::nullopt;
}

ServerProcess::ServerProcess(std::vector<std::string> command,
                             const std::function<bool(const std::string&)>& is_ready,
                             const ServerOptions& options)
    : folder_(make_folder()), stop_signal_(options.stop_signal().value_or(SIGTERM)) {
    const std::string name = command.at(0);
    try {
        start(std::move(command), options);
        const auto limit = std::chrono::steady_clock::now() + options.start_limit();
        while (!is_ready(folder_)) {
            if (ended()) throw std::runtime_error(name + " ended while it was starting:\n" + log());
            if (std::chrono::steady_clock::now() > limit)
                throw std::runtime_error(name + " is not ready after " +
                                         std::to_string(options.start_limit().count()) + " s:\n" + log());
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    } catch (...) {
        stop();
        throw;
    }
}

ServerProcess::~ServerProcess() { stop(); }

void ServerProcess::start(std::vector<std::string> command, const ServerOptions& options) {
    std::vector<char*> arguments;
    for (auto& argument : command) {
        replace_folder(argument, folder_);
        arguments.push_back(argument.data());
    }
    arguments.push_back(nullptr);
    const std::string output = folder_ + "/log";
    const bool drop = options.unprivileged() && ::geteuid() == 0;
    const passwd* const nobody = drop ? ::getpwnam("nobody") : nullptr;
    if (drop && !nobody) throw std::runtime_error("no user \"nobody\" to start " + command[0] + " as");
    const uid_t user = nobody ? nobody->pw_uid : 0;
    const gid_t group = nobody ? nobody->pw_gid : 0;
    if (drop && ::chown(folder_.c_str(), user, group) != 0) fail("chown " + folder_);

    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) fail("fork for " + command[0]);
    if (pid_ > 0) return;
    // The child: only what is safe after a fork of a process with threads.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    const int log = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, 0);
    ::dup2(log, 1);
    ::dup2(log, 2);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (drop && (::setgroups(0, nullptr) != 0 || ::setgid(group) != 0 || ::setuid(user) != 0)) ::_exit(126);
    if (::chdir(folder_.c_str()) != 0) ::_exit(126);
    ::setpgid(0, 0);  // Ctrl-C is the test's, and a shell's children end with it
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
}

bool ServerProcess::ended() {
    if (pid_ < 0) return true;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    pid_ = -1;
    return true;
}

void ServerProcess::stop() noexcept {
    if (!ended()) {
        ::kill(pid_, stop_signal_);
        for (int i = 0; i < 1'000 && !ended(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        if (pid_ > 0) {
            ::kill(-pid_, SIGKILL);
            ::kill(pid_, SIGKILL);
            while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
            }
            pid_ = -1;
        }
    }
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

std::string ServerProcess::log() const {
    std::ifstream file(folder_ + "/log");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

bool accepts_connections(const std::string& unix_socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (unix_socket.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, unix_socket.c_str(), unix_socket.size() + 1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool connected =
        ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(socket);
    return connected;
}

}  // namespace tandem::inline v1::testing
