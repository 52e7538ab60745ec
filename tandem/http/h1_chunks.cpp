// Chunk lines, byte by byte: P51 to P53.
#include <tandem/http/h1_parser.hpp>

#include <tandem/http/h1_parser_internal.hpp>

#include <algorithm>

namespace tandem::inline v1::http {
namespace {

using octets::is;

constexpr std::size_t excerpt_bytes = 64;

}  // namespace

H1Step H1Parser::feed_chunk_line(std::span<const char> input, std::size_t at) {
    for (; at < input.size(); ++at) {
        if (state_ == State::chunk_data) {
            line_.clear();
            return feed_chunk_data(input, at);
        }
        if (state_ == State::trailer_fields) {
            line_.clear();
            return feed_lines(input, at);
        }
        if (line_.size() < excerpt_bytes) line_ += input[at];  // only for what an error quotes
        if (auto fault = chunk_byte(static_cast<unsigned char>(input[at]))) {
            fault.at = line_.size() - 1;
            return fail(fault, line_, offset_ + at - fault.at);
        }
    }
    if (state_ == State::chunk_data || state_ == State::trailer_fields) line_.clear();
    return {H1Event::need_more, at, {}};
}

H1Step H1Parser::feed_chunk_data(std::span<const char> input, std::size_t at) {
    const auto unread = input.subspan(at);
    if (unread.empty()) return {H1Event::need_more, at, {}};
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(unread.size(), remaining_));
    remaining_ -= count;
    body_bytes_ += count;
    if (remaining_ == 0) state_ = State::chunk_data_cr;
    return {H1Event::body, at + count, unread.first(count)};
}

H1Parser::Fault H1Parser::chunk_byte(unsigned char byte) {
    const auto next = [this](State state) {
        state_ = state;
        return Fault::none();
    };
    const auto bad_extension = [] { return Fault::rule_broken("P52", 0, "a malformed chunk extension"); };

    if (state_ >= State::chunk_extension_name && state_ <= State::chunk_extension_closed &&
        ++extension_bytes_ > bounds_.chunk_extension) {
        return Fault::too_much("L6", "the chunk extensions are too large",
                               "HttpLimits::max_chunk_extension_bytes", bounds_.chunk_extension,
                               extension_bytes_, 400);
    }
    switch (state_) {
        case State::chunk_size:
            if (is(byte, octets::hex)) {
                if (++chunk_digits_ > 16)
                    return Fault::rule_broken("P51", 0, "a chunk size of more than 16 digits");
                remaining_ = remaining_ << 4U | octets::hex_value(static_cast<char>(byte));
                return Fault::none();
            }
            if (chunk_digits_ == 0)
                return Fault::rule_broken("P51", 0, "a chunk size does not begin with a digit");
            if (byte == ';') return next(State::chunk_extension_name);
            if (byte == '\r') return next(State::chunk_size_lf);
            if (byte == '\n') return Fault::rule_broken("P11", 0, "LF without CR");
            return Fault::rule_broken("P51", 0, "a chunk size is not followed by CRLF");
        case State::chunk_extension_name:
            if (!is(byte, octets::token)) return bad_extension();
            return next(State::chunk_extension_name_more);
        case State::chunk_extension_name_more:
            if (byte == '=') return next(State::chunk_extension_value);
            [[fallthrough]];
        case State::chunk_extension_token:
            if (is(byte, octets::token)) return Fault::none();
            [[fallthrough]];
        case State::chunk_extension_closed:
            if (byte == ';') return next(State::chunk_extension_name);
            if (byte == '\r') return next(State::chunk_size_lf);
            return bad_extension();
        case State::chunk_extension_value:
            if (byte == '"') return next(State::chunk_extension_quoted);
            if (is(byte, octets::token)) return next(State::chunk_extension_token);
            return bad_extension();
        case State::chunk_extension_quoted:
            if (byte == '"') return next(State::chunk_extension_closed);
            if (byte == '\\') return next(State::chunk_extension_escaped);
            return is(byte, octets::quoted) ? Fault::none() : bad_extension();
        case State::chunk_extension_escaped:
            if (!is(byte, octets::field_value)) return bad_extension();
            return next(State::chunk_extension_quoted);
        case State::chunk_size_lf:
            if (byte != '\n') return Fault::rule_broken("P12", 0, "CR without LF");
            return chunk_size_done();
        case State::chunk_data_cr:
            if (byte != '\r') return Fault::rule_broken("P53", 0, "chunk data is not followed by CRLF");
            return next(State::chunk_data_lf);
        case State::chunk_data_lf:
            if (byte != '\n') return Fault::rule_broken("P53", 0, "chunk data is not followed by CRLF");
            line_.clear();
            return next(State::chunk_size);
        default:
            break;
    }
    return Fault::rule_broken("P53", 0, "no chunk was expected");
}

H1Parser::Fault H1Parser::chunk_size_done() {
    constexpr std::uint64_t most = 0x7fffffffffffffffULL;
    chunk_digits_ = 0;
    if (remaining_ > most) return Fault::rule_broken("P51", 0, "a chunk size above 2^63-1");
    if (remaining_ > bounds_.body || body_bytes_ > bounds_.body - remaining_ ||
        body_bytes_ > most - remaining_) {
        return Fault::too_much("L8", "the body is too large", "HttpLimits::max_body_bytes", bounds_.body,
                               body_bytes_ + remaining_, 413);
    }
    state_ = remaining_ == 0 ? State::trailer_fields : State::chunk_data;
    return Fault::none();
}

}  // namespace tandem::inline v1::http
