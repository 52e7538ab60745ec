#pragma once

// What every program of the zoo shares: a type that counts its lives, and a report that runs a form and
// says whether the compiler got it right. A natural form may be miscompiled, so it runs in a forked child
// whose output is captured and whose time is bounded; a safe form runs in the program itself, in full view
// of the sanitizers.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <source_location>
#include <string>
#include <vector>

namespace zoo {

#if defined(__clang__)
inline constexpr bool clang = true;
inline constexpr bool gcc12 = false;
#else
inline constexpr bool clang = false;
inline constexpr bool gcc12 = __GNUC__ == 12;
#endif

#if defined(__OPTIMIZE__)
inline constexpr bool optimized = true;
#else
inline constexpr bool optimized = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
#define ZOO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ZOO_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define ZOO_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ZOO_TSAN 1
#endif
#endif
#if defined(ZOO_ASAN)
inline constexpr bool asan = true;
#else
inline constexpr bool asan = false;
#endif
#if defined(ZOO_TSAN)
inline constexpr bool tsan = true;
#else
inline constexpr bool tsan = false;
#endif
inline constexpr bool sanitized = asan || tsan;

/// `measured`: printed, not judged; for compilers nobody has looked at, and damage that shows by chance.
enum class Expect { right, broken, measured };

inline constexpr Expect broken_on_gcc12 = gcc12 ? Expect::broken : clang ? Expect::right : Expect::measured;
inline constexpr Expect unknown_on_gcc = clang ? Expect::right : Expect::measured;

struct Faults {
    std::string first;
    int count = 0;
};

inline Faults& faults() {
    static Faults the_faults;
    return the_faults;
}

inline void expect(bool holds, const std::string& what,
                   std::source_location where = std::source_location::current()) {
    if (holds) return;
    if (faults().count++ == 0) faults().first = what + ", line " + std::to_string(where.line());
}

/// Knows every living object by its address: what is destroyed at an address where nothing lives was
/// destroyed twice, or is a bitwise copy that no constructor made.
class Life {
public:
    struct Counts {
        long constructed = 0;
        long destroyed = 0;
        long strays = 0;         // destructions and uses of what does not live
        std::vector<int> ended;  // the values, in the order of destruction
    };

    Life() : Life(0) {}
    explicit Life(int value) : value_(value) { begin(); }
    Life(const Life& other) : value_(other.value()) { begin(); }
    Life(Life&& other) noexcept : value_(other.value()) { begin(); }
    Life& operator=(const Life& other) {
        value_ = other.value();
        return *this;
    }
    Life& operator=(Life&& other) noexcept {
        value_ = other.value();
        return *this;
    }
    ~Life() {
        auto& living = alive();
        // The youngest is asked first: lives mostly end in reverse order, and chains are 10^5 deep.
        const auto it = std::find(living.rbegin(), living.rend(), this);
        if (it == living.rend()) {
            ++counts().strays;
            return;
        }
        living.erase(std::next(it).base());
        ++counts().destroyed;
        counts().ended.push_back(value_);
    }

    int value() const {
        const auto& living = alive();
        if (std::find(living.rbegin(), living.rend(), this) == living.rend()) ++counts().strays;
        return value_;
    }

    static Counts& counts() {
        static Counts the_counts;
        return the_counts;
    }
    static long living() { return static_cast<long>(alive().size()); }

private:
    void begin() {
        alive().push_back(this);
        ++counts().constructed;
    }
    static std::vector<const Life*>& alive() {
        static auto& the_living = *new std::vector<const Life*>();
        return the_living;
    }

    int value_;
};

inline long& frames_alive() {
    static long count = 0;
    return count;
}

class Report {
public:
    explicit Report(const char* title) { std::printf("%s\n", title); }

    /// A safe form: right everywhere, run here.
    void right(const char* form, void (*check)()) {
        const auto wrong = verdict(check);
        line(wrong.empty(), "safe", form, wrong.empty() ? "right" : "WRONG: " + wrong);
    }

    /// A natural form: run in a child. `text`, if given, must be in what a broken form says.
    void natural(const char* form, Expect expected, void (*check)(), const char* text = nullptr) {
        const auto wrong = outcome(check);
        const bool is_right = wrong.empty();
        bool passed = expected == Expect::measured || is_right == (expected == Expect::right);
        if (expected == Expect::broken && text && wrong.find(text) == std::string::npos) passed = false;
        auto said = is_right ? std::string("right") : "broken: " + wrong;
        if (!passed && expected == Expect::broken) said += "  (expected: broken)";
        if (expected == Expect::measured) said += "  (not judged)";
        line(passed, "natural", form, said);
    }

    int exit_code() const {
        std::printf("%d passed, %d failed\n", passed_, failed_);
        return failed_ == 0 ? 0 : 1;
    }

private:
    static constexpr int child_right = 40;
    static constexpr int child_wrong = 41;
    static constexpr unsigned child_seconds = 30;

    void line(bool passed, const char* kind, const char* form, const std::string& said) {
        std::printf("  %-5s %-8s %-58s %s\n", passed ? "ok" : "FAIL", kind, form, said.c_str());
        std::fflush(stdout);
        ++(passed ? passed_ : failed_);
    }

    /// Empty when the check passed and every life and frame ended once.
    static std::string verdict(void (*check)()) {
        faults() = {};
        Life::counts() = {};
        const long lives = Life::living();
        const long frames = frames_alive();
        try {
            check();
        } catch (const std::exception& error) {
            return std::string("threw ") + error.what();
        } catch (...) {
            return "threw";
        }
        if (Life::counts().strays != 0)
            return "destroyed twice or used dead, " + std::to_string(Life::counts().strays) + " times";
        if (Life::living() != lives) return "leaked " + std::to_string(Life::living() - lives) + " lives";
        if (frames_alive() != frames) return "leaked " + std::to_string(frames_alive() - frames) + " frames";
        return faults().first;
    }

    static std::string outcome(void (*check)()) {
        int ends[2];
        std::fflush(stdout);
        if (pipe(ends) != 0) return "no pipe";
        const pid_t child = fork();
        if (child == 0) {
            dup2(ends[1], 1);
            dup2(ends[1], 2);
            close(ends[0]);
            close(ends[1]);
            const rlimit no_core = {0, 0};
            const rlimit stack = {8 << 20, 8 << 20};  // an endless recursion ends soon
            setrlimit(RLIMIT_CORE, &no_core);
            setrlimit(RLIMIT_STACK, &stack);
            alarm(child_seconds);
            const auto wrong = verdict(check);
            if (!wrong.empty()) std::printf("%s\n", wrong.c_str());
            std::fflush(stdout);
            _exit(wrong.empty() ? child_right : child_wrong);
        }
        close(ends[1]);
        std::string said;
        char buffer[4096];
        for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;)
            if (said.size() < 65536) said.append(buffer, static_cast<std::size_t>(count));
        close(ends[0]);
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child) return "no child";
        return judge(status, said);
    }

    static std::string judge(int status, const std::string& said) {
        for (const char* mark : {"AddressSanitizer", "ThreadSanitizer", "runtime error:"})
            if (const auto at = said.find(mark); at != std::string::npos) return cut(said.substr(at));
        if (WIFEXITED(status) && WEXITSTATUS(status) == child_right) return {};
        if (WIFEXITED(status) && WEXITSTATUS(status) == child_wrong) return cut(said);
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "did not end";
        auto text = WIFSIGNALED(status) ? std::string(strsignal(WTERMSIG(status)))
                                        : "exit " + std::to_string(WEXITSTATUS(status));
        return said.empty() ? text : text + ": " + cut(said);
    }

    static std::string cut(std::string text) {
        text.resize(std::min(text.find('\n'), text.size()));
        for (const char* mark : {" on address", " at pc", " (pc", " on unknown"})
            if (const auto at = text.find(mark); at != std::string::npos) text.resize(at);
        return text;
    }

    int passed_ = 0;
    int failed_ = 0;
};

}  // namespace zoo
