// Calls that are under way when their loop ends, over sockets: there a cancelled read ends later than the
// client is told.
#include <tandem/http/client.hpp>

#include <tandem/bridge/pending.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/backends.hpp>
#include <tandem/testing/loop_thread.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>
#include <utility>
#include <vector>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;

/// Says what it is given and then nothing more, to everybody.
class StallingServer {
public:
    explicit StallingServer(std::string said)
        : said_(std::move(said)),
          serving_(serve().start(on(server_.loop))),
          url_(started_.get_future().get()) {}
    ~StallingServer() {
        serving_.cancel();
        EXPECT_THROW(serving_.get(), TaskCancelled);
    }
    const std::string& url() const { return url_; }

private:
    Task<void> serve() {
        net::ListenOptions where;
        where.host = "127.0.0.1";
        auto listener = co_await net::listen(where);
        started_.set_value("http://" + listener.local_address() + "/");
        const auto handler = [this](net::TcpStream peer) { return stall(std::move(peer)); };
        co_await net::serve(listener, handler);
    }
    Task<void> stall(net::TcpStream peer) {
        char piece[1'000];
        std::size_t count = co_await peer.read_some(piece);
        if (!said_.empty()) co_await peer.write_all(said_);
        while (count > 0) count = co_await peer.read_some(piece);
    }

    std::string said_;
    std::promise<std::string> started_;
    testing::LoopThread server_;
    Pending<void> serving_;
    std::string url_;
};

Task<void> read_page(std::string url, std::vector<std::string>& ends) {
    try {
        Response reply = co_await get(url);
        ends.push_back("head");
        co_await reply.text();
        ends.push_back("body");
    } catch (const Cancelled&) {
        ends.push_back("cancelled");
        throw;
    } catch (const std::exception& error) {
        ends.push_back(error.what());
        throw;
    }
}

Task<void> leave_behind(const std::string& url, std::vector<std::string>& ends) {
    create_task(read_page(url, ends), {.name = "left behind"});
    co_await sleep(20ms);
}

/// How a call ends, and everything the loop says, when the loop is closed while the server stalls.
std::vector<std::string> left_behind(BackendChoice backend, const std::string& said) {
    const StallingServer server(said);
    std::vector<std::string> ends;
    EventLoop loop({.backend = backend});
    loop.set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        ends.push_back(context.message.substr(0, context.message.find(',')));
    });
    loop.run_until_complete(leave_behind(server.url(), ends));
    loop.close();
    return ends;
}

constexpr const char* pending = "task was still pending when its loop closed";

TEST(HttpH22, a_call_without_an_answer_is_cancelled_with_its_loop_and_not_failed_by_its_client) {
    for (const auto backend : testing::backends()) {
        if (backend == BackendChoice::sim) continue;  // the server is outside
        SCOPED_TRACE(testing::name_of(backend));
        for (const char* said : {"", "HTTP/1.1 200 OK\r\nContent-"})
            EXPECT_EQ(left_behind(backend, said), (std::vector<std::string>{pending, "cancelled"}));
    }
}

TEST(HttpH22, a_read_of_half_a_body_is_cancelled_with_its_loop_and_not_failed_by_its_client) {
    for (const auto backend : testing::backends()) {
        if (backend == BackendChoice::sim) continue;
        SCOPED_TRACE(testing::name_of(backend));
        EXPECT_EQ(left_behind(backend, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf "),
                  (std::vector<std::string>{"head", pending, "cancelled"}));
    }
}

}  // namespace
}  // namespace tandem::http
