#include <cli/write_out.hpp>

#include <cli/json_writer.hpp>
#include <cli/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tandem::cli {
namespace {

/// `host:port`, `[::1]:443`, cut at its last colon.
std::pair<std::string, std::string> address_and_port(std::string_view remote) {
    const auto colon = remote.rfind(':');
    if (colon == std::string_view::npos) return {std::string(remote), ""};
    auto address = remote.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
    return {std::string(address), std::string(remote.substr(colon + 1))};
}

/// Curl counts every time from the start of the transfer; a record has one length per phase.
struct Moments {
    double resolved = 0;
    double connected = 0;
    double secured = 0;
    double sending = 0;
    double first_byte = 0;
    double end = 0;
};

double seconds_of(const std::optional<Elapsed>& elapsed) { return elapsed ? elapsed->count() / 1000 : 0; }

Moments moments_of(const Record& record) {
    Moments moments;
    if (!record.timings) return moments;
    const auto& timings = *record.timings;
    moments.resolved = seconds_of(timings.resolve);
    moments.connected = moments.resolved + seconds_of(timings.connect);
    moments.secured = timings.tls ? moments.connected + seconds_of(timings.tls) : 0;
    moments.sending = moments.connected + seconds_of(timings.tls);
    moments.first_byte = moments.sending + seconds_of(timings.send) + seconds_of(timings.ttfb);
    moments.end = seconds_of(timings.total);
    return moments;
}

struct Source {
    const Record& record;
    const WriteOutFacts& facts;
    Moments moments;
};

std::string seconds(double value) { return fmt::format("{:.6f}", value); }

ByteCounts bytes_of(const Source& source) { return source.record.bytes.value_or(ByteCounts{}); }

std::string headers_as_json(const HeaderList& headers) {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    std::vector<std::string> done;
    for (const auto& header : headers) {
        const auto name = lower_case(header.first);
        if (std::find(done.begin(), done.end(), name) != done.end()) continue;
        done.push_back(name);
        json.key(name).begin_array();
        for (const auto& [other, value] : headers) {
            if (equal_ignoring_case(other, name)) json.string(value);
        }
        json.end_array();
    }
    json.end_object();
    return text;
}

struct Variable {
    std::string_view name;
    bool is_number;  // in %{json}
    std::string (*text)(const Source&);
};

using S = const Source&;

const std::array<Variable, 28>& variables() {
    static const std::array<Variable, 28> table = {{
        {"url", false, [](S s) { return without_userinfo(s.record.url); }},
        {"url_effective", false,
         [](S s) {
             return without_userinfo(s.record.final_url.empty() ? s.record.url : s.record.final_url);
         }},
        {"method", false, [](S s) { return s.record.method; }},
        {"http_code", true, [](S s) { return fmt::format("{:03}", s.record.status.value_or(0)); }},
        {"response_code", true, [](S s) { return fmt::format("{:03}", s.record.status.value_or(0)); }},
        {"http_version", false, [](S s) { return s.record.http.empty() ? "0" : s.record.http; }},
        {"content_type", false, [](S s) { return s.record.type; }},
        {"size_download", true, [](S s) { return std::to_string(bytes_of(s).body); }},
        {"size_upload", true, [](S s) { return std::to_string(bytes_of(s).wire_out); }},
        {"size_header", true, [](S s) { return std::to_string(s.facts.header_bytes); }},
        {"speed_download", true,
         [](S s) {
             const auto body = static_cast<double>(bytes_of(s).body);
             return fmt::format("{:.0f}", s.moments.end > 0 ? body / s.moments.end : 0.0);
         }},
        {"num_redirects", true, [](S s) { return std::to_string(s.record.redirects.size()); }},
        {"num_retries", true,
         [](S s) { return std::to_string(s.record.attempts.empty() ? 0 : s.record.attempts.size() - 1); }},
        {"remote_ip", false, [](S s) { return address_and_port(s.record.remote).first; }},
        {"remote_port", false, [](S s) { return address_and_port(s.record.remote).second; }},
        {"local_ip", false, [](S s) { return s.facts.local_ip; }},
        {"scheme", false,
         [](S s) {
             const auto& url = s.record.final_url.empty() ? s.record.url : s.record.final_url;
             return lower_case(url.substr(0, std::min(url.find(':'), url.size())));
         }},
        {"time_namelookup", true, [](S s) { return seconds(s.moments.resolved); }},
        {"time_connect", true, [](S s) { return seconds(s.moments.connected); }},
        {"time_appconnect", true, [](S s) { return seconds(s.moments.secured); }},
        {"time_pretransfer", true, [](S s) { return seconds(s.moments.sending); }},
        {"time_starttransfer", true, [](S s) { return seconds(s.moments.first_byte); }},
        {"time_redirect", true,
         [](S s) {
             double all = 0;
             for (const auto& hop : s.record.redirects) all += hop.ms.count() / 1000;
             return seconds(all);
         }},
        {"time_queue", true,
         [](S s) { return seconds(s.record.timings ? seconds_of(s.record.timings->queued) : 0); }},
        {"time_total", true, [](S s) { return seconds(s.moments.end); }},
        {"filename_effective", false, [](S s) { return s.record.file; }},
        {"errormsg", false, [](S s) { return s.record.error ? s.record.error->message : std::string(); }},
        {"exitcode", true,
         [](S s) {
             if (!s.record.error) return std::string("0");
             return std::to_string(
                 curl_code_of(s.record.error->code).value_or(exit_code_of(s.record.error_class())));
         }},
    }};
    return table;
}

const Variable* variable_named(std::string_view name) {
    for (const auto& variable : variables()) {
        if (variable.name == name) return &variable;
    }
    return nullptr;
}

constexpr std::array<std::string_view, 8> special_names = {"urlnum", "header_json", "json",    "record",
                                                           "stdout", "stderr",      "onerror", "local_port"};

std::string all_as_json(const Source& source) {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    for (const auto& variable : variables()) {
        const auto value = variable.text(source);
        json.key(variable.name);
        const bool leading_zero = value.size() > 1 && value[0] == '0' && value[1] != '.';
        if (variable.is_number)
            json.raw(leading_zero ? std::to_string(source.record.status.value_or(0)) : value);
        else
            json.string(value);
    }
    json.key("urlnum").number(source.record.seq > 0 ? source.record.seq - 1 : 0);
    json.end_object();
    return text;
}

std::string special_text(std::string_view name, const Source& source) {
    if (name == "urlnum") return std::to_string(source.record.seq > 0 ? source.record.seq - 1 : 0);
    if (name == "local_port") return source.facts.local_port;
    if (name == "header_json") return headers_as_json(source.facts.headers);
    if (name == "json") return all_as_json(source);
    if (name == "record") {
        auto line = to_json_line(source.record);
        line.pop_back();
        return line;
    }
    return {};
}

}  // namespace

WriteOut::WriteOut(std::string_view format) {
    for (std::size_t at = 0; at < format.size();) {
        const auto rest = format.substr(at);
        if (rest.starts_with("%%")) {
            add_literal('%');
            at += 2;
        } else if (rest.starts_with("%{") || rest.starts_with("%header{")) {
            at = parse_variable(format, at);
        } else if (rest.starts_with("\\n") || rest.starts_with("\\r") || rest.starts_with("\\t")) {
            add_literal(rest[1] == 'n' ? '\n' : rest[1] == 'r' ? '\r' : '\t');
            at += 2;
        } else {
            add_literal(rest[0]);
            ++at;
        }
    }
}

void WriteOut::add_literal(char letter) {
    if (pieces_.empty() || pieces_.back().kind != Piece::Kind::literal) pieces_.emplace_back();
    pieces_.back().text += letter;
}

std::size_t WriteOut::parse_variable(std::string_view format, std::size_t at) {
    // curl writes `%header{name}`; `%{header{name}}` is the same thing in the form of the others.
    const auto rest = format.substr(at);
    const bool nested = rest.starts_with("%{header{");
    const bool header = nested || rest.starts_with("%header{");
    const auto begin = at + (nested ? 9 : header ? 8 : 2);
    const auto end = format.find(nested ? "}}" : "}", begin);
    if (end == std::string_view::npos) {
        problems_.push_back(fmt::format("a \"{{\" without its end at column {}", at + 1));
        return format.size();
    }
    const auto name = format.substr(begin, end - begin);
    if (header) {
        pieces_.push_back({Piece::Kind::header, std::string(name)});
        return end + (nested ? 2 : 1);
    }

    std::vector<std::string_view> known(special_names.begin(), special_names.end());
    for (const auto& variable : variables()) known.push_back(variable.name);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
        const auto close = nearest(name, known);
        problems_.push_back(fmt::format("%{{{}}} is no variable{}", escaped_for_terminal(name),
                                        close.empty() ? "" : fmt::format("; did you mean %{{{}}}?", close)));
    }
    pieces_.push_back({Piece::Kind::variable, std::string(name)});
    return end + 1;
}

bool WriteOut::needs_headers() const noexcept {
    for (const auto& piece : pieces_) {
        if (piece.kind == Piece::Kind::header) return true;
        if (piece.kind == Piece::Kind::variable && piece.text == "header_json") return true;
    }
    return false;
}

WriteOut::Text WriteOut::render(const Record& record, const WriteOutFacts& facts) const {
    const Source source{record, facts, moments_of(record)};
    Text text;
    auto* out = &text.for_stdout;
    for (const auto& piece : pieces_) {
        if (piece.kind == Piece::Kind::literal) {
            *out += piece.text;
        } else if (piece.kind == Piece::Kind::header) {
            for (const auto& [name, value] : facts.headers) {
                if (!equal_ignoring_case(name, piece.text)) continue;
                *out += value;
                break;
            }
        } else if (piece.text == "stdout") {
            out = &text.for_stdout;
        } else if (piece.text == "stderr") {
            out = &text.for_stderr;
        } else if (piece.text == "onerror") {
            if (record.outcome == Outcome::ok || record.outcome == Outcome::skipped) return text;
        } else if (const auto* variable = variable_named(piece.text)) {
            *out += variable->text(source);
        } else {
            *out += special_text(piece.text, source);
        }
    }
    return text;
}

}  // namespace tandem::cli
