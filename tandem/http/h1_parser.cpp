#include <tandem/http/h1_parser.hpp>

#include <tandem/http/h1_parser_internal.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace tandem::inline v1::http {
namespace {

template <typename T>
T or_most(const std::optional<T>& limit) noexcept {
    return limit.value_or(std::numeric_limits<T>::max());
}

}  // namespace

std::string_view to_string(Quirk quirk) noexcept {
    switch (quirk) {
        case Quirk::lf_in_head:
            return "lf_in_head";
        case Quirk::folding:
            return "folding";
        case Quirk::no_reason:
            return "no_reason";
        case Quirk::te_in_http10:
            return "te_in_http10";
        case Quirk::cl_and_te:
            return "cl_and_te";
        case Quirk::equal_lengths:
            return "equal_lengths";
        case Quirk::leading_zero_length:
            return "leading_zero_length";
        case Quirk::trailer_dropped:
            return "trailer_dropped";
        case Quirk::extra_bytes:
            return "extra_bytes";
    }
    return "";
}

std::vector<std::string_view> Quirks::names() const {
    std::vector<std::string_view> found;
    for (unsigned bit = 1; bit <= static_cast<unsigned>(Quirk::extra_bytes); bit <<= 1U) {
        if (has(static_cast<Quirk>(bit))) found.push_back(to_string(static_cast<Quirk>(bit)));
    }
    return found;
}

H1Parser::H1Parser(H1Role role)
    : H1Parser(role, role == H1Role::request ? HttpLimits::server() : HttpLimits::client()) {}

H1Parser::H1Parser(H1Role role, const HttpLimits& limits)
    : role_(role), bounds_{or_most(limits.max_start_line_bytes),  or_most(limits.max_header_bytes),
                           or_most(limits.max_header_fields),     or_most(limits.max_field_bytes),
                           or_most(limits.max_field_name_bytes),  or_most(limits.max_chunk_extension_bytes),
                           or_most(limits.max_trailer_bytes),     or_most(limits.max_trailer_fields),
                           or_most(limits.max_interim_responses), or_most(limits.max_interim_bytes),
                           or_most(limits.max_body_bytes)} {
    limits.validate();
}

void H1Parser::expect(std::string_view method, Upgrade upgrade) noexcept {
    asked_ = method == "HEAD" ? Asked::head : method == "CONNECT" ? Asked::connect : Asked::other;
    upgrade_ = upgrade;
}

H1Step H1Parser::feed(std::span<const char> input) {
    H1Step step;
    switch (state_) {
        case State::interim_done:
            start_message();
            [[fallthrough]];
        case State::start_line:
        case State::fields:
        case State::trailer_fields:
            step = feed_lines(input, 0);
            break;
        case State::length_body:
        case State::close_body:
            step = feed_body(input, 0);
            break;
        case State::chunk_data:
            step = feed_chunk_data(input, 0);
            break;
        case State::at_trailers:
            state_ = State::at_end;
            return {H1Event::trailers, 0, {}};
        case State::at_end:
        case State::ended:
            state_ = State::ended;
            return {H1Event::end, 0, {}};
        case State::failed:
            return {H1Event::error, 0, {}};
        default:
            step = feed_chunk_line(input, 0);
            break;
    }
    offset_ += step.consumed;
    return step;
}

H1Step H1Parser::finish_eof() {
    switch (state_) {
        case State::start_line:
            if (!started()) return {H1Event::need_more, 0, {}};
            [[fallthrough]];
        case State::fields:
        case State::interim_done:
            return fail_eof(H1Error::Kind::incomplete_head, "P57", "the connection ended within a head");
        case State::close_body:
            state_ = State::ended;
            return {H1Event::end, 0, {}};
        case State::at_trailers:
        case State::at_end:
        case State::ended:
        case State::failed:
            return feed(std::span<const char>());
        default:
            return fail_eof(H1Error::Kind::incomplete_body, "H37", "the connection ended within a body");
    }
}

void H1Parser::reset() noexcept {
    if (state_ == State::failed) return;
    start_message();
    quirks_ = {};
    interim_count_ = 0;
    interim_bytes_ = 0;
}

/// Everything of one message but its quirks and interim counts, which a final response shares with those
/// before it.
void H1Parser::start_message() noexcept {
    state_ = State::start_line;
    framing_ = Framing::none;
    skipped_empty_line_ = false;
    line_ended_by_lf_alone_ = false;
    last_field_dropped_ = false;
    connection_close_ = false;
    connection_keep_alive_ = false;
    host_fields_ = length_fields_ = coding_fields_ = connection_fields_ = {};
    chunk_digits_ = 0;
    head_bytes_ = trailer_bytes_ = trailer_count_ = extension_bytes_ = 0;
    remaining_ = body_bytes_ = 0;
    content_length_.reset();
    line_.clear();
    mutable_headers().clear();
    trailers_.clear();
}

Headers& H1Parser::mutable_headers() noexcept {
    return role_ == H1Role::request ? request_.headers : response_.headers;
}

const Headers& H1Parser::headers() const noexcept {
    return role_ == H1Role::request ? request_.headers : response_.headers;
}

bool H1Parser::keep_alive() const noexcept {
    if (connection_close_ || !quirks_.empty() || state_ == State::failed) return false;
    if (framing_ == Framing::until_close || framing_ == Framing::tunnel) return false;
    const auto version = role_ == H1Role::request ? request_.version : response_.version;
    return version == HttpVersion::http_1_1 || connection_keep_alive_;
}

bool H1Parser::started() const noexcept {
    if (state_ != State::start_line) return state_ != State::ended;
    return interim_count_ != 0 || !(line_.empty() || (line_ == "\r" && role_ == H1Role::request));
}

bool H1Parser::body_complete() const noexcept {
    return state_ == State::at_trailers || state_ == State::at_end || state_ == State::ended;
}

H1Step H1Parser::feed_body(std::span<const char> input, std::size_t at) {
    const auto unread = input.subspan(at);
    if (unread.empty()) return {H1Event::need_more, at, {}};
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(unread.size(), remaining_));
    if (count == 0) {  // only a body that ends with the connection can come here
        return fail(Fault::too_much("L8", "the body is too large", "HttpLimits::max_body_bytes", bounds_.body,
                                    bounds_.body + 1, 413),
                    {}, offset_ + at);
    }
    remaining_ -= count;
    body_bytes_ += count;
    if (remaining_ == 0 && state_ == State::length_body) state_ = State::at_end;
    return {H1Event::body, at + count, unread.first(count)};
}

H1Step H1Parser::fail(const Fault& fault, std::string_view line, std::uint64_t line_offset) {
    state_ = State::failed;
    error_ = {};
    error_.kind = fault.limit.empty() ? H1Error::Kind::bad_message : H1Error::Kind::limit;
    error_.rule = fault.rule;
    error_.offset = line_offset + fault.at;
    error_.reason = fault.reason;
    error_.status = fault.status;
    error_.limit = fault.limit;
    error_.limit_value = fault.limit_value;
    error_.seen = fault.seen;

    if (!fault.quote.empty()) line = fault.quote;
    const auto colon = line.find(':');
    if (fault.quote.empty() && colon != std::string_view::npos && colon < fault.at &&
        syntax::is_credential_field(line.substr(0, colon))) {
        error_.excerpt = escape_excerpt(line.substr(0, colon + 1)) + " ***";
        return {H1Event::error, 0, {}};
    }
    // Up to the byte that broke the rule, and what stands before it.
    constexpr std::size_t most = 64;
    const auto end = fault.quote.empty() ? std::min(line.size(), fault.at + 1) : line.size();
    const auto begin = end > most ? end - most : 0;
    error_.excerpt = escape_excerpt(line.substr(begin, end - begin), most);
    return {H1Event::error, 0, {}};
}

H1Step H1Parser::fail_eof(H1Error::Kind kind, std::string_view rule, std::string_view reason) {
    state_ = State::failed;
    error_ = {};
    error_.kind = kind;
    error_.rule = rule;
    error_.offset = offset_;
    error_.reason = reason;
    error_.seen = body_bytes_;
    error_.expected = content_length_;
    return {H1Event::error, 0, {}};
}

void H1Parser::throw_error(Reached reached) const {
    switch (error_.kind) {
        case H1Error::Kind::limit:
            throw LimitExceeded(error_.reason, error_.limit, error_.limit_value, error_.seen,
                                error_.limit.ends_with("bytes") ? "bytes" : "", reached);
        case H1Error::Kind::incomplete_body:
            throw IncompleteBody(error_.seen, error_.expected,
                                 framing_ == Framing::chunked ? "the last chunk is missing" : "", reached);
        case H1Error::Kind::bad_message:
        case H1Error::Kind::incomplete_head:
            break;
    }
    throw BadResponse(error_.rule, error_.offset, error_.excerpt, error_.reason, reached);
}

}  // namespace tandem::inline v1::http
