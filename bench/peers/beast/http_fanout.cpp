// bench/peers/beast/http_fanout.cpp
// What does fetching 1 KiB over many keep-alive connections cost with Boost.Beast?
// One coroutine per connection on one io_context, without timeouts (which is to Beast's advantage).
//
// Usage: http_fanout URL [requests] [connections]

#include <bench/support/report.hpp>
#include <bench/support/url.hpp>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

using Executor = asio::io_context::executor_type;
using Stream = asio::basic_stream_socket<tcp, Executor>;
constexpr asio::use_awaitable_t<Executor> use_awaitable;

struct Work {
    bench::Url url;
    long unsent = 0;
    bench::Fanout run;
};

asio::awaitable<void, Executor> fetch_in_turn(Executor executor, Work& work) {
    Stream stream(executor);
    const auto port = static_cast<unsigned short>(std::stoi(work.url.port));
    co_await stream.async_connect({asio::ip::make_address(work.url.host), port}, use_awaitable);
    stream.set_option(tcp::no_delay(true));

    http::request<http::empty_body> request(http::verb::get, work.url.target, 11);
    request.set(http::field::host, work.url.authority());
    beast::flat_buffer buffer;
    while (work.unsent > 0) {
        --work.unsent;
        http::response<http::string_body> response;
        co_await http::async_write(stream, request, use_awaitable);
        co_await http::async_read(stream, buffer, response, use_awaitable);
        work.run.errors += response.result() == http::status::ok ? 0 : 1;
        work.run.body_bytes += response.body().size();
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return std::fprintf(stderr, "usage: http_fanout URL [requests] [connections]\n"), 2;
    Work work;
    work.url = bench::parse_url(argv[1]);
    work.run.requests = work.unsent = bench::argument(argc, argv, 2, 200'000);
    work.run.connections = bench::argument(argc, argv, 3, 64);
    asio::io_context context(1);

    const auto before = bench::usage_now();
    for (long i = 0; i < work.run.connections; ++i) {
        asio::co_spawn(context, fetch_in_turn(context.get_executor(), work),
                       [](const std::exception_ptr& failure) {
                           if (failure) std::rethrow_exception(failure);
                       });
    }
    context.run();
    work.run.used = bench::usage_now() - before;

    bench::report_fanout("beast", work.run);
}
