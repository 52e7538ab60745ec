#pragma once

#include <tandem/backend/backend.hpp>
#include <tandem/backend/factories.hpp>
#include <tandem/backend/sockets.hpp>
#include <tandem/base/unique_fd.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>

namespace tandem::contracts {

using namespace std::chrono_literals;

/// What time it is for the backend under test: its own, if it simulates time.
inline LoopTime*& simulated_time() {
    static LoopTime* time = nullptr;
    return time;
}

/// The simulated backend under test, whose sockets and whose network are used then; null on the others.
inline Backend*& simulated_backend() {
    static Backend* backend = nullptr;
    return backend;
}

inline TimePoint now() {
    if (simulated_time() != nullptr) return simulated_time()->now();
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return TimePoint(std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec));
}

/// An operation that counts its completions.
struct TestOperation final : Operation {
    TestOperation() = default;
    TestOperation(OpCode what, int on, void* bytes = nullptr, std::size_t count = 0) {
        set(what, on, bytes, count);
    }

    void set(OpCode what, int on, void* bytes = nullptr, std::size_t count = 0) {
        code = what;
        fd = on;
        data = bytes;
        size = static_cast<std::uint32_t>(count);
    }
    void completed(std::int32_t outcome) noexcept override {
        ++completions;
        result = outcome;
        if (then) then(outcome);
    }
    std::int32_t run_job() noexcept override { return job ? job() : 0; }

    bool done() const { return completions > 0; }

    int completions = 0;
    std::int32_t result = -9999;
    std::function<void(std::int32_t)> then;
    std::function<std::int32_t()> job;
};

/// Submits; an end on the spot counts like any other.
inline void start(Backend& backend, TestOperation& operation) {
    operation.completions = 0;
    operation.result = -9999;
    const auto submitted = backend.submit(operation);
    if (submitted.done) operation.completed(submitted.result);
}

template <class Condition>
bool drive(Backend& backend, Condition condition, Duration limit = 5s) {
    const auto deadline = now() + limit;
    while (!condition()) {
        if (now() >= deadline) return false;
        backend.wait(deadline);
    }
    return true;
}

/// Submits and drives until the end; the result.
inline std::int32_t finish(Backend& backend, TestOperation& operation) {
    start(backend, operation);
    if (!drive(backend, [&] { return operation.done(); })) {
        ADD_FAILURE() << "the operation has not completed within 5 s";
    }
    EXPECT_EQ(operation.completions, 1);
    return operation.result;
}

/// Lets pass what may still come: nothing completes a second time.
inline void settle(Backend& backend, Duration time = 5ms) {
    drive(backend, [] { return false; }, time);
}

struct Pair {
    UniqueFd one;
    UniqueFd other;
};

inline Pair socket_pair(int type = SOCK_STREAM) {
    int ends[2];
    if (simulated_backend() != nullptr && type == SOCK_STREAM) {
        if (simulated_backend()->open_socket_pair(ends) != 0) std::abort();
        return {UniqueFd(ends[0]), UniqueFd(ends[1])};
    }
    if (::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

inline Pair pipe_pair(int flags = O_CLOEXEC) {
    int ends[2];
    if (::pipe2(ends, flags) != 0) std::abort();
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

inline UniqueFd tcp_socket() {
    if (simulated_backend() != nullptr)
        return UniqueFd(simulated_backend()->open_socket(AF_INET, SOCK_STREAM));
    return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/// The system's calls on sockets, of the kernel or of the simulated network.
namespace calls {

template <class Count>
Count with_errno(Count result) {
    if (result >= 0) return result;
    errno = static_cast<int>(-result);
    return -1;
}
inline ssize_t send(int fd, const void* from, std::size_t size, int) {
    return with_errno(sockets_of(fd).send(fd, from, size));
}
inline ssize_t recv(int fd, void* to, std::size_t size, int flags) {
    return with_errno(sockets_of(fd).receive(fd, to, size, flags));
}
inline int shutdown(int fd, int how) { return with_errno(sockets_of(fd).shutdown(fd, how)); }
inline int connect(int fd, const sockaddr* address, socklen_t size) {
    return with_errno(sockets_of(fd).connect(fd, address, size));
}
inline int bind(int fd, const sockaddr* address, socklen_t size) {
    return with_errno(sockets_of(fd).bind(fd, address, size));
}
inline int listen(int fd, int backlog) { return with_errno(sockets_of(fd).listen(fd, backlog)); }
inline int getsockname(int fd, sockaddr* address, socklen_t* size) {
    return with_errno(sockets_of(fd).local_address(fd, address, size));
}
inline int setsockopt(int fd, int level, int name, const void* value, socklen_t size) {
    return with_errno(sockets_of(fd).set_option(fd, level, name, value, size));
}
inline int close(int fd) { return with_errno(sockets_of(fd).close(fd)); }

}  // namespace calls

struct Listener {
    UniqueFd socket;
    sockaddr_in address{};
};

inline Listener tcp_listener() {
    Listener listener{tcp_socket(), {}};
    listener.address.sin_family = AF_INET;
    listener.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof listener.address;
    auto* const address = reinterpret_cast<sockaddr*>(&listener.address);
    if (calls::bind(listener.socket.get(), address, size) != 0) std::abort();
    if (calls::listen(listener.socket.get(), 64) != 0) std::abort();
    if (calls::getsockname(listener.socket.get(), address, &size) != 0) std::abort();
    return listener;
}

/// A connected TCP connection over loopback, the second end accepted by hand.
inline Pair tcp_pair() {
    auto listener = tcp_listener();
    Pair pair{tcp_socket(), UniqueFd()};
    calls::connect(pair.one.get(), reinterpret_cast<sockaddr*>(&listener.address), sizeof listener.address);
    for (int tries = 0; tries < 1000 && !pair.other; ++tries) {
        if (simulated_backend() != nullptr) {
            TestOperation accept(OpCode::accept, listener.socket.get());
            const auto submitted = simulated_backend()->submit(accept);
            if (submitted.done) pair.other = UniqueFd(submitted.result);
            break;
        }
        pair.other =
            UniqueFd(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!pair.other) ::usleep(1000);
    }
    if (!pair.other) std::abort();
    return pair;
}

/// Which backend a test runs on.
struct Kind {
    const char* name;
    bool uring;
    UringOptions options;
    bool sim = false;
};

inline void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

/// What every backend must do; run over all of them.
class EveryBackend : public ::testing::TestWithParam<Kind> {
protected:
    static std::unique_ptr<Backend> make() {
        if (GetParam().sim) {
            auto backend = make_sim_backend();
            static VirtualTime time;
            backend->take_time(time);
            simulated_time() = &time;
            simulated_backend() = backend.get();
            return backend;
        }
        if (!GetParam().uring) return make_epoll_backend();
        return make_uring_backend(GetParam().options).backend;
    }
    void SetUp() override {
        backend_ = make();
        if (!backend_) GTEST_SKIP() << "io_uring is not to be had: " << make_uring_backend().reason;
    }
    void TearDown() override {
        backend_.reset();
        simulated_time() = nullptr;
        simulated_backend() = nullptr;
    }
    Backend& backend() { return *backend_; }

    std::unique_ptr<Backend> backend_;
};

inline const Kind kinds[] = {
    {"epoll", false, {}},
    {"uring", true, {}},
    {"uring_queue_of_4", true, {.submission_entries = 4, .completion_entries = 8}},
    {"uring_cooperative", true, {.submission_entries = 64, .best_step = UringStep::cooperative}},
    {"uring_plain", true, {.submission_entries = 64, .best_step = UringStep::plain}},
};

inline const Kind kinds_and_sim[] = {kinds[0], kinds[1], kinds[2],
                                     kinds[3], kinds[4], {"sim", false, {}, true}};

inline std::string kind_name(const ::testing::TestParamInfo<Kind>& info) { return info.param.name; }

}  // namespace tandem::contracts

#define TANDEM_BACKEND_SUITE(suite)                  \
    class suite : public contracts::EveryBackend {}; \
    INSTANTIATE_TEST_SUITE_P(On, suite, ::testing::ValuesIn(contracts::kinds_and_sim), contracts::kind_name)
/// For what is promised of the kernel's time, threads and files alone.
#define TANDEM_REAL_BACKEND_SUITE(suite)             \
    class suite : public contracts::EveryBackend {}; \
    INSTANTIATE_TEST_SUITE_P(On, suite, ::testing::ValuesIn(contracts::kinds), contracts::kind_name)
