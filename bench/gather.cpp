// bench/gather.cpp
// What does a child of a gather() of 10,000 cost, whose value comes back in its place?
//
// Usage: gather [children]

#include <bench/support/report.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/gather.hpp>

#include <cstdlib>
#include <vector>

using namespace tandem;

namespace {

constexpr long gather_size = 10'000;

[[gnu::noinline]] Task<long> own_number(long number) { co_return number; }

Task<void> gather_many(long gathers) {
    for (long i = 0; i < gathers; ++i) {
        std::vector<Task<long>> children;
        children.reserve(gather_size);
        for (long child = 0; child < gather_size; ++child) children.push_back(own_number(child));
        const auto values = co_await gather(std::move(children));
        if (values.back() != gather_size - 1) std::abort();
    }
}

}  // namespace

int main(int argc, char** argv) {
    const long gathers = (bench::argument(argc, argv, 1, 5'000'000) + gather_size - 1) / gather_size;
    const auto before = bench::usage_now();
    run(gather_many(gathers));
    bench::report_ns("gather", "tandem", "ns_per_child", bench::usage_now() - before, gathers * gather_size);
}
