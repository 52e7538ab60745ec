// bench/support/report.hpp
#pragma once

#include <sys/resource.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

/// What every benchmark program in C++, tandem's and a peer's, needs: arguments, a meter, a report.
///
/// Includes nothing of tandem, so that a peer measures itself with the very same code and pays for
/// nothing of ours. The same in Go is `bench/peers/go/report.go`, in Python `bench/support/report.py`.
/// The figures every program must print are listed at the top of `bench/run.py`.
namespace bench {

/// What the process has used so far. `cpu` is precise; the kernel may estimate how it splits into
/// user and system time by sampling, so a split needs a second or more of work to mean anything.
struct Usage {
    double user_s = 0;
    double system_s = 0;
    double wall_s = 0;

    [[nodiscard]] double cpu_s() const { return user_s + system_s; }
    friend Usage operator-(const Usage& later, const Usage& earlier) {
        return {later.user_s - earlier.user_s, later.system_s - earlier.system_s,
                later.wall_s - earlier.wall_s};
    }
    Usage& operator+=(const Usage& more) {
        user_s += more.user_s;
        system_s += more.system_s;
        wall_s += more.wall_s;
        return *this;
    }
};

inline Usage usage_now() {
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto wall = std::chrono::steady_clock::now().time_since_epoch();
    return {seconds(used.ru_utime), seconds(used.ru_stime), std::chrono::duration<double>(wall).count()};
}

/// A line of /proc/self/status, in bytes: "VmRSS:" now, "VmHWM:" at its highest.
/// Not ru_maxrss: that one survives exec(), so a small program would report the Python that started it.
inline double memory_bytes(std::string_view field) {
    double kib = 0;
    if (std::FILE* status = std::fopen("/proc/self/status", "r")) {
        char line[256];
        while (std::fgets(line, sizeof line, status)) {
            if (std::string_view(line).starts_with(field)) kib = std::strtod(line + field.size(), nullptr);
        }
        std::fclose(status);
    }
    return kib * 1024;
}

inline double resident_bytes() { return memory_bytes("VmRSS:"); }
inline double peak_resident_bytes() { return memory_bytes("VmHWM:"); }

/// The number in `argv[index]`, or `fallback` where there is none; ends the program on anything else.
inline long argument(int argc, char** argv, int index, long fallback) {
    if (index >= argc) return fallback;
    long value = 0;
    const char* end = argv[index] + std::strlen(argv[index]);
    const auto [stopped, error] = std::from_chars(argv[index], end, value);
    if (error == std::errc() && stopped == end && value > 0) return value;
    std::fprintf(stderr, "%s: argument %d is \"%s\", not a positive number\n", argv[0], index, argv[index]);
    std::exit(2);
}

/// Hides from the optimiser that nobody looks at `value`.
template <class T>
void keep(const T& value) {
    asm volatile("" : : "g"(&value) : "memory");
}

/// Prints one figure as one line of JSON.
inline void report(std::string_view bench, std::string_view who, std::string_view figure, double value,
                   std::string_view unit) {
    std::printf(R"({"bench":"%.*s","who":"%.*s","figure":"%.*s","value":%.6g,"unit":"%.*s"})"
                "\n",
                static_cast<int>(bench.size()), bench.data(), static_cast<int>(who.size()), who.data(),
                static_cast<int>(figure.size()), figure.data(), value, static_cast<int>(unit.size()),
                unit.data());
}

/// Prints CPU nanoseconds per piece of work. CPU time, not the wall's, since other programs of the
/// machine may push in between; on one thread without I/O the two agree otherwise.
inline void report_ns(std::string_view bench, std::string_view who, std::string_view figure,
                      const Usage& used, long pieces) {
    report(bench, who, figure, used.cpu_s() * 1e9 / static_cast<double>(pieces), "ns");
}

/// How long the sleeper of `sleepers` with this number sleeps in each round: 10 to 20 ms, in steps of 10 us,
/// by a generator of its own, so that every contestant sleeps the same.
class Naps {
public:
    explicit Naps(long number) : state_(static_cast<std::uint64_t>(number) + 1) {}
    std::chrono::microseconds next() {
        state_ = state_ * 48'271 % 2'147'483'647;
        return std::chrono::microseconds(10'000 + static_cast<std::int64_t>(state_ % 1'000) * 10);
    }

private:
    std::uint64_t state_;
};

/// What one run of `http_fanout` did.
struct Fanout {
    long requests = 0;
    long connections = 0;
    long errors = 0;               ///< requests without a whole answer of status 200
    std::uint64_t body_bytes = 0;  ///< bodies received; the runner knows what they must add up to
    Usage used;                    ///< from before the first connect to after the last byte
};

/// Prints the figures of `http_fanout`, each with the number of connections behind its name.
inline void report_fanout(std::string_view who, const Fanout& run) {
    const auto put = [&](std::string_view figure, double value, std::string_view unit) {
        report("http_fanout", who, std::string(figure) + "_" + std::to_string(run.connections), value, unit);
    };
    const double requests = static_cast<double>(run.requests);
    put("cpu_s_per_100k", run.used.cpu_s() * 1e5 / requests, "s");
    put("user_us_per_request", run.used.user_s * 1e6 / requests, "us");
    put("wall_s_per_100k", run.used.wall_s * 1e5 / requests, "s");
    put("peak_rss_mib", peak_resident_bytes() / (1024 * 1024), "MiB");
    put("errors", static_cast<double>(run.errors), "requests");
    put("body_bytes_per_request", static_cast<double>(run.body_bytes) / requests, "B");
}

/// Prints the figures of `blocking_get`.
inline void report_gets(std::string_view who, long requests, double body_bytes, const Usage& used) {
    const double each = 1 / static_cast<double>(requests);
    report("blocking_get", who, "wall_us_per_request", used.wall_s * 1e6 * each, "us");
    report("blocking_get", who, "cpu_us_per_request", used.cpu_s() * 1e6 * each, "us");
    report("blocking_get", who, "body_bytes_per_request", body_bytes * each, "B");
}

}  // namespace bench
