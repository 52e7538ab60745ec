#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

// For tests of how processes end and fork.

namespace tandem::inline v1 {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool threads_in_children = false;  // ThreadSanitizer starts none where the parent had some
#elif defined(__has_feature)
inline constexpr bool threads_in_children = !__has_feature(thread_sanitizer);
#else
inline constexpr bool threads_in_children = true;
#endif

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool under_address_sanitizer = true;
#elif defined(__has_feature)
inline constexpr bool under_address_sanitizer = __has_feature(address_sanitizer);
#else
inline constexpr bool under_address_sanitizer = false;
#endif

inline std::size_t entries_of(const char* folder) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
    return count;
}
inline std::size_t threads_now() { return entries_of("/proc/self/task"); }
inline std::size_t descriptors_now() { return entries_of("/proc/self/fd"); }

struct ChildEnd {
    int status = 0;  ///< of exit(), or a signal's number, negative
    double seconds = 0;
    std::string errors;  ///< what it wrote to stderr
};

/// Runs `body` in a forked child, which then exits.
inline ChildEnd in_child(const std::function<void()>& body) {
    int pipe[2] = {-1, -1};
    if (::pipe(pipe) != 0) return {-1, 0, "no pipe"};
    const auto start = std::chrono::steady_clock::now();
    const auto child = ::fork();
    if (child == 0) {
        ::alarm(20);
        ::dup2(pipe[1], STDERR_FILENO);
        ::close(pipe[0]);
        ::close(pipe[1]);
        body();
        std::exit(0);
    }
    ::close(pipe[1]);
    ChildEnd end;
    char buffer[4096];
    for (;;) {
        const auto count = ::read(pipe[0], buffer, sizeof buffer);
        if (count <= 0) break;
        end.errors.append(buffer, static_cast<std::size_t>(count));
    }
    ::close(pipe[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    end.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    end.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return end;
}

}  // namespace tandem::inline v1
