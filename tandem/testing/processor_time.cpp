#include <tandem/testing/processor_time.hpp>

#include <time.h>

namespace tandem::inline v1::testing {
namespace {

Duration read_clock(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Duration processor_time() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }
Duration processor_time_of_process() { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

}  // namespace tandem::inline v1::testing
