#include <tandem/http/client_head_internal.hpp>

#include <algorithm>
#include <charconv>

namespace tandem::inline v1::http {
namespace {

constexpr std::string_view codings = "gzip, deflate, br, zstd";

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
}

void append_framing(std::string& out, const BodyFraming& framing) {
    if (framing.framing == Framing::chunked) out += "Transfer-Encoding: chunked\r\n";
    if (framing.framing != Framing::length) return;
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, framing.length).ptr;
    append_field(out, "Content-Length", std::string_view(digits, end));
}

bool is_close(const std::optional<std::string_view>& connection) {
    return connection && equals_ignoring_case(*connection, "close");
}

}  // namespace

std::string basic_credentials(std::string_view user, std::string_view password) {
    const std::string bytes = std::string(user) + ":" + std::string(password);
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text = "Basic ";
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const auto group = std::string_view(bytes).substr(at, 3);
        unsigned bits = 0;
        for (std::size_t i = 0; i < 3; ++i)
            bits = bits << 8U | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
        for (unsigned i = 0; i < 4; ++i)
            text += i <= group.size() ? digits[bits >> (18U - 6U * i) & 63U] : '=';
    }
    return text;
}

HeadWriter::HeadWriter(const ClientOptions& options)
    : defaults_(options.headers()),
      user_agent_(options.user_agent()),
      any_origin_(options.headers_for_any_origin()),
      decompress_(options.decompress()),
      has_host_(defaults_.contains("Host")),
      closes_(is_close(defaults_.get("Connection"))) {
    const Headers none;
    HeadParts usual;
    usual.headers = &none;
    usual.decompress = decompress_;
    write_fields(usual_tail_, usual);
}

bool HeadWriter::may_go(std::string_view name, const HeadParts& parts) const {
    if (equals_ignoring_case(name, "Content-Length")) return false;  // the framing's
    if (parts.user_fields == UserFields::all) return true;
    return std::any_of(any_origin_.begin(), any_origin_.end(),
                       [&](const std::string& allowed) { return equals_ignoring_case(allowed, name); });
}

void HeadWriter::write_fields(std::string& out, const HeadParts& parts) const {
    bool user_agent = user_agent_.empty();
    bool accept = false;
    bool encoding = !parts.decompress;
    bool authorization = parts.authorization.empty();
    const auto append = [&](const HeaderField& field) {
        append_field(out, field.name, field.value);
        user_agent = user_agent || equals_ignoring_case(field.name, "User-Agent");
        accept = accept || equals_ignoring_case(field.name, "Accept");
        encoding = encoding || equals_ignoring_case(field.name, "Accept-Encoding");
        authorization = authorization || equals_ignoring_case(field.name, "Authorization");
    };
    for (const auto field : *parts.headers)
        if (may_go(field.name, parts)) append(field);
    for (const auto field : defaults_)
        if (may_go(field.name, parts) && !parts.headers->contains(field.name)) append(field);
    if (!authorization) append_field(out, "Authorization", parts.authorization);
    if (!user_agent) append_field(out, "User-Agent", user_agent_);
    if (!accept) out += "Accept: */*\r\n";
    if (!encoding) append_field(out, "Accept-Encoding", codings);
}

void HeadWriter::write(std::string& out, const HeadParts& parts) const {
    const bool usual = parts.headers->empty() && parts.authorization.empty() &&
                       parts.user_fields == UserFields::all && parts.decompress == decompress_;
    if (!usual) check_user_headers(*parts.headers, parts.framing);
    if (parts.method != "GET") check_method(parts.method);

    out += parts.method;
    out += ' ';
    const auto path = parts.url->path();
    out += path.empty() ? std::string_view("/") : path;
    if (parts.url->has_query()) {
        out += '?';
        out += parts.url->query();
    }
    out += " HTTP/1.1\r\n";
    const bool own_host =
        parts.user_fields == UserFields::all && (has_host_ || parts.headers->contains("Host"));
    if (!own_host) out += parts.origin->host_line;
    if (usual)
        out += usual_tail_;
    else
        write_fields(out, parts);
    append_framing(out, parts.framing);
    out += "\r\n";
}

bool HeadWriter::asks_to_close(const HeadParts& parts) const {
    if (parts.headers->empty()) return closes_;
    return closes_ || is_close(parts.headers->get("Connection"));
}

}  // namespace tandem::inline v1::http
