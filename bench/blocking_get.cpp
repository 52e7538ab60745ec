// bench/blocking_get.cpp
// What does a blocking GET of 1 KiB over a keep-alive connection cost?
// The full client by run_blocking(), one call after the other, all in this thread.
//
// Usage: blocking_get URL [requests]

#include <bench/support/report.hpp>
#include <tandem/bridge/run_blocking.hpp>
#include <tandem/http/client.hpp>

#include <string>

using namespace tandem;

namespace {

Task<std::string> fetch(http::Client& client, const http::Url& url) {
    auto reply = co_await client.get(url);
    reply.raise_for_status();
    std::string body = co_await reply.bytes();
    co_return body;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return std::fprintf(stderr, "usage: blocking_get URL [requests]\n"), 2;
    const http::Url url(argv[1]);
    const long requests = bench::argument(argc, argv, 2, 100'000);
    http::Client client;
    bench::keep(run_blocking(fetch(client, url)).size());  // connects

    double bytes = 0;
    const auto before = bench::usage_now();
    for (long i = 0; i < requests; ++i) bytes += static_cast<double>(run_blocking(fetch(client, url)).size());
    const auto used = bench::usage_now() - before;

    run_blocking(client.close());
    bench::report_gets("tandem", requests, bytes, used);
}
