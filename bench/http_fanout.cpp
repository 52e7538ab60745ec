// bench/http_fanout.cpp
// What does fetching 1 KiB over many keep-alive connections cost?
// The full client, with its pool, limits, timeouts and redirects on; one task per connection.
//
// Usage: http_fanout URL [requests] [connections]

#include <bench/support/report.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/http/client.hpp>
#include <tandem/task/task_group.hpp>

#include <cstdio>
#include <exception>

using namespace tandem;

namespace {

struct Work {
    http::Url url;
    long unsent = 0;
    bench::Fanout run;
};

Task<void> fetch_in_turn(http::Client& client, Work& work) {
    while (work.unsent > 0) {
        --work.unsent;
        try {
            auto reply = co_await client.get(work.url);
            const std::string& body = co_await reply.bytes();
            work.run.errors += reply.status() == 200 ? 0 : 1;
            work.run.body_bytes += body.size();
        } catch (const std::exception& error) {
            if (++work.run.errors == 1) std::fprintf(stderr, "%s\n", error.what());
        }
    }
}

Task<void> fetch_all(Work& work) {
    http::PoolLimits pool;
    pool.max_connections = static_cast<std::size_t>(work.run.connections);
    http::Client client(http::ClientOptions().pool(pool));
    TaskGroup group;
    for (long i = 0; i < work.run.connections; ++i) group.create_task(fetch_in_turn(client, work));
    co_await group.join();
    co_await client.close();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return std::fprintf(stderr, "usage: http_fanout URL [requests] [connections]\n"), 2;
    Work work{http::Url(argv[1]), 0, {}};
    work.run.requests = work.unsent = bench::argument(argc, argv, 2, 200'000);
    work.run.connections = bench::argument(argc, argv, 3, 64);

    const auto before = bench::usage_now();
    run(fetch_all(work));
    work.run.used = bench::usage_now() - before;

    bench::report_fanout("tandem", work.run);
}
