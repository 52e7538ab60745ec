// Rows of small web servers, as in examples/web_hello.cpp; curl judges.
#include <tandem/base/unique_fd.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/http/client.hpp>
#include <tandem/http/server.hpp>
#include <tandem/io/line_reader.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/raw_socket.hpp>
#include <tandem/testing/server_process.hpp>
#include <tandem/testing/shell.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;

std::string curl(const std::string& arguments) { return testing::printed_by("curl -s -m 20 " + arguments); }

bool no_curl() { return !testing::find_program("curl"); }

Task<std::string> fetch(Client& client, std::string url) {
    auto response = co_await client.get(url);
    co_return co_await response.text();
}

// E4

Router aio_web(Duration delay) {
    Router app;
    app.get("/", [delay](Request&) -> Task<Response> {
        co_await sleep(delay);
        co_return Response::html("<h1>Index</h1>");
    });
    app.get("/hello/{name}", [delay](Request& request) -> Task<Response> {
        co_await sleep(delay);
        co_return Response::html("<h1>hello, " + std::string(request.path_value("name")) + "!</h1>");
    });
    return app;
}

ASYNC_TEST(E4, a_hundred_requests_at_once_are_answered_in_the_time_of_one) {
    Server server(aio_web(500ms));
    co_await server.start();
    Client client;
    const auto begin = this_loop().time();
    std::vector<Task<std::string>> requests;
    for (int i = 0; i < 99; ++i) requests.push_back(fetch(client, server.url("/hello/" + std::to_string(i))));
    requests.push_back(fetch(client, server.url("/")));
    const auto pages = co_await gather(std::move(requests));
    const auto took = this_loop().time() - begin;
    co_await client.close();
    co_await server.shutdown(1s);

    EXPECT_EQ(took, 500ms);
    for (std::size_t i = 0; i < 99; ++i) EXPECT_EQ(pages[i], "<h1>hello, " + std::to_string(i) + "!</h1>");
    EXPECT_EQ(pages[99], "<h1>Index</h1>");
}

ASYNC_TEST_REAL_TIME(E4, curl_is_greeted_by_name) {
    if (no_curl()) co_return;
    Server server(aio_web(25ms));
    co_await server.start();
    const std::string printed = co_await to_thread(curl, server.url("/") + " " + server.url("/hello/Bob"));
    const std::string decoded = co_await to_thread(curl, server.url("/hello/B%C3%B6b%20%2F"));
    co_await server.shutdown(1s);

    EXPECT_EQ(printed, "<h1>Index</h1><h1>hello, Bob!</h1>");
    EXPECT_EQ(decoded,
              "<h1>hello, B\xc3\xb6"
              "b /!</h1>");
}

// U22

Task<void> answer_one(UniqueFd peer) {
    std::string request;
    while (request.find("\r\n\r\n") == std::string::npos) {
        const std::string data = co_await testing::sock_recv(peer.get(), 1'024);
        if (data.empty()) co_return;
        request += data;
    }
    const std::string html = "<html><body><h1>Hello Web</h1></body></html>\n";
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: " + std::to_string(html.size()) +
        "\r\nConnection: close\r\n\r\n" + html;
    co_await testing::sock_sendall(peer.get(), answer);
}

Task<void> answer_all(int listener) {
    TaskGroup handlers;
    for (;;) {
        UniqueFd peer = co_await testing::sock_accept(listener);
        handlers.create_task(answer_one(std::move(peer)));
    }
}

ASYNC_TEST_REAL_TIME(U22, curl_gets_the_page_from_a_server_of_bare_sockets_also_when_others_say_nothing) {
    if (no_curl()) co_return;
    const auto listener = testing::raw_listener();
    auto server = create_task(answer_all(listener.socket.get()));
    auto silent = co_await net::connect("127.0.0.1", listener.port);
    const std::string url = "http://127.0.0.1:" + std::to_string(listener.port) + "/";
    const std::string printed =
        co_await to_thread(curl, "-w '%{http_code} %{content_type}\\n' " + url + " " + url);
    silent.abort();
    server.cancel();
    co_await server.join();

    const std::string page = "<html><body><h1>Hello Web</h1></body></html>\n200 text/html\n";
    EXPECT_EQ(printed, page + page);
}

// U24

using StartResponse = std::function<void(const std::string& status, const std::string& content_type)>;

std::vector<std::string> hello_wsgi(const std::string& path, const StartResponse& start_response) {
    start_response(path == "/hello" ? "200 OK" : "404 Not Found", "text/plain");
    if (path != "/hello") return {"no such page\n"};
    return {"Hello ", "WSGI", "\n"};
}

Task<void> run_application(net::TcpStream peer) {
    io::LineReader lines(peer);
    auto request = co_await lines.next();
    while (auto line = co_await lines.next()) {
        if (line->empty()) break;
    }
    if (request) {
        const auto begin = request->find(' ') + 1;
        std::string head;
        std::string body;
        const auto start = [&head](const std::string& status, const std::string& type) {
            head = "HTTP/1.1 " + status + "\r\nContent-Type: " + type + "\r\n";
        };
        for (const auto& part : hello_wsgi(request->substr(begin, request->find(' ', begin) - begin), start))
            body += part;
        head += "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n";
        const std::string answer = head + body;
        co_await peer.write_all(answer);
    }
    co_await peer.close();
}

static_assert(!AnyAwaitable<decltype(hello_wsgi("", StartResponse()))>);

ASYNC_TEST_REAL_TIME(U24, curl_gets_what_a_plain_function_returns) {
    if (no_curl()) co_return;
    auto listener = co_await net::listen({.host = "127.0.0.1"});
    auto server = create_task(net::serve(listener, run_application));
    const std::string base = "http://" + listener.local_address();
    const std::string printed = co_await to_thread(curl, base + "/hello");
    const std::string missing = co_await to_thread(curl, "-w '%{http_code}' " + base + "/elsewhere");
    server.cancel();
    co_await server.join();

    EXPECT_EQ(printed, "Hello WSGI\n");
    EXPECT_EQ(missing, "no such page\n404");
}

ASYNC_TEST(U24, the_librarys_own_server_runs_a_plain_function_too) {
    Server server(
        [](Request& request) { return Response::text("Hello " + request.param("who").value_or("?")); });
    co_await server.start();
    Client client;
    const std::string page = co_await fetch(client, server.url("/?who=WSGI"));
    co_await client.close();
    co_await server.shutdown(1s);

    EXPECT_EQ(page, "Hello WSGI");
}

// W1

using Trace = std::vector<std::string>;

CoroutineHandler with_request_id(CoroutineHandler inner, int& last_id) {
    return [inner, &last_id](Request& request) -> Task<Response> {
        const std::string id = std::to_string(++last_id);
        request.headers().add("X-Request-Id", id);
        Response response = co_await inner(request);
        response.header("X-Request-Id", id);
        co_return response;
    };
}

CoroutineHandler errors_to_json(CoroutineHandler inner) {
    return [inner](Request& request) -> Task<Response> {
        try {
            co_return co_await inner(request);
        } catch (const std::exception& error) {
            co_return Response::json(std::string("{\"error\": \"") + error.what() + "\"}", 500);
        }
    };
}

CoroutineHandler traced(CoroutineHandler inner, std::string name, Trace& trace) {
    return [inner, name, &trace](Request& request) -> Task<Response> {
        trace.push_back("into " + name);
        Response response = co_await inner(request);
        trace.push_back("out of " + name);
        co_return response;
    };
}

Task<Response> work(Request& request) {
    co_await sleep(100ms);
    if (request.param("fail")) throw std::runtime_error("as asked");
    co_return Response::json("{\"id\": " + std::string(*request.headers().get("X-Request-Id")) + "}");
}

struct Answer {
    int status = 0;
    std::string id;
    std::string text;
};

Task<Answer> call(Client& client, std::string url) {
    auto response = co_await client.get(url);
    Answer answer;
    answer.status = response.status();
    answer.id = response.headers().get("X-Request-Id").value_or("none");
    answer.text = co_await response.text();
    co_return answer;
}

Router service(int& last_id, Trace& trace) {
    auto handler = traced(errors_to_json(work), "errors", trace);
    handler = traced(with_request_id(handler, last_id), "request id", trace);
    Router app;
    app.get("/work", handler);
    return app;
}

ASYNC_TEST(W1, fifty_calls_at_once_have_each_their_own_id) {
    int last_id = 0;
    Trace trace;
    Server server(service(last_id, trace));
    co_await server.start();
    Client client;
    const auto begin = this_loop().time();
    std::vector<Task<Answer>> calls;
    for (int i = 0; i < 50; ++i) calls.push_back(call(client, server.url("/work")));
    const auto answers = co_await gather(std::move(calls));
    const auto took = this_loop().time() - begin;
    co_await client.close();
    co_await server.shutdown(1s);

    std::set<std::string> ids;
    for (const auto& answer : answers) {
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.text, "{\"id\": " + answer.id + "}");
        ids.insert(answer.id);
    }
    EXPECT_EQ(ids.size(), 50U);
    EXPECT_EQ(took, 100ms);
}

ASYNC_TEST(W1, an_exception_becomes_json_in_the_middlewares_order_and_the_service_goes_on) {
    int last_id = 0;
    Trace trace;
    Server server(service(last_id, trace));
    co_await server.start();
    Client client;
    const auto failed = co_await call(client, server.url("/work?fail=1"));
    const auto after = co_await call(client, server.url("/work"));
    co_await client.close();
    co_await server.shutdown(1s);

    EXPECT_EQ(failed.status, 500);
    EXPECT_EQ(failed.text, R"({"error": "as asked"})");
    EXPECT_EQ(failed.id, "1");
    EXPECT_EQ(after.status, 200);
    EXPECT_EQ(server.counts().failures, 0U);
    trace.resize(4);
    EXPECT_EQ(trace, (Trace{"into request id", "into errors", "out of errors", "out of request id"}));
}

}  // namespace
}  // namespace tandem::http
