// bench/support/latency.hpp
#pragma once

#include <bench/support/report.hpp>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

/// How long single calls take, for the questions about the bridge. Nothing of tandem in here either.
namespace bench {

inline std::int64_t nanoseconds_now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

/// Of this thread and all that it starts from now on.
inline void use_one_cpu() {
    cpu_set_t all;
    sched_getaffinity(0, sizeof all, &all);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &all)) continue;
        CPU_SET(cpu, &one);
        break;
    }
    sched_setaffinity(0, sizeof one, &one);
}

/// Calls `call` so often, one after the other, and reports p50, p99 and the CPU time of one.
template <class Call>
void report_latency(std::string_view bench, std::string_view who, const std::string& cores, long calls,
                    Call call) {
    for (long i = 0; i < calls / 10; ++i) call();
    std::vector<std::int64_t> took;
    took.reserve(static_cast<std::size_t>(calls));
    const auto before = usage_now();
    for (long i = 0; i < calls; ++i) {
        const auto start = nanoseconds_now();
        call();
        took.push_back(nanoseconds_now() - start);
    }
    const auto used = usage_now() - before;
    std::sort(took.begin(), took.end());
    const auto at = [&](double share) {
        return static_cast<double>(took[static_cast<std::size_t>(share * static_cast<double>(calls - 1))]);
    };
    report(bench, who, "p50_" + cores, at(0.5), "ns");
    report(bench, who, "p99_" + cores, at(0.99), "ns");
    report_ns(bench, who, "cpu_" + cores, used, calls);
}

/// Runs `measure("one_core")` in a child that has one CPU, then `measure("two_cores")` here.
template <class Measure>
void on_one_and_two_cores(Measure measure) {
    std::fflush(stdout);
    if (const auto child = fork(); child == 0) {
        use_one_cpu();
        measure("one_core");
        std::fflush(stdout);
        _exit(0);
    } else {
        int status = 0;
        waitpid(child, &status, 0);
    }
    measure("two_cores");
}

/// `threads` threads make `calls` calls in all, at once; reports how many a second, and the CPU time of one.
template <class Call>
void report_callers(std::string_view bench, std::string_view who, int threads, long calls, Call call) {
    call();
    const auto before = usage_now();
    std::vector<std::thread> callers;
    for (int t = 0; t < threads; ++t) {
        callers.emplace_back([&] {
            for (long i = 0; i < calls / threads; ++i) call();
        });
    }
    for (auto& caller : callers) caller.join();
    const auto used = usage_now() - before;
    report(bench, who, "calls_per_s", static_cast<double>(calls) / used.wall_s, "1/s");
    report_ns(bench, who, "cpu_per_call", used, calls);
}

}  // namespace bench
