// Which backend one gets, and what is said when it is not the wanted one.
#include "backend_contract.hpp"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <set>

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace tandem {
namespace {

using namespace contracts;

/// `TANDEM_BACKEND` for the length of a test.
class Environment {
public:
    explicit Environment(const char* value) {
        if (const char* const was = std::getenv("TANDEM_BACKEND")) before_ = was;
        if (value != nullptr) {
            ::setenv("TANDEM_BACKEND", value, 1);
        } else {
            ::unsetenv("TANDEM_BACKEND");
        }
    }
    ~Environment() {
        if (before_.empty()) {
            ::unsetenv("TANDEM_BACKEND");
        } else {
            ::setenv("TANDEM_BACKEND", before_.c_str(), 1);
        }
    }

private:
    std::string before_;
};

// From here on the call gives that errno, or kills the process if it is 0.
void deny(long call, int error) {
    const auto verdict =
        error == 0 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, verdict),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{.len = std::size(code), .filter = code};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        std::_Exit(90);
    }
}

/// Runs the check in a child process of its own, 0 being success; its exit status, or minus the signal.
template <class Check>
int in_child(Check check) {
    const auto child = ::fork();
    if (child == 0) std::_Exit(check());
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool works(Backend& backend) {
    auto pair = socket_pair();
    char byte = 0;
    TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
    start(backend, receive);
    if (::send(pair.other.get(), "x", 1, 0) != 1) return false;
    return drive(backend, [&] { return receive.done(); }) && receive.result == 1;
}

std::set<int> open_descriptors() {
    std::set<int> all;
    DIR* const folder = ::opendir("/proc/self/fd");
    while (const auto* const entry = ::readdir(folder)) {
        if (entry->d_name[0] != '.' && std::atoi(entry->d_name) != ::dirfd(folder))
            all.insert(std::atoi(entry->d_name));
    }
    ::closedir(folder);
    return all;
}

bool uring_works() { return make_uring_backend().backend != nullptr; }

TEST(BackendChoice, the_environment_names_the_backend) {
    {
        const Environment environment("epoll");
        const auto chosen = choose_backend();
        EXPECT_EQ(chosen.backend->name(), "epoll");
        EXPECT_EQ(chosen.fallback_reason, "");
    }
    if (!uring_works()) GTEST_SKIP() << "io_uring is not to be had";
    for (const char* const value : {"uring", "auto", ""}) {
        const Environment environment(value);
        EXPECT_EQ(choose_backend().backend->name(), "io_uring") << value;
    }
    const Environment environment(nullptr);
    EXPECT_EQ(choose_backend().backend->name(), "io_uring");
}

TEST(URING1, sim_says_on_standard_error_that_time_and_network_are_simulated_and_says_it_once) {
    const Environment environment("sim");
    ::testing::internal::CaptureStderr();
    const auto first = choose_backend();
    const auto second = choose_backend();
    EXPECT_EQ(::testing::internal::GetCapturedStderr(),
              "tandem: TANDEM_BACKEND=sim: time and network are simulated\n");
    EXPECT_EQ(first.backend->name(), "sim");
    EXPECT_EQ(second.backend->name(), "sim");
}

TEST(BackendChoice, an_explicit_choice_overrules_the_environment) {
    const Environment environment("uring");
    EXPECT_EQ(choose_backend(BackendChoice::epoll).backend->name(), "epoll");
}

TEST(BackendChoice, an_unknown_name_is_refused_with_the_known_ones) {
    const Environment environment("kqueue");
    try {
        choose_backend();
        FAIL() << "kqueue was accepted";
    } catch (const BackendUnavailable& error) {
        EXPECT_NE(std::string(error.what()).find("'kqueue'"), std::string::npos);
        EXPECT_NE(std::string(error.what()).find("epoll"), std::string::npos);
    }
}

struct Denial {
    int error;
    const char* likely_cause;
};

class URING2 : public ::testing::TestWithParam<Denial> {};

TEST_P(URING2, a_denied_io_uring_gives_epoll_with_the_reason) {
    const int status = in_child([denial = GetParam()] {
        const auto [error, likely_cause] = denial;
        ::unsetenv("TANDEM_BACKEND");
        deny(SYS_io_uring_setup, error);
        const auto chosen = choose_backend(BackendChoice::automatic);
        if (chosen.backend->name() != "epoll") return 1;
        if (chosen.fallback_reason.find(std::strerror(error)) == std::string::npos) return 2;
        if (chosen.fallback_reason.find(likely_cause) == std::string::npos) return 3;
        if (!works(*chosen.backend)) return 4;
        try {
            choose_backend(BackendChoice::uring);
            return 5;
        } catch (const BackendUnavailable& refused) {
            if (std::string(refused.what()).find(std::strerror(error)) == std::string::npos) return 6;
        }
        return 0;
    });
    EXPECT_EQ(status, 0);
}

INSTANTIATE_TEST_SUITE_P(With, URING2,
                         ::testing::Values(Denial{EPERM, "seccomp"}, Denial{ENOSYS, "old kernel"},
                                           Denial{EACCES, "security module"}, Denial{ENOMEM, "ulimit -l"},
                                           Denial{EMFILE, "ulimit -n"}),
                         [](const auto& denial) { return std::to_string(denial.param.error); });

TEST(URING1, with_epoll_no_io_uring_call_is_ever_made) {
    const int status = in_child([] {
        ::setenv("TANDEM_BACKEND", "epoll", 1);
        deny(SYS_io_uring_setup, 0);
        return works(*choose_backend().backend) ? 0 : 1;
    });
    EXPECT_EQ(status, 0);
}

TEST(FAULT6, a_filter_put_up_after_the_start_ends_operations_with_an_error) {
    if (!uring_works()) GTEST_SKIP() << "io_uring is not to be had";
    const int status = in_child([] {
        auto made = make_uring_backend();
        Backend& backend = *made.backend;
        auto pair = socket_pair();
        char byte = 0;
        TestOperation before(OpCode::receive, pair.one.get(), &byte, 1);
        start(backend, before);
        settle(backend);
        deny(SYS_io_uring_enter, EPERM);
        TestOperation after(OpCode::receive, pair.other.get(), &byte, 1);
        start(backend, after);
        if (!drive(backend, [&] { return before.done() && after.done(); }, 1s)) return 1;
        if (before.result != -EPERM || after.result != -EPERM) return 2;
        backend.wake();
        const auto start_time = now();
        backend.wait(start_time + 5s);
        return now() - start_time < 1s ? 0 : 3;
    });
    EXPECT_EQ(status, 0);
}

TEST(BackendChoice, epoll_nanoseconds_denied_waits_are_still_never_early) {
    const int status = in_child([] {
        deny(SYS_epoll_pwait2, ENOSYS);
        auto backend = make_epoll_backend();
        for (int i = 0; i < 5; ++i) {
            const auto deadline = now() + 1400us;
            backend->wait(deadline);
            if (now() < deadline) return 1;
            if (now() > deadline + 100ms) return 2;
        }
        return 0;
    });
    EXPECT_EQ(status, 0);
}

TEST(FAULT4, a_lack_of_descriptors_at_any_point_is_an_error_and_leaks_nothing) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
    GTEST_SKIP() << "UndefinedBehaviorSanitizer needs a descriptor to look at the type of an exception";
#endif
#endif
    const int status = in_child([] {
        ::unsetenv("TANDEM_BACKEND");
        const int last = *open_descriptors().rbegin();
        while (::dup(0) < last) {
        }
        const auto before = open_descriptors();  // without a hole
        const auto first_free = static_cast<rlim_t>(*before.rbegin() + 1);
        bool was_refused = false;
        for (rlim_t room = 0; room < 12; ++room) {
            const rlimit limit{first_free + room, first_free + 64};
            ::setrlimit(RLIMIT_NOFILE, &limit);
            bool made = false;
            try {
                const auto chosen = choose_backend();
                made = true;
            } catch (const std::system_error& error) {
                if (error.code().value() != EMFILE) return 1;
                was_refused = true;
            }
            const rlimit enough{first_free + 64, first_free + 64};
            ::setrlimit(RLIMIT_NOFILE, &enough);
            if (open_descriptors() != before) return 2;
            if (room == 11 && !made) return 3;
        }
        return was_refused ? 0 : 4;
    });
    EXPECT_EQ(status, 0);
}

TANDEM_REAL_BACKEND_SUITE(BackendDescriptors);

TEST_P(BackendDescriptors, its_descriptors_are_close_on_exec_and_gone_afterwards) {
    backend_.reset();
    const auto before = open_descriptors();
    backend_ = make();
    backend().pollable_fd();
    settle(backend());
    for (const int fd : open_descriptors()) {
        if (before.contains(fd)) continue;
        EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << fd;
    }
    backend_.reset();
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace tandem
