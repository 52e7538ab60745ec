// How a request's body is read by its handler, and what becomes of what the handler leaves.
#include <tandem/http/server_body_internal.hpp>

#include <tandem/http/errors.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace tandem::inline v1::http {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_read_away = std::size_t{64} * 1024;  // H156
constexpr auto read_away_limit = 1s;
constexpr std::size_t direct_bytes = 4096;  // from here on a read goes straight into the handler's buffer
constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

MutableBytes ServerConnection::room() noexcept {
    if (begin_ == end_) {
        begin_ = end_ = 0;
    } else if (end_ == buffer_bytes && begin_ > 0) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    return {buffer_.get() + end_, buffer_bytes - end_};
}

/// L8 of a body that did not say how long it is.
void ServerConnection::check_body_limit() {
    if (!max_body_ || parser_.body_bytes() <= *max_body_) return;
    over_limit_ = true;
    throw LimitExceeded("request body", "ServerOptions::max_body_bytes", *max_body_, parser_.body_bytes());
}

/// Bytes of the body that have arrived already; 0 at its end, nothing if more must be read. Throws what is
/// wrong.
std::optional<std::size_t> ServerConnection::take_body(MutableBytes buffer) {
    for (;;) {
        const H1Step step = parser_.feed(unread().substr(0, buffer.size()));
        begin_ += step.consumed;
        switch (step.event) {
            case H1Event::body:
                check_body_limit();
                std::memcpy(buffer.data(), step.body.data(), step.body.size());
                return step.body.size();
            case H1Event::end:
                return 0;
            case H1Event::error:
                parser_.throw_error(Reached::processed);
            case H1Event::need_more:
                if (begin_ == end_) return std::nullopt;
                break;
            default:
                break;  // trailers
        }
    }
}

Task<std::size_t> ServerConnection::read_body(MutableBytes buffer) {
    if (buffer.empty()) co_return std::size_t{0};
    if (watch_) co_await stop_watch();
    for (;;) {
        if (const auto taken = take_body(buffer)) co_return *taken;
        if (expects_continue_) {
            expects_continue_ = false;
            enter(Phase::writing, shared_.options.write_stall());
            co_await stream_->write_all(continue_head);
        }
        const auto left = parser_.content_length().value_or(0) - parser_.body_bytes();
        if (parser_.framing() == Framing::length && buffer.size() >= direct_bytes) {
            const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left));
            const std::size_t count = co_await read_more(buffer.first(most));
            const H1Step step = parser_.feed(std::string_view(buffer.data(), count));
            co_return step.body.size();
        }
        const std::size_t count = co_await read_more(room());
        end_ += count;
    }
}

/// At least one byte of the stream, or an error: its end is one within a body.
Task<std::size_t> ServerConnection::read_more(MutableBytes into) {
    std::size_t count = 0;
    enter_body_wait();
    try {
        const std::size_t got = co_await stream_->read_some(into);
        count = got;
    } catch (...) {
        broken_ = true;
        throw;
    }
    leave_body_wait(count);
    if (count == 0) {
        static_cast<void>(parser_.finish_eof());
        parser_.throw_error(Reached::processed);
    }
    co_return count;
}

/// True if the message has ended, with what has arrived of it.
bool ServerConnection::discard_buffered() {
    while (!parser_failed() && !over_limit_ && !parser_.body_complete()) {
        const H1Step step = parser_.feed(unread());
        begin_ += step.consumed;
        if (step.event == H1Event::need_more) return false;
    }
    return parser_.body_complete();
}

/// A handler has left its request's body. What is little is read away, so that the connection can go on; of
/// anything else the peer is told that it ends here (H156, H157).
Task<void> ServerConnection::read_away() {
    const auto length = parser_.content_length();
    const bool hopeless = !keep_ || expects_continue_ || over_limit_ || broken_ || parser_failed() ||
                          (length && *length - parser_.body_bytes() > most_read_away);
    if (!hopeless) co_await discard_rest();
    if (parser_failed() || !parser_.body_complete()) keep_ = false;
}

Task<void> ServerConnection::discard_rest() {
    const auto until = parser_.body_bytes() + most_read_away;
    ScopeGuard guard(read_away_limit);
    enter(Phase::body, std::nullopt);
    try {
        while (!discard_buffered()) {
            if (parser_failed() || parser_.body_bytes() > until) co_return;
            const std::size_t count = co_await stream_->read_some(room());
            if (count == 0) co_return;
            end_ += count;
        }
    } catch (const Cancelled&) {
        if (!guard.absorbs()) throw;
    }
}

}  // namespace tandem::inline v1::http
