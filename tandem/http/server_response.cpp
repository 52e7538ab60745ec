// How answers are framed and written (H154, H155).
#include <tandem/http/server_body_internal.hpp>

#include <tandem/base/failure.hpp>
#include <tandem/http/errors.hpp>
#include <tandem/http/h1_syntax_internal.hpp>
#include <tandem/http/h1_writer.hpp>

#include <algorithm>
#include <stdexcept>

namespace tandem::inline v1::http {
namespace {

constexpr std::size_t small_body = std::size_t{16} * 1024;  // copied behind the head: one write for both
constexpr std::size_t first_piece = std::size_t{64} * 1024;
constexpr std::size_t stream_piece = std::size_t{32} * 1024;
constexpr std::size_t most_kept = std::size_t{64} * 1024;

bool asks_to_close(const Headers& headers) {
    for (const auto [name, value] : headers) {
        if (name.size() == 10 && equals_ignoring_case(name, "Connection"))
            return equals_ignoring_case(value, "close");
    }
    return false;
}

Response internal_error() { return Response::text("500 Internal Server Error\n", 500); }

}  // namespace

/// Writes the head, and a small body behind it, into `out_`. An answer that cannot be written becomes a 500.
void ServerConnection::prepare(std::optional<Response>& response) {
    if (out_.capacity() > most_kept) out_ = std::string();
    out_.clear();
    try {
        write_head(*response);
    } catch (const std::exception&) {
        ++shared_.counts.failures;
        report("a handler's answer cannot be sent", std::current_exception());
        response = internal_error();
        write_head(*response);
    }
    const Body& body = response->body();
    whole_in_out_ = !has_body_ || (body.is_in_memory() && body.in_memory().size() <= small_body);
    if (whole_in_out_ && has_body_) out_ += body.in_memory();
    bytes_out_ = out_.size();
    first_byte_ = loop_.turn_time();
}

void ServerConnection::write_head(Response& response) {
    status_ = response.status();
    if (status_ < 200)
        throw InvalidRequest(std::to_string(status_), 0, "H154",
                             "a handler's answer has a status of 200 or more");
    auto& body = response.body();
    auto length = body.length();
    const bool bodyless = status_ == 204 || status_ == 304;
    if (is_head_ && !body.present()) {
        // A handler for HEAD alone may say how long the body would be.
        const auto said = response.headers().get("Content-Length");
        if (const auto number = said ? syntax::parse_decimal(*said) : std::nullopt) length = number->value;
    }
    BodyFraming framing;
    if (!bodyless) {
        if (length)
            framing = BodyFraming::bytes(*length);
        else
            framing = version_ == HttpVersion::http_1_1 ? BodyFraming::chunked() : BodyFraming::until_close();
    }
    has_body_ = !bodyless && !is_head_;
    out_framing_ = framing.framing;
    if (shared_.draining || framing.framing == Framing::until_close ||
        (keep_ && asks_to_close(response.headers())))
        keep_ = false;
    const auto connection = !keep_                              ? ConnectionField::close
                            : version_ == HttpVersion::http_1_0 ? ConnectionField::keep_alive
                                                                : ConnectionField::omit;
    write_response_head(out_, status_, response.reason(), response.headers(), framing, connection);
    append_date(response.headers());
}

/// Puts `Date` before the empty line that ends the head.
void ServerConnection::append_date(const Headers& headers) {
    if (headers.contains("Date")) return;
    out_.resize(out_.size() - 2);
    out_ += shared_.date_field(loop_);
    out_ += "\r\n";
}

/// An answer whose body does not stand in `out_`.
Task<void> ServerConnection::write_body(Response& response) {
    Body& body = response.body();
    if (!body.is_in_memory()) {
        co_await stream_->write_all(out_);
        co_await write_stream(body);
        co_return;
    }
    const Bytes whole(body.in_memory());
    const auto first = std::min(first_piece, whole.size());
    const Bytes parts[2] = {Bytes(out_), Bytes(whole.data(), first)};
    co_await stream_->write_all_parts(parts);
    co_await write_rest(whole.skip(first));
    bytes_out_ += whole.size();
}

/// As the peer takes it: every piece has the stall limit anew (L13).
Task<void> ServerConnection::write_rest(Bytes rest) {
    while (!rest.empty()) {
        enter(Phase::writing, shared_.options.write_stall());
        const std::size_t count = co_await stream_->write_some(rest);
        rest = rest.skip(count);
    }
}

/// Copies a source, in chunks or plain. If it fails, or does not keep to its length, the connection is cut,
/// so that the peer sees that something is missing (H159).
Task<void> ServerConnection::write_stream(Body& body) {
    const auto piece = std::make_unique_for_overwrite<char[]>(stream_piece);
    const auto announced = out_framing_ == Framing::length ? body.length() : std::nullopt;
    std::uint64_t sent = 0;
    std::exception_ptr failure;
    for (;;) {
        std::size_t count = 0;
        enter(Phase::handling, std::chrono::milliseconds(200));
        try {
            const std::size_t got = co_await body.read_some(MutableBytes(piece.get(), stream_piece));
            count = got;
        } catch (...) {
            failure = caught_failure();
        }
        if (watch_) co_await stop_watch();
        if (failure || count == 0) break;
        sent += count;
        if (announced && sent > *announced) break;
        enter(Phase::writing, shared_.options.write_stall());
        if (out_framing_ != Framing::chunked) {
            co_await write_rest(Bytes(piece.get(), count));
            continue;
        }
        out_.clear();
        write_chunk_header(out_, count);
        const Bytes parts[3] = {Bytes(out_), Bytes(piece.get(), count), Bytes(chunk_end)};
        co_await stream_->write_all_parts(parts);
    }
    bytes_out_ += sent;
    if (!failure && announced && sent != *announced) {
        failure = std::make_exception_ptr(std::length_error("a body gave " + std::to_string(sent) +
                                                            " bytes or more, " + std::to_string(*announced) +
                                                            " were announced"));
    }
    if (failure) {
        ++shared_.counts.failures;
        report("exception in the body of an answer, its connection is cut", failure);
        ending_ = End::abort;
        keep_ = false;
        co_return;
    }
    if (out_framing_ != Framing::chunked) co_return;
    enter(Phase::writing, shared_.options.write_stall());
    out_.clear();
    write_last_chunk(out_);
    co_await stream_->write_all(out_);
}

/// P59: a short text, nothing of what was received.
void ServerConnection::write_refusal() {
    std::string text = std::to_string(refusal_);
    text.append(" ").append(reason_phrase(refusal_)).append("\n");
    Headers headers;
    headers.add("Content-Type", "text/plain; charset=utf-8");
    out_.clear();
    write_response_head(out_, refusal_, {}, headers, BodyFraming::bytes(text.size()), ConnectionField::close);
    append_date(headers);
    if (!is_head_) out_ += text;
}

}  // namespace tandem::inline v1::http
