#include <tandem/http/h1_writer.hpp>

#include <tandem/http/errors.hpp>
#include <tandem/http/h1_syntax_internal.hpp>

#include <array>
#include <charconv>

namespace tandem::inline v1::http {
namespace {

using octets::is;

[[noreturn]] void refuse_field(std::string_view name, std::string_view reason) {
    throw InvalidHeader(name, 0, "H14", reason);
}

/// What a pass over the fields found.
struct Found {
    std::size_t hosts = 0;
    bool length = false;
    bool close = false;
};

/// H14: only tandem frames. A `Content-Length` and a `Connection: close` that say what is true may stay.
Found check_fields(const Headers& headers, const BodyFraming& body) {
    Found found;
    for (const auto [name, value] : headers) {
        switch (name.size()) {
            case 4:
                if (!equals_ignoring_case(name, "Host")) break;
                ++found.hosts;
                if (!syntax::parse_host_port(value))
                    throw InvalidHeader(name, 0, "H12", "it is not host[:port]");
                break;
            case 7:
                if (equals_ignoring_case(name, "Upgrade"))
                    refuse_field(name, "upgrades are tandem's to ask for");
                break;
            case 10:
                if (equals_ignoring_case(name, "Keep-Alive"))
                    refuse_field(name, "tandem manages the connection");
                if (!equals_ignoring_case(name, "Connection")) break;
                if (!equals_ignoring_case(value, "close"))
                    refuse_field(name, "tandem manages the connection; only 'close' can be asked for");
                found.close = true;
                break;
            case 14: {
                if (equals_ignoring_case(name, "HTTP2-Settings")) refuse_field(name, "h2c is not supported");
                if (!equals_ignoring_case(name, "Content-Length")) break;
                const auto length = syntax::parse_decimal(value);
                if (!length || length->leading_zero == syntax::LeadingZero::yes || found.length)
                    refuse_field(name, "it is not one plain number");
                if (body.framing != Framing::length || body.length != length->value)
                    refuse_field(name, "it differs from the body; leave it out, tandem adds it");
                found.length = true;
                break;
            }
            case 16:
                if (equals_ignoring_case(name, "Proxy-Connection"))
                    refuse_field(name, "tandem manages the connection");
                break;
            case 17:
                if (equals_ignoring_case(name, "Transfer-Encoding"))
                    refuse_field(name, "tandem frames the body; leave it out");
                break;
            default:
                break;
        }
    }
    return found;
}

void append_number(std::string& out, std::uint64_t value, int base) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
    out.append(digits.data(), end);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
}

void append_fields(std::string& out, const Headers& headers) {
    for (const auto [name, value] : headers) append_field(out, name, value);
}

void append_framing(std::string& out, const BodyFraming& body, ConnectionField connection,
                    const Found& found) {
    if (body.framing == Framing::length && !found.length) {
        out += "Content-Length: ";
        append_number(out, body.length, 10);
        out += "\r\n";
    }
    if (body.framing == Framing::chunked) out += "Transfer-Encoding: chunked\r\n";
    const bool close = connection == ConnectionField::close || body.framing == Framing::until_close;
    if (close && !found.close) out += "Connection: close\r\n";
    if (connection == ConnectionField::keep_alive && !close && !found.close)
        out += "Connection: keep-alive\r\n";
    out += "\r\n";
}

[[noreturn]] void refuse(std::string_view text, const syntax::Flaw& flaw) {
    throw InvalidRequest(text, flaw.at, "H12", flaw.reason);
}

/// What both directions check about framing before anything is written.
void check_framing(const BodyFraming& body, HttpVersion version, std::string_view what) {
    if (version == HttpVersion::http_2)
        throw InvalidRequest(what, 0, "H12", "this writer writes HTTP/1 only");
    if (body.framing == Framing::chunked && version == HttpVersion::http_1_0)
        throw InvalidRequest(what, 0, "H14", "a chunked body needs HTTP/1.1");
    if (body.framing == Framing::length && body.length > 0x7fffffffffffffffULL)
        throw InvalidRequest(what, 0, "H14", "a body has at most 2^63-1 bytes");
}

}  // namespace

void check_method(std::string_view method) {
    if (const auto flaw = syntax::check_method(method)) refuse(method, *flaw);
}

void check_target(std::string_view method, std::string_view target) {
    if (const auto flaw = syntax::check_target(method, target)) refuse(target, *flaw);
}

void check_reason(std::string_view reason) {
    for (std::size_t i = 0; i < reason.size(); ++i) {
        if (!is(reason[i], octets::field_value) || reason[i] == '\t')
            throw InvalidRequest(reason, i, "H12", "this byte may not stand in a reason phrase");
    }
    if (reason.starts_with(' ') || reason.ends_with(' '))
        throw InvalidRequest(reason, 0, "H12", "a reason phrase neither begins nor ends with space");
}

void check_user_headers(const Headers& headers, const BodyFraming& body) { check_fields(headers, body); }

void write_request_head(std::string& out, std::string_view method, std::string_view target,
                        const Headers& headers, const BodyFraming& body, ConnectionField connection,
                        HttpVersion version) {
    check_method(method);
    check_target(method, target);
    check_framing(body, version, method);
    if (body.framing == Framing::until_close || body.framing == Framing::tunnel)
        throw InvalidRequest(method, 0, "H14", "a request's body has a length or is chunked");
    const auto found = check_fields(headers, body);
    if (found.hosts > 1 || (found.hosts == 0 && version == HttpVersion::http_1_1))
        throw InvalidRequest(target, 0, "P28",
                             found.hosts == 0 ? "there is no Host" : "there is more than one Host");
    if (const auto authority = syntax::authority_of(target); authority && found.hosts == 1) {
        if (!syntax::same_host(authority->text, *headers.get("Host"), authority->default_port))
            throw InvalidRequest(target, 0, "P29", "the target's authority differs from Host");
    }

    out.append(method).append(" ").append(target).append(" ").append(to_string(version)).append("\r\n");
    append_fields(out, headers);
    append_framing(out, body, connection, found);
}

void write_response_head(std::string& out, int status, std::string_view reason, const Headers& headers,
                         const BodyFraming& body, ConnectionField connection, HttpVersion version) {
    if (reason.empty()) reason = reason_phrase(status);
    check_reason(reason);
    if (status < 100 || status > 999)
        throw InvalidRequest(std::to_string(status), 0, "P20", "the status is not 100 to 999");
    check_framing(body, version, reason);
    const bool bodyless = status < 200 || status == 204;
    if (bodyless && body.framing != Framing::none)
        throw InvalidRequest(reason, 0, "H14", "a response of this status has no body");
    const auto found = check_fields(headers, body);

    out.append(to_string(version)).append(" ");
    append_number(out, static_cast<std::uint64_t>(status), 10);
    out.append(" ").append(reason).append("\r\n");
    append_fields(out, headers);
    append_framing(out, body, connection, found);
}

void write_chunk_header(std::string& out, std::uint64_t chunk_bytes) {
    if (chunk_bytes == 0) throw InvalidRequest("0", 0, "P51", "a chunk of no bytes would end the body");
    append_number(out, chunk_bytes, 16);
    out += "\r\n";
}

void write_last_chunk(std::string& out, const Headers& trailers) {
    for (const auto [name, value] : trailers) {
        if (syntax::is_forbidden_in_trailers(name))
            throw InvalidHeader(name, 0, "P54", "this field may not stand in trailers");
    }
    out += "0\r\n";
    append_fields(out, trailers);
    out += "\r\n";
}

}  // namespace tandem::inline v1::http
