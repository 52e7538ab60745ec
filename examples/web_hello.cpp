// Small web servers: with routes, on bare sockets, around a function that knows nothing of async, and a JSON
// service with middlewares.
#include <tandem/base/unique_fd.hpp>
#include <tandem/io/readiness.hpp>
#include <tandem/tandem.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace tandem;
using namespace std::chrono_literals;

// E4: aio_web

Task<http::Response> home(http::Request&) {
    co_await sleep(500ms);
    co_return http::Response::html("<h1>Index</h1>");
}

Task<http::Response> hello(http::Request& request) {
    co_await sleep(500ms);
    co_return http::Response::html("<h1>hello, " + std::string(request.path_value("name")) + "!</h1>");
}

Task<std::string> get(std::string url) {
    auto response = co_await http::get(url);
    co_return co_await response.text();
}

Task<void> aio_web() {
    http::Router app;
    app.get("/", home);
    app.get("/hello/{name}", hello);
    http::Server server(app);
    co_await server.start();
    const auto [first, bob] = co_await gather(get(server.url("/")), get(server.url("/hello/Bob")));
    std::printf("%s\n%s\n", first.c_str(), bob.c_str());

    const auto begin = this_loop().time();
    std::vector<Task<std::string>> requests;
    for (int i = 0; i < 100; ++i) requests.push_back(get(server.url("/hello/" + std::to_string(i))));
    const auto pages = co_await gather(std::move(requests));
    std::printf("%zu requests at once: %ld ms\n", pages.size(),
                static_cast<long>((this_loop().time() - begin) / 1ms));
    co_await server.shutdown(1s);
}

// U22: a web server of sockets, and of nothing else.

template <class F>
ssize_t checked(F call) {
    const ssize_t result = call();
    if (result < 0 && errno != EAGAIN) throw std::system_error(errno, std::generic_category(), "socket");
    return result;
}

Task<UniqueFd> sock_accept(int socket) {
    for (;;) {
        const auto fd = checked([&] { return ::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK); });
        if (fd >= 0) co_return UniqueFd(static_cast<int>(fd));
        co_await io::readable(socket);
    }
}

Task<std::string> sock_recv(int socket, std::size_t most) {
    std::string data(most, '\0');
    for (;;) {
        const auto count = checked([&] { return ::recv(socket, data.data(), data.size(), 0); });
        if (count >= 0) co_return data.substr(0, static_cast<std::size_t>(count));
        co_await io::readable(socket);
    }
}

Task<void> sock_sendall(int socket, std::string data) {
    for (std::size_t sent = 0; sent < data.size();) {
        const auto count =
            checked([&] { return ::send(socket, data.data() + sent, data.size() - sent, MSG_NOSIGNAL); });
        if (count >= 0)
            sent += static_cast<std::size_t>(count);
        else
            co_await io::writable(socket);
    }
}

UniqueFd listening_socket(std::uint16_t& port) {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    sockaddr_in address{};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    checked([&] { return ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); });
    checked([&] { return ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size); });
    checked([&] { return ::listen(socket.get(), 10); });
    checked([&] { return ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size); });
    port = ntohs(address.sin_port);
    return socket;
}

const std::string html = "<html><body><h1>Hello Web</h1></body></html>\n";

std::string make_response() {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: " + std::to_string(html.size()) +
           "\r\nConnection: close\r\n\r\n" + html;
}

Task<void> handler(UniqueFd peer) {
    std::string request;
    while (request.find("\r\n\r\n") == std::string::npos) {
        const std::string data = co_await sock_recv(peer.get(), 1024);
        if (data.empty()) co_return;
        request += data;
    }
    co_await sock_sendall(peer.get(), make_response());
}

Task<void> web_server(int listener) {
    TaskGroup handlers;
    for (;;) {
        UniqueFd peer = co_await sock_accept(listener);
        handlers.create_task(handler(std::move(peer)));
    }
}

Task<void> on_raw_sockets() {
    std::uint16_t port = 0;
    const UniqueFd listener = listening_socket(port);
    auto server = create_task(web_server(listener.get()));
    const std::string page = co_await get("http://127.0.0.1:" + std::to_string(port) + "/");
    std::printf("%s", page.c_str());
    server.cancel();
    co_await server.join();
}

// U24: a server for applications in the manner of WSGI; they are plain functions.

using Environ = std::map<std::string, std::string>;
using StartResponse =
    std::function<void(std::string status, std::vector<std::pair<std::string, std::string>>)>;
using Application = std::function<std::vector<std::string>(const Environ&, const StartResponse&)>;

std::vector<std::string> app(const Environ& env, const StartResponse& start_response) {
    if (env.at("PATH_INFO") != "/hello") {
        start_response("404 Not Found", {{"Content-Type", "text/plain"}});
        return {"no such page\n"};
    }
    start_response("200 OK", {{"Content-Type", "text/plain"}});
    return {"Hello ", "WSGI", "\n"};
}

class WSGIServer {
public:
    explicit WSGIServer(Application application) : application_(std::move(application)) {}

    Task<void> handle(net::TcpStream peer) {
        io::LineReader lines(peer);
        auto request_line = co_await lines.next();
        while (auto line = co_await lines.next()) {
            if (line->empty()) break;
        }
        if (request_line) co_await peer.write_all(respond(*request_line));
        co_await peer.close();
    }

private:
    std::string respond(const std::string& request_line) const {
        const auto path = request_line.find(' ') + 1;
        const Environ env = {{"REQUEST_METHOD", request_line.substr(0, path - 1)},
                             {"PATH_INFO", request_line.substr(path, request_line.find(' ', path) - path)}};
        std::string response;
        const auto parts = application_(env, [&](const std::string& status, const auto& headers) {
            response = "HTTP/1.1 " + status + "\r\n";
            for (const auto& [name, value] : headers)
                response.append(name).append(": ").append(value).append("\r\n");
        });
        std::string body;
        for (const auto& part : parts) body += part;
        return response + "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" +
               body;
    }

    Application application_;
};

Task<void> wsgi() {
    WSGIServer server(app);
    net::TcpListener listener = co_await net::listen({.host = "127.0.0.1"});
    auto serving = create_task(
        net::serve(listener, [&server](net::TcpStream peer) { return server.handle(std::move(peer)); }));
    const std::string base = "http://" + listener.local_address();
    const auto [page, missing] = co_await gather(get(base + "/hello"), get(base + "/elsewhere"));
    std::printf("%s%s", page.c_str(), missing.c_str());
    serving.cancel();
    co_await serving.join();
}

// W1: a JSON service. A middleware is a handler around another one.

using http::CoroutineHandler;

CoroutineHandler with_request_id(CoroutineHandler inner, int& last_id) {
    return [inner, &last_id](http::Request& request) -> Task<http::Response> {
        const std::string id = std::to_string(++last_id);
        request.headers().add("X-Request-Id", id);
        http::Response response = co_await inner(request);
        co_return std::move(response.header("X-Request-Id", id));
    };
}

CoroutineHandler errors_to_json(CoroutineHandler inner) {
    return [inner](http::Request& request) -> Task<http::Response> {
        try {
            co_return co_await inner(request);
        } catch (const std::exception& error) {
            co_return http::Response::json(std::string("{\"error\": \"") + error.what() + "\"}", 500);
        }
    };
}

CoroutineHandler timed(CoroutineHandler inner) {
    return [inner](http::Request& request) -> Task<http::Response> {
        const auto begin = this_loop().time();
        http::Response response = co_await inner(request);
        const auto took = std::to_string((this_loop().time() - begin) / 1ms);
        co_return std::move(response.header("X-Time", took + " ms"));
    };
}

CoroutineHandler traced(CoroutineHandler inner, std::string name, bool& on) {
    return [inner, name, &on](http::Request& request) -> Task<http::Response> {
        if (on) std::printf("into %s\n", name.c_str());
        http::Response response = co_await inner(request);
        if (on) std::printf("out of %s\n", name.c_str());
        co_return response;
    };
}

Task<http::Response> work(http::Request& request) {
    co_await sleep(100ms);
    if (request.param("fail")) throw std::runtime_error("as asked");
    co_return http::Response::json("{\"id\": " + std::string(*request.headers().get("X-Request-Id")) + "}");
}

Task<std::string> call(std::string url) {
    auto response = co_await http::get(url);
    const std::string text = co_await response.text();
    std::string line = std::to_string(response.status()) + " " + text;
    line.append(", ").append(response.headers().get("X-Time").value_or("not timed"));
    co_return line;
}

Task<void> json_service() {
    int last_id = 0;
    bool trace = false;
    auto handler = traced(errors_to_json(work), "errors", trace);
    handler = traced(timed(handler), "time", trace);
    handler = traced(with_request_id(handler, last_id), "request id", trace);
    http::Router app;
    app.get("/work", handler);
    http::Server server(app);
    co_await server.start();

    std::vector<Task<std::string>> calls;
    for (int i = 0; i < 50; ++i) calls.push_back(call(server.url("/work")));
    const auto answers = co_await gather(std::move(calls));
    const std::set<std::string> different(answers.begin(), answers.end());
    std::printf("%zu calls at once, %zu different ids, %s\n", answers.size(), different.size(),
                answers.front().substr(answers.front().find(", ") + 2).c_str());
    trace = true;
    const std::string failed = co_await call(server.url("/work?fail=1"));
    std::puts(failed.c_str());
    trace = false;
    const std::string after = co_await call(server.url("/work"));
    std::puts(after.c_str());
    co_await server.shutdown(1s);
}

int main() {
    VirtualTime time;

    std::puts("E4");
    run(aio_web(), {.time = &time});

    std::puts("U22");
    run(on_raw_sockets());

    std::puts("U24");
    run(wsgi());

    std::puts("W1");
    run(json_service(), {.time = &time});
}
