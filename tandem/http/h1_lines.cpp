// The lines of a head or of trailers: cutting them out of the input, start lines, fields.
#include <tandem/http/h1_parser.hpp>

#include <tandem/http/h1_parser_internal.hpp>
#include <tandem/http/headers_internal.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace tandem::inline v1::http {
namespace {

using octets::is;
using syntax::npos;

std::size_t saturating_add(std::size_t value, std::size_t more) noexcept {
    return value > std::numeric_limits<std::size_t>::max() - more ? std::numeric_limits<std::size_t>::max()
                                                                  : value + more;
}

bool is_space(char byte) noexcept { return byte == ' ' || byte == '\t'; }

struct Version {
    enum class Form : std::uint8_t { known, unknown, malformed };
    Form form;
    HttpVersion version;
};

Version read_version(std::string_view text) noexcept {
    if (text == "HTTP/1.1") return {Version::Form::known, HttpVersion::http_1_1};
    if (text == "HTTP/1.0") return {Version::Form::known, HttpVersion::http_1_0};
    const bool well_formed = text.size() == 8 && text.starts_with("HTTP/") && is(text[5], octets::digit) &&
                             text[6] == '.' && is(text[7], octets::digit);
    return {well_formed ? Version::Form::unknown : Version::Form::malformed, HttpVersion::http_1_1};
}

}  // namespace

H1Step H1Parser::feed_lines(std::span<const char> input, std::size_t at) {
    for (;;) {
        if (at == input.size()) return {H1Event::need_more, at, {}};

        const auto window = line_window();
        const auto rest = std::string_view(input.data() + at, std::min(input.size() - at, window));
        const auto newline = rest.find('\n');
        if (newline == npos) {
            const auto line_offset = offset_ + at - line_.size();
            const auto kept = line_.size();
            const auto bare = kept != 0 && line_.back() == '\r' && !rest.empty() ? kept - 1 : npos;
            line_.append(rest);
            const auto at_cr =
                bare != npos ? bare : syntax::find_bare_cr(std::string_view(line_).substr(kept));
            if (at_cr != npos) {
                const auto in_line = bare != npos ? bare : kept + at_cr;
                return fail(Fault::rule_broken("P12", in_line, "CR without LF"), line_, line_offset);
            }
            if (rest.size() == window) return fail(line_too_long(), line_, line_offset);
            return {H1Event::need_more, input.size(), {}};
        }

        auto line = rest.substr(0, newline + 1);
        if (!line_.empty()) {
            line_.append(line);
            line = line_;
        }
        at += newline + 1;
        const auto line_offset = offset_ + at - line.size();
        const auto before = state_;
        (state_ == State::trailer_fields ? trailer_bytes_ : head_bytes_) += line.size();
        if (auto fault = take_line(line)) {
            // A bare CR is found before the line ends when bytes come singly, so it comes first here, too.
            if (const auto cr = syntax::find_bare_cr(line); cr != npos)
                fault = Fault::rule_broken("P12", cr, "CR without LF");
            return fail(fault, line, line_offset);
        }
        line_.clear();
        if (state_ != State::fields && state_ != State::trailer_fields && state_ != State::start_line)
            return after_line(before, at);
    }
}

/// The event for the empty line that has just ended a head or the trailers.
H1Step H1Parser::after_line(State before, std::size_t at) noexcept {
    if (before != State::trailer_fields)
        return {state_ == State::interim_done ? H1Event::interim : H1Event::head, at, {}};
    if (state_ == State::at_trailers) {
        state_ = State::at_end;
        return {H1Event::trailers, at, {}};
    }
    state_ = State::ended;
    return {H1Event::end, at, {}};
}

/// How many more bytes of the current line may come, its end included.
std::size_t H1Parser::line_window() const noexcept {
    if (state_ == State::trailer_fields)
        return saturating_add(bounds_.trailer, 2) - trailer_bytes_ -
               line_.size();  // the last line end is free
    auto most = bounds_.header - head_bytes_;
    if (state_ == State::start_line) most = std::min(most, saturating_add(bounds_.start_line, 2));
    return most - line_.size();
}

H1Parser::Fault H1Parser::line_too_long() const noexcept {
    if (state_ == State::trailer_fields) {
        return Fault::too_much("L7", "the trailers are too large", "HttpLimits::max_trailer_bytes",
                               bounds_.trailer, bounds_.trailer + 1, 431);
    }
    if (state_ == State::start_line && bounds_.start_line < bounds_.header - head_bytes_) {
        return Fault::too_much("L1", "the start line is too long", "HttpLimits::max_start_line_bytes",
                               bounds_.start_line, bounds_.start_line + 1, 414);
    }
    return Fault::too_much(
        "L2",
        role_ == H1Role::request ? "the request's head is too large" : "the response's head is too large",
        "HttpLimits::max_header_bytes", bounds_.header, bounds_.header + 1, 431);
}

/// `line` has its LF; the head and the trailers end with the first empty one.
H1Parser::Fault H1Parser::take_line(std::string_view line) {
    auto content = line.substr(0, line.size() - 1);
    if (content.ends_with('\r')) {
        content.remove_suffix(1);
    } else {
        if (role_ == H1Role::request || state_ == State::trailer_fields)
            return Fault::rule_broken("P11", line.size() - 1, "LF without CR");
        quirks_.add(Quirk::lf_in_head);
    }

    if (state_ == State::start_line) {
        if (content.empty()) {
            if (role_ == H1Role::response || skipped_empty_line_)
                return Fault::rule_broken("P13", 0, "empty line before the start line");
            skipped_empty_line_ = true;
            return Fault::none();
        }
        if (content.size() > bounds_.start_line) return line_too_long();
        state_ = State::fields;
        return role_ == H1Role::request ? take_request_line(content) : take_status_line(content);
    }
    if (content.empty()) {
        if (state_ == State::fields) return head_complete();
        state_ = trailers_.empty() ? State::at_end : State::at_trailers;
        return Fault::none();
    }
    return is_space(content.front()) ? take_folded(content) : take_field(content);
}

H1Parser::Fault H1Parser::take_request_line(std::string_view line) {
    if (const auto tab = line.find('\t'); tab != npos)
        return Fault::rule_broken("P14", tab, "HTAB in the request line");
    const auto first = line.find(' ');
    if (first == npos || first == 0)
        return Fault::rule_broken("P14", 0, "not three parts with one SP between them");
    const auto second = line.find(' ', first + 1);
    if (second == npos) return Fault::rule_broken("P18", line.size() - 1, "the request line has no version");
    const auto version_text = line.substr(second + 1);
    if (second == first + 1 || version_text.find(' ') != npos)
        return Fault::rule_broken("P14", second, "not three parts with one SP between them");

    const auto version = read_version(version_text);
    if (version.form == Version::Form::malformed)
        return Fault::rule_broken("P18", second + 1, "the version is not HTTP/1.1 or HTTP/1.0");
    if (version.form == Version::Form::unknown)
        return Fault::rule_broken("P19", second + 1, "this version is not supported", 505);

    const auto method = line.substr(0, first);
    if (const auto flaw = syntax::check_method(method)) return Fault::from(*flaw, 0);
    const auto target = line.substr(first + 1, second - first - 1);
    if (const auto flaw = syntax::check_target(method, target)) return Fault::from(*flaw, first + 1);

    request_.method = method;
    request_.target = target;
    request_.version = version.version;
    return Fault::none();
}

H1Parser::Fault H1Parser::take_status_line(std::string_view line) {
    if (is_space(line.front())) return Fault::rule_broken("P14", 0, "space before the version");
    const auto first = std::min(line.find(' '), line.size());
    const auto version = read_version(line.substr(0, first));
    if (version.form == Version::Form::malformed)
        return Fault::rule_broken("P18", 0, "the version is not HTTP/1.1 or HTTP/1.0");
    if (version.form == Version::Form::unknown)
        return Fault::rule_broken("P19", 0, "this version is not supported");
    if (const auto tab = line.find('\t'); tab != npos)
        return Fault::rule_broken("P14", tab, "HTAB in the status line");

    const auto status_at = std::min(first + 1, line.size());
    const auto status_end = std::min(line.find(' ', status_at), line.size());
    const auto digits = line.substr(status_at, status_end - status_at);
    if (digits.empty()) return Fault::rule_broken("P14", first, "not one SP before the status");
    if (digits.size() != 3 ||
        !std::all_of(digits.begin(), digits.end(), [](char c) { return is(c, octets::digit); }) ||
        digits[0] == '0')
        return Fault::rule_broken("P20", status_at, "the status is not 100 to 999");

    auto reason = std::string_view();
    if (status_end == line.size()) {
        quirks_.add(Quirk::no_reason);
    } else {
        reason = line.substr(status_end + 1);
        if (!reason.empty() && (is_space(reason.front()) || is_space(reason.back())))
            return Fault::rule_broken("P14", status_end + 1, "space around the reason");
        if (const auto bad = syntax::find_bad_value_byte(reason); bad != npos)
            return Fault::rule_broken("P24", status_end + 1 + bad, "control byte in the reason");
    }
    response_.version = version.version;
    response_.status = static_cast<int>(octets::hex_value(digits[0]) * 100 +
                                        octets::hex_value(digits[1]) * 10 + octets::hex_value(digits[2]));
    response_.reason = reason;
    return Fault::none();
}

H1Parser::Fault H1Parser::take_field(std::string_view line) {
    const char* end = line.data();
    while (is(*end, octets::token)) ++end;  // at the latest the line's end is no token
    const auto colon = static_cast<std::size_t>(end - line.data());
    if (colon > bounds_.field_name) {
        return Fault::too_much("L5", "a field name is too long", "HttpLimits::max_field_name_bytes",
                               bounds_.field_name, colon, 400);
    }
    if (colon == line.size()) return Fault::rule_broken("P21", colon - 1, "a field line has no colon");
    if (line[colon] != ':')
        return Fault::rule_broken("P21", colon, "this byte may not stand in a field name");
    if (colon == 0) return Fault::rule_broken("P21", 0, "a field has no name");

    const auto name = line.substr(0, colon);
    const auto value = syntax::trim(line.substr(colon + 1));
    if (const auto bad = syntax::find_bad_value_byte(value); bad != npos) {
        const auto value_at = static_cast<std::size_t>(value.data() - line.data());
        return Fault::rule_broken("P24", value_at + bad, "control byte in a field value");
    }
    if (name.size() + value.size() > bounds_.field) {
        return Fault::too_much("L4", "a header field is too large", "HttpLimits::max_field_bytes",
                               bounds_.field, name.size() + value.size(), 431);
    }
    if (state_ == State::trailer_fields) return take_trailer(name, value);

    auto& headers = mutable_headers();
    if (headers.size() >= bounds_.fields) {
        return Fault::too_much("L3", "there are too many header fields", "HttpLimits::max_header_fields",
                               bounds_.fields, headers.size() + 1, 431);
    }
    count_framing_field(name, headers.size());
    HeadersWriter(headers).append_line(name, value);
    return Fault::none();
}

/// Only the fields that decide about framing and connection are looked at again when the head is complete.
void H1Parser::count_framing_field(std::string_view name, std::size_t index) noexcept {
    switch (name.size()) {
        case 4:
            if (equals_ignoring_case(name, "host")) host_fields_.found_at(index);
            break;
        case 10:
            if (equals_ignoring_case(name, "connection")) connection_fields_.found_at(index);
            break;
        case 14:
            if (equals_ignoring_case(name, "content-length")) length_fields_.found_at(index);
            break;
        case 17:
            if (equals_ignoring_case(name, "transfer-encoding")) coding_fields_.found_at(index);
            break;
        default:
            break;
    }
}

H1Parser::Fault H1Parser::take_folded(std::string_view line) {
    const bool trailer = state_ == State::trailer_fields;
    auto& fields = trailer ? trailers_ : mutable_headers();
    if (trailer ? trailer_count_ == 0 : fields.empty())
        return Fault::rule_broken("P22", 0, "the first field line begins with space");
    if (role_ == H1Role::request) return Fault::rule_broken("P23", 0, "a folded field line");

    const auto more = syntax::trim(line);
    if (const auto bad = syntax::find_bad_value_byte(more); bad != npos) {
        const auto more_at = static_cast<std::size_t>(more.data() - line.data());
        return Fault::rule_broken("P24", more_at + bad, "control byte in a field value");
    }
    quirks_.add(Quirk::folding);
    if (trailer && last_field_dropped_) return Fault::none();

    auto writer = HeadersWriter(fields);
    const auto [name, value] = writer.last();
    if (equals_ignoring_case(name, "Content-Length") || equals_ignoring_case(name, "Transfer-Encoding"))
        return Fault::rule_broken("P23", 0, "a folded line in a field that frames the body");
    if (more.empty()) return Fault::none();
    const auto bytes = name.size() + value.size() + 1 + more.size();
    if (bytes > bounds_.field) {
        return Fault::too_much("L4", "a header field is too large", "HttpLimits::max_field_bytes",
                               bounds_.field, bytes, 431);
    }
    writer.fold_into_last(more);
    return Fault::none();
}

H1Parser::Fault H1Parser::take_trailer(std::string_view name, std::string_view value) {
    if (++trailer_count_ > bounds_.trailer_fields) {
        return Fault::too_much("L7", "there are too many trailer fields", "HttpLimits::max_trailer_fields",
                               bounds_.trailer_fields, trailer_count_, 431);
    }
    last_field_dropped_ = syntax::is_forbidden_in_trailers(name);
    if (!last_field_dropped_) {
        HeadersWriter(trailers_).append_line(name, value);
    } else if (role_ == H1Role::request) {
        return Fault::rule_broken("P54", 0, "this field may not stand in trailers");
    } else {
        quirks_.add(Quirk::trailer_dropped);
    }
    return Fault::none();
}

}  // namespace tandem::inline v1::http
