#include <tandem/tls/stream.hpp>

#include <tests/contracts/stream_contract.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/io/line_reader.hpp>
#include <tandem/io/read.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace tandem::tls {
namespace {

using namespace std::chrono_literals;
using contracts::Certificates;
using contracts::Ends;
using contracts::make_pair_ends;
using contracts::test_client_context;
using contracts::test_server_context;

std::string pattern(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * i % 23);
    return text;
}

/// The client's end of a handshake with a server of ours that shows `certificate`; the server says "hi" and
/// closes.
Task<void> say_hi(std::unique_ptr<io::ByteStream> transport, ServerOptions options) {
    auto stream = co_await start_server(std::move(transport), std::move(options));
    co_await stream->write_all("hi");
    co_await stream->close();
}

// A function, since g++ 12 does not compile braced lists of strings in a coroutine.
template <class... Names>
std::vector<std::string> list_of(Names... names) {
    return {std::string(names)...};
}

struct Met {
    Session session;
    std::string text;
};

Task<Met> meet(std::string certificate, std::string server_name, Context client,
               std::vector<std::string> alpn = {}) {
    auto ends = make_pair_ends();
    ServerConfig config;
    config.certificate_file = Certificates::get().certificate(certificate);
    config.key_file = Certificates::get().key();
    config.alpn = std::move(alpn);
    ServerOptions server_options(Context::server(config));
    auto server = create_task(say_hi(std::move(ends.b), std::move(server_options)));
    ClientOptions options(std::move(client), std::move(server_name));
    auto end = co_await as_result(start_client(std::move(ends.a), std::move(options)));
    Met met;
    if (end.has_value()) {
        met.session = end.value()->session();
        met.text = co_await io::read_all(*end.value());
        co_await end.value()->close();
    }
    const auto served = co_await server.join();
    static_cast<void>(served);
    if (end.has_error()) std::rethrow_exception(end.error().exception());
    co_return met;
}

ASYNC_TEST(HttpX51, a_name_or_address_of_the_certificate_is_accepted) {
    for (const std::string name :
         {"localhost", "example.test", "EXAMPLE.test", "example.test.", "127.0.0.1", "::1", "[::1]"}) {
        const auto met = co_await meet("good", name, test_client_context());
        EXPECT_EQ(met.text, "hi") << name;
        EXPECT_TRUE(met.session.verified);
        EXPECT_EQ(met.session.version, "TLSv1.3");
        EXPECT_EQ(met.session.peer_subject, "CN=example.test");
        EXPECT_EQ(met.session.peer_issuer, "CN=tandem test CA");
        EXPECT_EQ(met.session.peer_key_pins.size(), 1U);
    }
    const auto wild = co_await meet("wildcard", "any.wild.test", test_client_context());
    EXPECT_TRUE(wild.session.verified);
}

struct Refusal {
    const char* certificate;
    const char* server_name;
    const char* reason;
};

ASYNC_TEST(HttpX55, a_certificate_that_does_not_fit_is_refused_with_its_reason) {
    const std::vector<Refusal> refusals = {{"other", "localhost", "hostname mismatch"},
                                           {"good", "127.0.0.2", "IP address mismatch"},
                                           {"good", "::2", "IP address mismatch"},
                                           {"expired", "localhost", "certificate has expired"},
                                           {"self_signed", "localhost", "self-signed certificate"},
                                           {"wildcard", "wild.test", "hostname mismatch"},
                                           {"wildcard", "a.b.wild.test", "hostname mismatch"},
                                           {"partial", "foo.part.test", "hostname mismatch"},
                                           {"only_cn", "example.test", "hostname mismatch"}};
    for (const auto& refusal : refusals) {
        const auto end =
            co_await as_result(meet(refusal.certificate, refusal.server_name, test_client_context()));
        TANDEM_CO_ASSERT_TRUE(end.has_error());
        TANDEM_CO_ASSERT_TRUE(end.error().is<CertificateError>());
        try {
            std::rethrow_exception(end.error().exception());
        } catch (const CertificateError& error) {
            EXPECT_EQ(error.reason(), refusal.reason) << refusal.certificate << " " << refusal.server_name;
            EXPECT_EQ(error.host(), refusal.server_name);
            EXPECT_EQ(error.subject(), "CN=example.test");
        }
    }
}

ASYNC_TEST(HttpX51, an_authority_that_nobody_named_is_not_trusted) {
    const auto end = co_await as_result(meet("good", "localhost", Context::client()));

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().is<CertificateError>());
    EXPECT_NE(end.error().what().find("localhost"), std::string::npos);
}

ASYNC_TEST(HttpH115, a_folder_of_hashed_certificates_is_trusted) {
    ClientConfig config;
    config.ca_path = Certificates::get().ca_path();

    const auto met = co_await meet("good", "localhost", Context::client(config));

    EXPECT_TRUE(met.session.verified);
}

ASYNC_TEST(HttpX54, without_verification_anybody_is_believed_and_the_session_says_so) {
    ClientConfig config;
    config.verify = false;

    const auto met = co_await meet("self_signed", "whatever.test", Context::client(config));

    EXPECT_EQ(met.text, "hi");
    EXPECT_FALSE(met.session.verified);
    EXPECT_EQ(met.session.peer_subject, "CN=example.test");
}

ASYNC_TEST(TlsStream, the_servers_best_common_protocol_is_agreed_and_none_is_no_error) {
    ClientConfig config;
    config.ca_file = Certificates::get().ca();
    config.alpn = list_of("h2", "http/1.1");
    const auto client = Context::client(config);

    const auto agreed = co_await meet("good", "localhost", client, list_of("http/1.1", "h2"));
    const auto none = co_await meet("good", "localhost", client, list_of("other"));
    const auto silent = co_await meet("good", "localhost", client);

    EXPECT_EQ(agreed.session.alpn, "http/1.1");
    EXPECT_EQ(none.session.alpn, "");
    EXPECT_EQ(silent.session.alpn, "");
    EXPECT_EQ(none.text, "hi");
}

ASYNC_TEST(HttpX52, an_end_without_goodbye_is_an_error_and_stays_one) {
    auto ends = make_pair_ends();
    auto* const raw = ends.b.get();
    ServerOptions server_options(test_server_context());
    auto serving = create_task(start_server(std::move(ends.b), std::move(server_options)));
    ClientOptions options(test_client_context(), "localhost");
    auto client = co_await start_client(std::move(ends.a), std::move(options));
    auto server = co_await std::move(serving);
    co_await server->write_all("most of it");
    co_await raw->close();

    const auto text = co_await io::read_exactly(*client, 10);
    const auto end = co_await as_result(io::read_all(*client));
    char buffer[8];
    const auto again = co_await as_result(client->read_some(buffer));

    EXPECT_EQ(text, "most of it");
    TANDEM_CO_ASSERT_TRUE(end.has_error() && again.has_error());
    EXPECT_TRUE(end.error().is<TruncatedStream>()) << end.error().what();
    EXPECT_TRUE(again.error().is<TruncatedStream>());
}

ASYNC_TEST(SemIO35, a_peer_that_speaks_something_else_is_a_protocol_error) {
    auto ends = make_pair_ends();
    co_await ends.b->write_all("HTTP/1.1 400 Bad Request\r\n\r\n");
    ClientOptions options(test_client_context(), "localhost");

    const auto end = co_await as_result(start_client(std::move(ends.a), std::move(options)));
    ends.b->abort();

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().is<TlsError>());
    EXPECT_FALSE(end.error().is<CertificateError>());
    EXPECT_NE(end.error().what().find("does not speak TLS"), std::string::npos) << end.error().what();
}

ASYNC_TEST(SemIO35, a_reset_during_the_handshake_stays_a_socket_error) {
    auto ends = make_pair_ends();
    ends.b->abort();
    ClientOptions options(test_client_context(), "localhost");

    const auto end = co_await as_result(start_client(std::move(ends.a), std::move(options)));

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_EQ(end.error().code(), std::errc::connection_reset);
}

ASYNC_TEST(SemIO35, no_common_version_is_a_protocol_error_on_both_sides) {
    auto ends = make_pair_ends();
    ServerOptions server_options(test_server_context("good", Version::tls1_2));
    auto server = create_task(say_hi(std::move(ends.b), std::move(server_options)));
    ClientConfig config;
    config.ca_file = Certificates::get().ca();
    config.min_version = Version::tls1_3;
    ClientOptions options(Context::client(config), "localhost");

    const auto end = co_await as_result(start_client(std::move(ends.a), std::move(options)));
    const auto served = co_await server.join();

    TANDEM_CO_ASSERT_TRUE(end.has_error() && served.has_error());
    EXPECT_TRUE(end.error().is<TlsError>());
    EXPECT_NE(end.error().what().find("alert protocol version"), std::string::npos) << end.error().what();
    EXPECT_TRUE(served.error().is<TlsError>());
}

ASYNC_TEST(SemIO33, a_silent_peer_ends_the_handshake_after_its_time_and_the_transport_is_released) {
    auto ends = make_pair_ends();
    auto& loop = this_loop();
    const auto start = loop.time();
    ClientOptions options(test_client_context(), "localhost");

    const auto end = co_await as_result(start_client(std::move(ends.a), std::move(options)));
    const auto took = loop.time() - start;
    const auto hello = co_await io::read_all(*ends.b);

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().is<TimeoutError>());
    EXPECT_EQ(took, 60s);
    EXPECT_GT(hello.size(), 100U);
}

ASYNC_TEST(SemC66, a_cancelled_handshake_resets_the_transport) {
    auto ends = make_pair_ends();
    ClientOptions options(test_client_context(), "localhost");
    CancelScope scope(10ms);

    const auto none = co_await scope.run(start_client(std::move(ends.a), std::move(options)));
    const auto peer = co_await as_result(io::read_all(*ends.b));

    EXPECT_FALSE(none.has_value());
    TANDEM_CO_ASSERT_TRUE(peer.has_error());
    EXPECT_EQ(peer.error().code(), std::errc::connection_reset);
}

ASYNC_TEST(SemIO36, records_split_at_every_byte_work) {
    for (const std::size_t piece : {1U, 2U, 3U, 7U}) {
        auto pair = io::stream_pair(piece);
        Ends ends;
        ends.a = std::make_unique<io::MemoryStream>(std::move(pair.first));
        ends.b = std::make_unique<io::MemoryStream>(std::move(pair.second));
        ServerOptions server_options(test_server_context());
        auto server = create_task(say_hi(std::move(ends.b), std::move(server_options)));
        ClientOptions options(test_client_context(), "localhost");
        auto client = co_await start_client(std::move(ends.a), std::move(options));
        const auto text = co_await io::read_all(*client);
        auto closing = create_task(client->close());
        co_await std::move(server);
        co_await std::move(closing);
        EXPECT_EQ(text, "hi") << piece;
    }
}

/// Passes everything on in halves, with a pause before the second one.
Task<void> pass_on_in_halves(std::shared_ptr<io::MemoryStream> from, std::shared_ptr<io::MemoryStream> to) {
    std::string buffer(4096, '\0');
    for (;;) {
        const std::size_t count = co_await from->read_some(MutableBytes(buffer));
        if (count == 0) break;
        const std::string_view all(buffer.data(), count);
        co_await to->write_all(all.substr(0, count / 2));
        co_await sleep(20ms);
        co_await to->write_all(all.substr(count / 2));
    }
    co_await to->shutdown_write();
}

ASYNC_TEST(SemC67, a_read_cancelled_in_the_middle_of_records_loses_no_byte) {
    auto near = io::stream_pair();
    auto far = io::stream_pair();
    const auto near_end = std::make_shared<io::MemoryStream>(std::move(near.second));
    const auto far_end = std::make_shared<io::MemoryStream>(std::move(far.first));
    auto there = create_task(pass_on_in_halves(near_end, far_end));
    auto back = create_task(pass_on_in_halves(far_end, near_end));
    ServerOptions server_options(test_server_context());
    auto transport = std::make_unique<io::MemoryStream>(std::move(far.second));
    auto serving = create_task(start_server(std::move(transport), std::move(server_options)));
    ClientOptions options(test_client_context(), "localhost");
    auto near_transport = std::make_unique<io::MemoryStream>(std::move(near.first));
    auto client = co_await start_client(std::move(near_transport), std::move(options));
    auto server = co_await std::move(serving);
    const std::string text = pattern(20'000);

    auto writing = create_task(server->write_all(text));
    std::string got;
    int cancelled = 0;
    char buffer[700];
    while (got.size() < text.size()) {
        const auto count = co_await move_on_after(7ms, client->read_some(MutableBytes(buffer)));
        if (!count)
            ++cancelled;
        else
            got.append(buffer, *count);
    }
    co_await std::move(writing);
    there.cancel();
    back.cancel();
    co_await there.join_only();
    co_await back.join_only();

    EXPECT_TRUE(got == text);
    EXPECT_GT(cancelled, 5);
}

ASYNC_TEST(SemC68, what_a_cancelled_write_gave_to_the_engine_is_sent_by_the_next_one) {
    auto pair = io::stream_pair(4096);
    auto& to_client = pair.first;
    Ends ends;
    ends.a = std::make_unique<io::MemoryStream>(std::move(to_client));
    ends.b = std::make_unique<io::MemoryStream>(std::move(pair.second));
    ServerOptions server_options(test_server_context());
    auto serving = create_task(start_server(std::move(ends.b), std::move(server_options)));
    ClientOptions options(test_client_context(), "localhost");
    auto client = co_await start_client(std::move(ends.a), std::move(options));
    auto server = co_await std::move(serving);
    // One record, larger than the buffer below: the engine takes it all, the transport does not.
    const std::string record(10'000, 'r');
    CancelScope scope(10ms);

    const bool finished = co_await scope.run(client->write_all(record));
    const auto accepted = client->bytes_accepted();
    auto reading = create_task(io::read_exactly(*server, 10'004));
    co_await client->write_all("next");
    const std::string got = co_await std::move(reading);

    EXPECT_FALSE(finished);
    EXPECT_EQ(accepted, record.size());
    EXPECT_EQ(got, record + "next");
}

ASYNC_TEST(HttpH115, a_server_that_asks_for_a_client_certificate_gets_it_or_refuses) {
    ServerConfig server_config;
    server_config.certificate_file = Certificates::get().certificate("good");
    server_config.key_file = Certificates::get().key();
    server_config.client_ca_file = Certificates::get().ca();
    const auto server_context = Context::server(server_config);
    ClientConfig with_certificate;
    with_certificate.ca_file = Certificates::get().ca();
    with_certificate.certificate_file = Certificates::get().certificate("client");
    with_certificate.key_file = Certificates::get().key();

    auto good = make_pair_ends();
    auto serving = create_task(start_server(std::move(good.b), ServerOptions(server_context)));
    ClientOptions options(Context::client(with_certificate), "localhost");
    auto client = co_await start_client(std::move(good.a), std::move(options));
    auto server = co_await std::move(serving);
    auto bad = make_pair_ends();
    auto refusing = create_task(start_server(std::move(bad.b), ServerOptions(server_context)));
    ClientOptions without(test_client_context(), "localhost");
    auto refused = co_await start_client(std::move(bad.a), std::move(without));
    const auto end = co_await refusing.join();
    const auto told = co_await as_result(io::read_all(*refused));

    EXPECT_TRUE(server->session().verified);
    TANDEM_CO_ASSERT_TRUE(end.has_error() && told.has_error());
    EXPECT_TRUE(end.error().is<TlsError>());
    EXPECT_NE(told.error().what().find("alert certificate required"), std::string::npos)
        << told.error().what();
}

TEST(TlsContext, a_file_that_cannot_be_used_is_named) {
    ClientConfig client;
    client.ca_file = "/nonexistent/ca.pem";
    try {
        Context::client(client);
        ADD_FAILURE() << "no error";
    } catch (const TlsError& error) {
        EXPECT_NE(std::string(error.what()).find("/nonexistent/ca.pem"), std::string::npos) << error.what();
    }
    ServerConfig server;
    server.certificate_file = Certificates::get().certificate("good");
    server.key_file = Certificates::get().file("ca_key.pem");
    EXPECT_THROW(Context::server(server), TlsError);
}

}  // namespace
}  // namespace tandem::tls
