// T10: what curl, wget and Python's http.client make of our answers.
#include <tandem/bridge/get.hpp>
#include <tandem/http/server.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/shell.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;

/// Runs a program and gives what it wrote to both streams.
testing::ShellResult shell(const std::string& command) {
    return testing::shell("timeout 20 " + command + " 2>&1");
}

bool missing(const char* program) {
    return shell("sh -c 'command -v " + std::string(program) + "'").status != 0;
}

class Numbers final : public BodySource {
public:
    Task<std::size_t> read_some(MutableBytes buffer) override {
        if (next_ > 5) co_return std::size_t{0};
        co_await sleep(2ms);
        buffer.data()[0] = static_cast<char>('0' + next_++);
        co_return std::size_t{1};
    }

private:
    int next_ = 1;
};

Router world() {
    Router routes;
    routes.get("/hello", [](Request&) { return Response::text("hello\n"); });
    routes.get("/large", [](Request&) { return Response::bytes(std::string(2'000'000, 'L')); });
    routes.get("/stream",
               [](Request&) { return Response::stream(std::make_unique<Numbers>(), "text/plain"); });
    routes.get("/moved", [](Request&) { return Response::redirect("/hello"); });
    routes.post("/echo", [](Request& request) -> Task<Response> {
        std::string text = co_await request.text();
        co_return Response::text(request.headers().contains("Expect") ? "expected " + text : text);
    });
    routes.put("/length", [](Request& request) -> Task<Response> {
        const std::string& text = co_await request.bytes();
        co_return Response::text(std::to_string(text.size()));
    });
    routes.post("/deaf", [](Request&) { return Response::text("not read"); });
    return routes;
}

/// A server in the background and a folder of its own.
class HttpT10 : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/tandem-server-XXXXXX";
        folder_ = ::mkdtemp(name);
        server_ = std::make_unique<Server>(world());
        server_->start().get();
    }
    void TearDown() override {
        server_->shutdown(5s).get();
        EXPECT_EQ(server_->counts().failures, 0U);
        std::filesystem::remove_all(folder_);
    }
    std::string url(const std::string& path) const { return server_->url(path); }
    std::string file_of(std::size_t bytes) const {
        const auto name = folder_ + "/file";
        std::ofstream(name) << std::string(bytes, 'f');
        return name;
    }

    std::string folder_;
    std::unique_ptr<Server> server_;
};

TEST_F(HttpT10, curl_reuses_one_connection_for_several_urls) {
    if (missing("curl")) GTEST_SKIP() << "curl is not installed";
    const auto got = shell("curl -sS " + url("/hello") + " " + url("/stream") + " " + url("/hello"));
    EXPECT_EQ(got.output, "hello\n12345hello\n");
    EXPECT_EQ(server_->counts().connections_accepted, 1U);
}

TEST_F(HttpT10, curl_speaks_http_1_0) {
    if (missing("curl")) GTEST_SKIP() << "curl is not installed";
    EXPECT_EQ(shell("curl -sS --http1.0 " + url("/hello")).output, "hello\n");
    const auto streamed = shell("curl -sSi --http1.0 " + url("/stream"));
    EXPECT_EQ(streamed.output.find("Transfer-Encoding"), std::string::npos);
    EXPECT_TRUE(streamed.output.ends_with("\r\n\r\n12345")) << streamed.output;
}

TEST_F(HttpT10, curl_sees_the_length_of_head) {
    if (missing("curl")) GTEST_SKIP() << "curl is not installed";
    const auto got = shell("curl -sSI " + url("/large"));
    EXPECT_EQ(got.status, 0);
    EXPECT_NE(got.output.find("Content-Length: 2000000\r\n"), std::string::npos) << got.output;
}

TEST_F(HttpT10, curl_uploads_in_chunks) {
    if (missing("curl")) GTEST_SKIP() << "curl is not installed";
    const auto got =
        shell("curl -sS -T " + file_of(300'000) + " -H 'Transfer-Encoding: chunked' " + url("/length"));
    EXPECT_EQ(got.output, "300000");
}

TEST_F(HttpT10, curl_waits_for_100_continue_and_gets_it) {
    if (missing("curl")) GTEST_SKIP() << "curl is not installed";
    const auto begin = std::chrono::steady_clock::now();
    const auto got =
        shell("curl -sSv -H 'Expect: 100-continue' --expect100-timeout 10 -d some " + url("/echo"));
    EXPECT_NE(got.output.find("HTTP/1.1 100 Continue"), std::string::npos) << got.output;
    EXPECT_NE(got.output.find("expected some"), std::string::npos) << got.output;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST_F(HttpT10, curl_gets_the_answer_to_an_upload_that_nobody_reads) {
    if (missing("curl")) GTEST_SKIP() << "curl is not installed";
    const auto refused = shell("curl -sS -H 'Expect:' --data-binary @" + file_of(3'000'000) +
                               " -w '%{http_code}' " + url("/echo"));
    EXPECT_TRUE(refused.output.ends_with("413")) << refused.output;
    const auto ignored =
        shell("curl -sS -H 'Expect:' --data-binary @" + file_of(500'000) + " " + url("/deaf"));
    EXPECT_EQ(ignored.output, "not read");
}

TEST_F(HttpT10, wget_follows_a_redirect_and_saves_a_large_file) {
    if (missing("wget")) GTEST_SKIP() << "wget is not installed";
    EXPECT_EQ(shell("wget -q -O - " + url("/moved")).output, "hello\n");
    const auto name = folder_ + "/large";
    EXPECT_EQ(shell("wget -q -O " + name + " " + url("/large")).status, 0);
    EXPECT_EQ(std::filesystem::file_size(name), 2'000'000U);
}

TEST_F(HttpT10, pythons_client_keeps_its_connection_through_all_methods) {
    if (missing("python3")) GTEST_SKIP() << "python3 is not installed";
    const auto script = folder_ + "/ask.py";
    std::ofstream(script) << R"(import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
def ask(method, path, body=None, **more):
    connection.request(method, path, body, **more)
    answer = connection.getresponse()
    text = answer.read()
    print(method, answer.status, len(text), text[:5].decode(), answer.getheader("Allow") or "")
ask("GET", "/hello")
ask("HEAD", "/large")
ask("POST", "/echo", "body")
ask("PUT", "/length", iter([b"abc", b"defg"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
ask("GET", "/stream")
ask("DELETE", "/hello")
ask("OPTIONS", "/hello")
ask("GET", "/nowhere")
)";
    const auto got = shell("python3 " + script + " " + std::to_string(server_->port()));
    EXPECT_EQ(
        got.output,
        "GET 200 6 hello \nHEAD 200 0  \nPOST 200 4 body \nPUT 200 1 7 \nGET 200 5 12345 \n"
        "DELETE 405 23 405 M GET, HEAD, OPTIONS\nOPTIONS 204 0  GET, HEAD, OPTIONS\nGET 404 14 404 N \n");
    EXPECT_EQ(server_->counts().connections_accepted, 1U);
}

TEST_F(HttpT10, curl_asks_over_tls) {
    if (missing("curl") || missing("openssl")) GTEST_SKIP() << "curl or openssl is not installed";
    const auto key = folder_ + "/key.pem";
    const auto certificate = folder_ + "/certificate.pem";
    const auto made = shell(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
        "/CN=localhost "
        "-addext subjectAltName=IP:127.0.0.1 -keyout " +
        key + " -out " + certificate);
    ASSERT_EQ(made.status, 0) << made.output;
    tls::ServerConfig config;
    config.certificate_file = certificate;
    config.key_file = key;
    config.alpn = {"http/1.1"};
    Server secure(world(), ServerOptions().tls(tls::Context::server(config)));
    secure.start().get();
    EXPECT_TRUE(secure.url().starts_with("https://"));
    const auto got =
        shell("curl -sS --cacert " + certificate + " " + secure.url("/hello") + " " + secure.url("/stream"));
    EXPECT_EQ(got.output, "hello\n12345");
    EXPECT_EQ(secure.counts().connections_accepted, 1U);
    const auto plain = shell("curl -sS http://127.0.0.1:" + std::to_string(secure.port()) + "/hello");
    EXPECT_NE(plain.status, 0);
    secure.shutdown(5s).get();
}

}  // namespace
}  // namespace tandem::http
