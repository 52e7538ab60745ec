#include <tandem/http/generated_body.hpp>

#include <tandem/http/server_talk_internal.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;

AsyncGenerator<std::string> yield_each(std::vector<std::string> pieces) {
    for (auto& piece : pieces) {
        co_await sleep(1s);
        co_yield std::move(piece);
    }
}

AsyncGenerator<std::string> fail_after(std::string piece) {
    co_yield piece;
    throw std::runtime_error("no more of it");
}

AsyncGenerator<std::string> count_for_ever(std::shared_ptr<bool> ended) {
    struct End {
        std::shared_ptr<bool> flag;
        ~End() { *flag = true; }
    } const end{ended};
    for (int i = 0;; ++i) {
        co_yield std::to_string(i);
        co_await sleep(1h);
    }
}

std::string answer_with(AsyncGenerator<std::string> (*make)()) {
    return talks::ask([make](Request&) { return Response::stream(generated_body(make()), "text/plain"); },
                      "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST(GeneratedBody, each_piece_is_a_chunk_and_an_empty_one_none) {
    const auto answer = answer_with([] { return yield_each({"ab", "", "cde"}); });
    EXPECT_EQ(talks::field(answer, "Content-Type"), "text/plain");
    EXPECT_EQ(talks::body_of(answer), "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
}

TEST(GeneratedBody, one_that_yields_nothing_is_an_empty_body) {
    EXPECT_EQ(talks::body_of(answer_with([] { return yield_each({}); })), "0\r\n\r\n");
}

TEST(GeneratedBody, one_that_throws_cuts_the_connection) {
    std::vector<std::string> input{"GET / HTTP/1.1\r\nHost: h\r\n\r\n"};
    const Handler handler([](Request&) { return Response::stream(generated_body(fail_after("ab"))); });
    const auto answer =
        talks::run_at_once(talks::talk(handler, ServerOptions(), std::move(input), talks::AfterInput::wait));
    EXPECT_TRUE(answer.reset);
    EXPECT_EQ(answer.bytes.find("\r\n0\r\n"), std::string::npos);
}

ASYNC_TEST(GeneratedBody, a_piece_larger_than_the_buffer_comes_in_parts) {
    const auto body = generated_body(yield_each({"abcdefg", "h"}));
    std::string all;
    std::string counts;
    for (std::size_t count = 1; count > 0;) {
        char buffer[3];
        count = co_await body->read_some(MutableBytes(buffer, sizeof buffer));
        all.append(buffer, count);
        counts += std::to_string(count);
    }

    EXPECT_EQ(all, "abcdefgh");
    EXPECT_EQ(counts, "33110");
}

ASYNC_TEST(GeneratedBody, its_generator_ends_with_the_connection) {
    const auto ended = std::make_shared<bool>(false);
    auto pair = io::stream_pair();
    auto serving = create_task(serve_connection(std::move(pair.second), [ended](Request&) {
        return Response::stream(generated_body(count_for_ever(ended)));
    }));
    co_await pair.first.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    co_await sleep(1s);
    const bool before = *ended;
    pair.first.abort();
    co_await serving;
    co_await checkpoint();

    EXPECT_FALSE(before);
    EXPECT_TRUE(*ended);
}

}  // namespace
}  // namespace tandem::http
