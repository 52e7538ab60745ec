// What a complete head says about the body that follows: P28 to P50, first row that fits.
#include <tandem/http/h1_parser.hpp>

#include <tandem/http/h1_parser_internal.hpp>

#include <algorithm>

namespace tandem::inline v1::http {
namespace {

using octets::is;

/// Calls `visit(member)` for the members of a comma-separated list, trimmed, empty ones included, until it
/// says no.
template <typename Visit>
void for_each_member(std::string_view list, Visit visit) {
    for (;;) {
        const auto comma = std::min(list.find(','), list.size());
        if (!visit(syntax::trim(list.substr(0, comma))) || comma == list.size()) return;
        list.remove_prefix(comma + 1);
    }
}

enum class Codings : std::uint8_t { chunked, others, malformed };

Codings read_codings(std::string_view value) {
    auto result = Codings::chunked;
    bool chunked_seen = false;
    for_each_member(value, [&](std::string_view member) {
        if (member.empty() || syntax::find_non_token(member) != syntax::npos || chunked_seen) {
            result = Codings::malformed;
            return false;
        }
        if (equals_ignoring_case(member, "chunked")) {
            chunked_seen = true;
        } else {
            result = Codings::others;
        }
        return true;
    });
    return result;
}

}  // namespace

H1Parser::Fault H1Parser::head_complete() {
    if (connection_fields_.count != 0) read_connection();
    if (role_ == H1Role::request) {
        if (auto fault = check_host()) return fault;
        return frame_request();
    }
    const auto status = response_.status;
    if (status < 200 && status != 101) return take_interim();
    if (status == 101) {
        if (upgrade_ == Upgrade::not_asked)
            return Fault::rule_broken("P55", 0, "status 101 although no upgrade was asked for");
        framing_ = Framing::tunnel;
        state_ = State::at_end;
        return Fault::none();
    }
    return frame_response();
}

H1Parser::Fault H1Parser::take_interim() {
    if (++interim_count_ > bounds_.interim_count) {
        return Fault::too_much("P55", "there are too many interim responses",
                               "HttpLimits::max_interim_responses", bounds_.interim_count, interim_count_,
                               400);
    }
    interim_bytes_ += head_bytes_;
    head_bytes_ = 0;
    if (interim_bytes_ > bounds_.interim_bytes) {
        return Fault::too_much("P55", "the interim responses are too large", "HttpLimits::max_interim_bytes",
                               bounds_.interim_bytes, interim_bytes_, 400);
    }
    state_ = State::interim_done;
    return Fault::none();
}

std::string_view H1Parser::first_value(const Seen& seen) const noexcept {
    return headers()[seen.first].value;
}

void H1Parser::read_connection() noexcept {
    for (auto left = connection_fields_.count, i = connection_fields_.first; left > 0; ++i) {
        const auto [name, value] = headers()[i];
        if (!equals_ignoring_case(name, "Connection")) continue;
        --left;
        for_each_member(value, [this](std::string_view option) {
            if (equals_ignoring_case(option, "close")) connection_close_ = true;
            if (equals_ignoring_case(option, "keep-alive")) connection_keep_alive_ = true;
            return true;
        });
    }
}

H1Parser::Fault H1Parser::check_host() const {
    if (host_fields_.count == 0) {
        if (request_.version == HttpVersion::http_1_0) return Fault::none();
        return Fault::rule_broken("P28", 0, "there is no Host");
    }
    if (host_fields_.count > 1) return Fault::rule_broken("P28", 0, "there is more than one Host");
    const auto host = first_value(host_fields_);
    auto fault = Fault::none();
    if (!syntax::parse_host_port(host)) {
        fault = Fault::rule_broken("P28", 0, "Host is not host[:port]");
    } else if (const auto authority = syntax::authority_of(request_.target)) {
        if (!syntax::same_host(authority->text, host, authority->default_port))
            fault = Fault::rule_broken("P29", 0, "the target's authority differs from Host");
    }
    fault.quote = host;
    return fault;
}

H1Parser::Fault H1Parser::frame_request() {
    if (coding_fields_.count != 0) {
        if (request_.version == HttpVersion::http_1_0)
            return Fault::rule_broken("P31", 0, "Transfer-Encoding in HTTP/1.0");
        if (length_fields_.count != 0)
            return Fault::rule_broken("P32", 0, "both Transfer-Encoding and Content-Length");
        const auto value = first_value(coding_fields_);
        auto codings = read_codings(value);
        if (coding_fields_.count > 1) codings = Codings::malformed;
        if (codings != Codings::chunked) {
            auto fault =
                codings == Codings::malformed
                    ? Fault::rule_broken("P33", 0, "Transfer-Encoding is not a list that ends in chunked")
                    : Fault::rule_broken("P34", 0, "a transfer coding other than chunked", 501);
            fault.quote = value;
            return fault;
        }
        framing_ = Framing::chunked;
        state_ = State::chunk_size;
        return Fault::none();
    }
    if (length_fields_.count == 0) {
        content_length_ = 0;
        state_ = State::at_end;
        return Fault::none();
    }
    const auto value = first_value(length_fields_);
    const auto length = syntax::parse_decimal(value);
    if (length_fields_.count > 1 || !length || length->leading_zero == syntax::LeadingZero::yes) {
        auto fault = Fault::rule_broken("P36", 0, "Content-Length is not one plain number");
        fault.quote = value;
        return fault;
    }
    return frame_length(length->value);
}

H1Parser::Fault H1Parser::frame_response() {
    const auto status = response_.status;
    if (asked_ == Asked::head || status == 204 || status == 304) {
        state_ = State::at_end;
        return Fault::none();
    }
    if (asked_ == Asked::connect && status < 300) {
        framing_ = Framing::tunnel;
        state_ = State::at_end;
        return Fault::none();
    }
    if (coding_fields_.count == 0) return frame_response_length();

    if (response_.version == HttpVersion::http_1_0) {
        quirks_.add(Quirk::te_in_http10);
        framing_ = Framing::until_close;
        remaining_ = bounds_.body;
        state_ = State::close_body;
        return Fault::none();
    }
    const auto value = first_value(coding_fields_);
    if (coding_fields_.count > 1 || read_codings(value) != Codings::chunked) {
        auto fault = Fault::rule_broken("P46", 0, "Transfer-Encoding is not chunked alone");
        fault.quote = value;
        return fault;
    }
    if (length_fields_.count != 0) quirks_.add(Quirk::cl_and_te);
    framing_ = Framing::chunked;
    state_ = State::chunk_size;
    return Fault::none();
}

H1Parser::Fault H1Parser::frame_response_length() {
    if (length_fields_.count == 0) {
        framing_ = Framing::until_close;
        remaining_ = bounds_.body;
        state_ = State::close_body;
        return Fault::none();
    }
    std::optional<std::uint64_t> length;
    for (auto left = length_fields_.count, i = length_fields_.first; left > 0; ++i) {
        const auto [name, value] = headers()[i];
        if (!equals_ignoring_case(name, "Content-Length")) continue;
        --left;
        bool good = true;
        for_each_member(value, [&](std::string_view member) {
            const auto number = syntax::parse_decimal(member);
            good = number && (!length || *length == number->value);
            if (!good) return false;
            if (length) quirks_.add(Quirk::equal_lengths);
            if (number->leading_zero == syntax::LeadingZero::yes) quirks_.add(Quirk::leading_zero_length);
            length = number->value;
            return true;
        });
        if (!good) {
            auto fault = Fault::rule_broken("P48", 0, "Content-Length is not one number");
            fault.quote = value;
            return fault;
        }
    }
    return frame_length(*length);
}

H1Parser::Fault H1Parser::frame_length(std::uint64_t length) {
    if (length > bounds_.body) {
        return Fault::too_much("L8", "the body is too large", "HttpLimits::max_body_bytes", bounds_.body,
                               length, 413);
    }
    framing_ = Framing::length;
    content_length_ = length;
    remaining_ = length;
    state_ = length == 0 ? State::at_end : State::length_body;
    return Fault::none();
}

}  // namespace tandem::inline v1::http
