// Real peers: the openssl program as a server and as a client.
#include <tandem/tls/stream.hpp>

#include <tests/contracts/stream_contract.hpp>

#include <tandem/io/line_reader.hpp>
#include <tandem/io/read.hpp>
#include <tandem/io/readiness.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace tandem::tls {
namespace {

using namespace std::chrono_literals;
using contracts::Certificates;
using contracts::test_client_context;
using contracts::test_server_context;

/// What a shell command prints, while this loop goes on.
Task<std::string> output_of(std::string command) {
    std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "re");
    const int fd = ::fileno(pipe);
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    std::string output;
    for (;;) {
        co_await io::readable(fd);
        char buffer[4096];
        const auto count = ::read(fd, buffer, sizeof buffer);
        if (count == 0) break;
        if (count > 0) output.append(buffer, static_cast<std::size_t>(count));
    }
    ::pclose(pipe);
    co_return output;
}

std::string server_command(std::uint16_t port, const std::string& certificate, const std::string& more) {
    return "exec timeout 20 openssl s_server -accept 127.0.0.1:" + std::to_string(port) + " -cert " +
           Certificates::get().certificate(certificate) + " -key " + Certificates::get().key() +
           " -rev -naccept 1 " + more + " </dev/null";
}

/// A TLS connection to s_server, as soon as it listens.
Task<std::unique_ptr<Stream>> dial(std::uint16_t port, ClientOptions options) {
    std::optional<net::TcpStream> tcp;
    for (int i = 0; i < 500 && !tcp; ++i) {
        auto end = co_await as_result(net::connect("127.0.0.1", port));
        if (end.has_value())
            tcp = std::move(end).value();
        else
            co_await sleep(10ms);
    }
    auto transport = std::make_unique<net::TcpStream>(std::move(tcp.value()));
    co_return co_await start_client(std::move(transport), std::move(options));
}

Task<std::uint16_t> free_port() {
    auto listener = co_await net::listen({.host = "127.0.0.1"});
    co_return listener.port();
}

ASYNC_TEST_REAL_TIME(HttpT15, s_server_answers_through_tls_1_3_and_1_2_with_alpn) {
    for (const std::string version : {"-tls1_3", "-tls1_2"}) {
        const auto port = co_await free_port();
        auto server = create_task(output_of(server_command(port, "good", version + " -alpn h2,http/1.1")));
        ClientOptions options(test_client_context(), "127.0.0.1");
        options.alpn(std::vector<std::string>(1, "http/1.1"));

        auto stream = co_await dial(port, std::move(options));
        co_await stream->write_all("abc\n");
        auto lines = io::LineReader(*stream);
        const auto answer = co_await lines.next();
        const auto session = stream->session();
        co_await stream->close();
        co_await std::move(server);

        EXPECT_EQ(answer, "cba");
        EXPECT_EQ(session.version, version == "-tls1_3" ? "TLSv1.3" : "TLSv1.2");
        EXPECT_EQ(session.alpn, "http/1.1");
        EXPECT_TRUE(session.verified);
        EXPECT_EQ(stream->extra("tls.version"), session.version);
    }
}

ASYNC_TEST_REAL_TIME(HttpT15, s_server_hears_why_its_certificate_was_refused) {
    const auto port = co_await free_port();
    auto server = create_task(output_of(server_command(port, "expired", "")));
    ClientOptions options(test_client_context(), "127.0.0.1");

    const auto end = co_await as_result(dial(port, std::move(options)));
    const std::string output = co_await std::move(server);

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().is<CertificateError>()) << end.error().what();
    EXPECT_NE(output.find("alert certificate expired"), std::string::npos) << output;
}

ASYNC_TEST_REAL_TIME(HttpX51, a_server_that_is_held_at_tls_1_1_is_refused) {
    const auto port = co_await free_port();
    auto server = create_task(output_of(server_command(port, "good", "-tls1_1 -cipher ALL@SECLEVEL=0")));
    ClientOptions options(test_client_context(), "127.0.0.1");

    const auto end = co_await as_result(dial(port, std::move(options)));
    co_await std::move(server);

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().is<TlsError>()) << end.error().what();
    EXPECT_FALSE(end.error().is<CertificateError>());
}

ASYNC_TEST_REAL_TIME(HttpX51, the_server_name_is_sent_without_its_final_dot_and_never_for_an_address) {
    for (const std::string name : {"example.test.", "127.0.0.1"}) {
        const auto port = co_await free_port();
        // Only if it is asked for example.test, s_server shows the other certificate.
        auto server = create_task(output_of(server_command(port, "good",
                                                           "-servername example.test -cert2 " +
                                                               Certificates::get().certificate("other") +
                                                               " -key2 " + Certificates::get().key())));
        ClientOptions options(test_client_context(), name);
        const auto end = co_await as_result(dial(port, std::move(options)));
        if (end.has_value()) co_await end.value()->close();
        co_await std::move(server);
        EXPECT_EQ(end.has_error(), name == "example.test.");
    }
}

Task<void> echo_tls(net::TcpStream tcp, Context context) {
    auto transport = std::make_unique<net::TcpStream>(std::move(tcp));
    auto stream = co_await start_server(std::move(transport), ServerOptions(context));
    auto lines = io::LineReader(*stream);
    while (auto line = co_await lines.next()) co_await stream->write_all("echo:" + *line + "\n");
    co_await stream->close();
}

ASYNC_TEST_REAL_TIME(SemIO36, s_client_renews_the_keys_in_mid_stream_and_nothing_is_lost) {
    auto listener = co_await net::listen({.host = "127.0.0.1"});
    const auto context = test_server_context();
    const auto handler = [&context](net::TcpStream tcp) { return echo_tls(std::move(tcp), context); };
    auto server = create_task(net::serve(listener, handler));

    // A line "K" makes s_client renew its keys and ask for the same.
    const auto output = co_await output_of(
        "(echo one; sleep 0.3; echo K; sleep 0.3; echo two; sleep 0.3; echo K; sleep 0.3; echo three; sleep "
        "0.3; "
        "echo Q) | timeout 20 openssl s_client -connect 127.0.0.1:" +
        std::to_string(listener.port()) + " -verify_return_error -CAfile " + Certificates::get().ca());
    server.cancel();
    co_await server.join();

    EXPECT_NE(output.find("echo:one"), std::string::npos) << output;
    EXPECT_NE(output.find("KEYUPDATE"), std::string::npos) << output;
    EXPECT_NE(output.find("echo:two"), std::string::npos) << output;
    EXPECT_NE(output.find("echo:three"), std::string::npos) << output;
    EXPECT_NE(output.find("Verify return code: 0"), std::string::npos) << output;
}

}  // namespace
}  // namespace tandem::tls
