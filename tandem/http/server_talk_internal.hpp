#pragma once

#include <tandem/bridge/run.hpp>
#include <tandem/http/server.hpp>
#include <tandem/io/memory_stream.hpp>
#include <tandem/loop/clock.hpp>
#include <tandem/task/sleep.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What the server's tests speak with: a peer that says exactly these bytes. Only for tests.
namespace tandem::inline v1::http::talks {

enum class AfterInput { half_close, wait };

struct Answer {
    std::string bytes;
    bool reset = false;  // instead of a clean end
};

inline Task<Answer> read_answer(io::ByteStream* stream) {
    Answer answer;
    char buffer[4096];
    try {
        for (;;) {
            const std::size_t count = co_await stream->read_some(MutableBytes(buffer, sizeof buffer));
            if (count == 0) break;
            answer.bytes.append(buffer, count);
        }
    } catch (const std::exception&) {
        answer.reset = true;
    }
    co_return answer;
}

inline Task<void> say(io::ByteStream* stream, std::vector<std::string> pieces, AfterInput then) {
    try {
        for (const auto& piece : pieces) {
            co_await stream->write_all(piece);
            for (int turn = 0; pieces.size() > 1 && turn < 3; ++turn) co_await checkpoint();
        }
        if (then == AfterInput::half_close) co_await stream->shutdown_write();
    } catch (const std::exception&) {
        // The server has closed before everything was said.
    }
}

/// Everything that a server answers to `pieces`, each written in a turn of its own.
inline Task<Answer> talk(Handler handler, ServerOptions options, std::vector<std::string> pieces,
                         AfterInput then) {
    io::StreamPair pair = io::stream_pair();
    auto serving =
        create_task(serve_connection(std::move(pair.second), std::move(handler), std::move(options)));
    auto saying = create_task(say(&pair.first, std::move(pieces), then));
    Answer answer = co_await read_answer(&pair.first);
    co_await pair.first.close();
    co_await saying;
    co_await serving;
    co_return answer;
}

/// Runs it on a clock that jumps: waiting costs no time.
template <class T>
T run_at_once(Task<T> task) {
    VirtualTime time;
    RunOptions options;
    options.time = &time;
    return run(std::move(task), options);
}

inline std::string ask(Handler handler, std::string input, ServerOptions options = ServerOptions(),
                       AfterInput then = AfterInput::half_close) {
    std::vector<std::string> pieces;
    pieces.push_back(std::move(input));
    return run_at_once(talk(std::move(handler), std::move(options), std::move(pieces), then)).bytes;
}

inline std::size_t count_of(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
        ++count;
    return count;
}

/// "200 200 404": the status lines of an answer, in order.
inline std::string statuses(std::string_view answer) {
    std::string found;
    for (auto at = answer.find("HTTP/1.1 "); at != std::string_view::npos;
         at = answer.find("HTTP/1.1 ", at + 9)) {
        if (!found.empty()) found += ' ';
        found += answer.substr(at + 9, 3);
    }
    return found;
}

/// The first value of a field of the first head, or "-".
inline std::string field(std::string_view answer, std::string_view name) {
    const auto head = answer.substr(0, answer.find("\r\n\r\n") + 2);
    std::string wanted = "\r\n";
    wanted.append(name).append(": ");
    const auto at = head.find(wanted);
    if (at == std::string_view::npos) return "-";
    const auto value = head.substr(at + wanted.size());
    return std::string(value.substr(0, value.find("\r\n")));
}

/// What stands behind the first head.
inline std::string body_of(std::string_view answer) {
    const auto end = answer.find("\r\n\r\n");
    return end == std::string_view::npos ? std::string() : std::string(answer.substr(end + 4));
}

/// Lets everything run that can.
inline Task<void> settle() {
    for (int turn = 0; turn < 20; ++turn) co_await checkpoint();
}

}  // namespace tandem::inline v1::http::talks
