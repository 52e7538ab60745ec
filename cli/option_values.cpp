// The values of options that have a form of their own: headers, data, addresses, lists.
#include <cli/option_table.hpp>

#include <cli/text.hpp>
#include <cli/write_out.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace tandem::cli {
namespace {

struct CloseFile {
    void operator()(std::FILE* file) const noexcept {
        if (file != stdin) std::fclose(file);
    }
};

/// All of a file, or of stdin for `-`. Nothing, with a problem noted, if it cannot be read.
std::optional<std::string> contents_of(Draft& draft, std::string_view path) {
    const std::string name(path);
    if (name == "-") {
        if (draft.stdin_taken) {
            draft.problem("stdin is read by another option already");
            return std::nullopt;
        }
        draft.stdin_taken = true;
    }
    const std::unique_ptr<std::FILE, CloseFile> file(name == "-" ? stdin : std::fopen(name.c_str(), "rbe"));
    if (!file) {
        draft.problem(fmt::format("read {}: {}", escaped_for_terminal(name), std::strerror(errno)));
        return std::nullopt;
    }
    std::string text;
    char buffer[65536];
    while (const auto count = std::fread(buffer, 1, sizeof buffer, file.get())) text.append(buffer, count);
    if (std::ferror(file.get()) != 0) {
        draft.problem(fmt::format("read {}: {}", escaped_for_terminal(name), std::strerror(errno)));
        return std::nullopt;
    }
    return text;
}

/// The value itself, or what `@FILE` holds.
std::optional<std::string> value_or_file(Draft& draft) {
    if (!draft.value.starts_with('@')) return std::string(draft.value);
    return contents_of(draft, draft.value.substr(1));
}

bool is_token(std::string_view text) noexcept {
    if (text.empty()) return false;
    for (const char letter : text) {
        const bool plain =
            (letter >= '0' && letter <= '9') || ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z');
        if (!plain && std::string_view("!#$%&'*+-.^_`|~").find(letter) == std::string_view::npos)
            return false;
    }
    return true;
}

bool has_line_break(std::string_view text) noexcept {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

std::optional<HeaderOption> header_in(Draft& draft, std::string_view line) {
    const auto end = line.find_first_of(":;");
    const auto name = line.substr(0, end);
    // The value may be a secret, so only the name is quoted; and of a line without a name, nothing.
    if (end == std::string_view::npos || !is_token(name)) {
        draft.problem(end == std::string_view::npos
                          ? std::string("is no header; write 'Name: value', 'Name:' or 'Name;'")
                          : fmt::format("\"{}\" is no header name", escaped_for_terminal(name)));
        return std::nullopt;
    }
    const auto value = trimmed(line.substr(end + 1));
    if (has_line_break(value)) {
        draft.problem(fmt::format("the value of {} has a line break or NUL in it", name));
        return std::nullopt;
    }
    if (line[end] == ';') {
        if (!value.empty()) {
            draft.problem(fmt::format("\"{};\" sends the header empty and takes no value", name));
            return std::nullopt;
        }
        return HeaderOption{HeaderOption::Kind::empty, std::string(name), {}};
    }
    if (value.empty()) return HeaderOption{HeaderOption::Kind::remove, std::string(name), {}};
    return HeaderOption{HeaderOption::Kind::set, std::string(name), std::string(value)};
}

std::optional<std::uint16_t> port_in(std::string_view text) noexcept {
    const auto number = parse_number(text);
    if (!number || *number == 0 || *number > 65535) return std::nullopt;
    return static_cast<std::uint16_t>(*number);
}

/// Cuts at colons that are not inside `[...]`.
std::vector<std::string_view> colon_pieces(std::string_view text) {
    std::vector<std::string_view> pieces;
    std::size_t begin = 0;
    bool inside = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '[') inside = true;
        if (text[at] == ']') inside = false;
        if (text[at] == ':' && !inside) {
            pieces.push_back(text.substr(begin, at - begin));
            begin = at + 1;
        }
    }
    pieces.push_back(text.substr(begin));
    return pieces;
}

std::string without_brackets(std::string_view host) {
    if (host.starts_with('[') && host.ends_with(']')) return std::string(host.substr(1, host.size() - 2));
    return std::string(host);
}

void add_data(Draft& draft, DataPiece::Kind kind, std::optional<std::string> text) {
    if (text) draft.options.data.push_back({kind, std::move(*text)});
}

template <class Choice>
void choose(Draft& draft, Choice& target,
            std::initializer_list<std::pair<std::string_view, Choice>> choices) {
    std::string known;
    for (const auto& [name, choice] : choices) {
        if (draft.value == name) {
            target = choice;
            return;
        }
        known += (known.empty() ? "" : ", ") + std::string(name);
    }
    draft.problem(fmt::format("\"{}\" is none of {}", escaped_for_terminal(draft.value), known));
}

}  // namespace

void read_input_file(Draft& draft) {
    if (draft.value.empty()) return draft.problem("is empty; - is stdin");
    draft.options.inputs.push_back({InputSource::Kind::file, std::string(draft.value)});
}

void read_retry_failed(Draft& draft) {
    if (draft.value.empty()) return draft.problem("is empty; - is stdin");
    draft.options.inputs.push_back({InputSource::Kind::retry_failed, std::string(draft.value)});
}

void read_input_format(Draft& draft) {
    if (draft.value == "jsonl" || draft.value == "sums" || draft.value == "sitemap")
        return draft.problem(fmt::format("{} is not in this version yet", draft.value));
    choose(
        draft, draft.options.input_format,
        {{"auto", InputFormat::automatic}, {"lines", InputFormat::lines}, {"report", InputFormat::report}});
}

void read_skip(Draft& draft) {
    const auto number = parse_number(draft.value);
    if (!number) return draft.problem(fmt::format("\"{}\" is no number", escaped_for_terminal(draft.value)));
    draft.options.skip = *number;
}

void read_method(Draft& draft) {
    if (!is_token(draft.value))
        return draft.problem(fmt::format("\"{}\" is no method", escaped_for_terminal(draft.value)));
    if (draft.value == "CONNECT") return draft.problem("CONNECT makes tunnels, it fetches nothing");
    draft.options.method = std::string(draft.value);
}

void read_header(Draft& draft) {
    const auto text = value_or_file(draft);
    if (!text) return;
    const bool from_file = draft.value.starts_with('@');
    const auto lines = from_file ? split(*text, '\n') : std::vector<std::string_view>{*text};
    for (const auto line : lines) {
        if (from_file && trimmed(line).empty()) continue;
        if (auto header = header_in(draft, from_file ? trimmed(line) : line))
            draft.options.headers.push_back(std::move(*header));
    }
}

void read_header_for(Draft& draft) {
    if (draft.value.empty()) return draft.problem("the host pattern is empty; * is every host");
    if (auto header = header_in(draft, draft.second_value))
        draft.options.headers_for_hosts.push_back({std::string(draft.value), std::move(*header)});
}

void read_secret_header(Draft& draft) {
    if (!is_token(draft.value))
        return draft.problem(fmt::format("\"{}\" is no header name", escaped_for_terminal(draft.value)));
    draft.options.secret_headers.push_back(lower_case(draft.value));
}

void read_header_value(Draft& draft) {
    if (has_line_break(draft.value)) return draft.problem("has a line break or NUL in it");
    auto& target = draft.spelled == "-e" || draft.spelled == "--referer" ? draft.options.referer
                                                                         : draft.options.user_agent;
    target = std::string(draft.value);
}

void read_data(Draft& draft) {
    auto text = value_or_file(draft);
    if (text && draft.value.starts_with('@')) {
        // As in curl: a file given to -d loses its line ends.
        std::erase_if(*text, [](char letter) { return letter == '\r' || letter == '\n' || letter == '\0'; });
    }
    add_data(draft, DataPiece::Kind::form, std::move(text));
}

void read_data_raw(Draft& draft) { add_data(draft, DataPiece::Kind::raw, std::string(draft.value)); }
void read_data_binary(Draft& draft) { add_data(draft, DataPiece::Kind::binary, value_or_file(draft)); }
void read_json(Draft& draft) { add_data(draft, DataPiece::Kind::json, value_or_file(draft)); }

void read_range(Draft& draft) {
    for (const auto piece : split(draft.value, ',')) {
        const auto part = trimmed(piece);
        const auto dash = part.find('-');
        const auto first = part.substr(0, dash);
        const auto last = dash == std::string_view::npos ? std::string_view() : part.substr(dash + 1);
        const bool numbers = (first.empty() || parse_number(first)) && (last.empty() || parse_number(last));
        const bool backwards =
            !first.empty() && !last.empty() && numbers && *parse_number(first) > *parse_number(last);
        if (dash == std::string_view::npos || !numbers || backwards || (first.empty() && last.empty()))
            return draft.problem(fmt::format("\"{}\" is no range like 0-499, 500- or -500",
                                             escaped_for_terminal(draft.value)));
    }
    if (draft.value.empty()) return draft.problem("is empty");
    draft.options.range = std::string(draft.value);
}

void read_bearer(Draft& draft) {
    const auto text = value_or_file(draft);
    if (!text) return;
    const auto token = trimmed(*text);
    if (token.empty() || has_line_break(token)) return draft.problem("is no token");
    draft.options.oauth2_bearer = std::string(token);
}

void read_cookie(Draft& draft) {
    if (draft.value.find('=') == std::string_view::npos)
        return draft.problem("a cookie file is not in this version yet; write 'name=value'");
    if (has_line_break(draft.value)) return draft.problem("has a line break or NUL in it");
    draft.options.cookies.emplace_back(draft.value);
}

void read_existing(Draft& draft) {
    if (draft.value == "sync") return draft.problem("sync is not in this version yet");
    choose(draft, draft.options.existing,
           {{"number", ExistingPolicy::number},
            {"skip", ExistingPolicy::skip},
            {"overwrite", ExistingPolicy::overwrite},
            {"error", ExistingPolicy::error}});
}

void read_ok_status(Draft& draft) {
    const auto set = StatusSet::parse(draft.value);
    if (!set)
        return draft.problem(
            fmt::format("\"{}\" is no list of statuses like 200-399,404", escaped_for_terminal(draft.value)));
    draft.options.ok_status = *set;
}

void read_write_out(Draft& draft) {
    auto text = value_or_file(draft);
    if (!text) return;
    const WriteOut format(*text);
    for (const auto& problem : format.problems()) draft.problem(problem);
    draft.options.write_out = std::move(text);
}

void read_report(Draft& draft) {
    if (draft.value.empty()) return draft.problem("is empty; - is stdout, fd:N a descriptor");
    if (draft.value.starts_with("fd:") && !parse_number(draft.value.substr(3)))
        return draft.problem(fmt::format("\"{}\" is no descriptor", escaped_for_terminal(draft.value)));
    draft.options.report = std::string(draft.value);
}

void read_report_headers(Draft& draft) {
    auto& options = draft.options;
    options.reported_headers.clear();
    options.report_headers = ReportHeaders::listed;
    if (draft.value == "none") options.report_headers = ReportHeaders::none;
    if (draft.value == "all") options.report_headers = ReportHeaders::all;
    if (options.report_headers != ReportHeaders::listed) return;
    for (const auto item : split(draft.value, ',')) {
        if (!is_token(trimmed(item)))
            draft.problem(fmt::format("\"{}\" is no header name", escaped_for_terminal(trimmed(item))));
        options.reported_headers.push_back(lower_case(trimmed(item)));
    }
    if (options.reported_headers.empty()) draft.problem("is empty");
}

void read_per_host(Draft& draft) {
    const auto equals = draft.value.rfind('=');
    const auto number =
        parse_number(equals == std::string_view::npos ? draft.value : draft.value.substr(equals + 1));
    if (!number || *number == 0 || *number > 100000 || equals == 0)
        return draft.problem(fmt::format("\"{}\" is neither a number from 1 to 100000 nor HOST=N",
                                         escaped_for_terminal(draft.value)));
    if (equals == std::string_view::npos)
        draft.options.per_host = static_cast<unsigned>(*number);
    else
        draft.options.per_host_for.emplace_back(lower_case(draft.value.substr(0, equals)),
                                                static_cast<unsigned>(*number));
}

void read_tries(Draft& draft) {
    const auto number = parse_number(draft.value);
    if (!number || *number == 0 || *number > 1000000)
        return draft.problem(
            fmt::format("\"{}\" is no number from 1 to 1000000", escaped_for_terminal(draft.value)));
    draft.options.retries = static_cast<unsigned>(*number - 1);
}

void read_retry_on(Draft& draft) {
    std::string bad_item;
    const auto retry_on = RetryOn::parse(draft.value, bad_item);
    if (retry_on)
        draft.options.retry_on = *retry_on;
    else
        draft.problem(
            fmt::format("\"{}\" is neither a status nor an error code such as reset or timeout_stall",
                        escaped_for_terminal(bad_item)));
}

void read_resolve(Draft& draft) {
    auto value = draft.value;
    if (value.starts_with('+')) value.remove_prefix(1);  // curl's "may expire"; a run is short
    const auto host_end = colon_pieces(value);
    if (host_end.size() >= 3) {
        const auto rest = value.substr(host_end[0].size() + host_end[1].size() + 2);
        const auto port = port_in(host_end[1]);
        ResolveOverride entry{without_brackets(host_end[0]), port.value_or(std::uint16_t{0}), {}};
        for (const auto address : split(rest, ',')) {
            if (!trimmed(address).empty()) entry.addresses.push_back(without_brackets(trimmed(address)));
        }
        if (port && !entry.host.empty() && !entry.addresses.empty()) {
            draft.options.resolve.push_back(std::move(entry));
            return;
        }
    }
    draft.problem(
        fmt::format("\"{}\" is not HOST:PORT:ADDRESS[,ADDRESS]", escaped_for_terminal(draft.value)));
}

void read_connect_to(Draft& draft) {
    const auto pieces = colon_pieces(draft.value);
    const auto is_port = [](std::string_view text) { return text.empty() || port_in(text); };
    if (pieces.size() != 4 || !is_port(pieces[1]) || !is_port(pieces[3]))
        return draft.problem(fmt::format("\"{}\" is not HOST1:PORT1:HOST2:PORT2, each of which may be empty",
                                         escaped_for_terminal(draft.value)));
    draft.options.connect_to.push_back(
        {without_brackets(pieces[0]), port_in(pieces[1]), without_brackets(pieces[2]), port_in(pieces[3])});
}

void read_progress(Draft& draft) {
    choose(draft, draft.options.progress,
           {{"auto", ProgressMode::automatic},
            {"bar", ProgressMode::bar},
            {"line", ProgressMode::line},
            {"json", ProgressMode::json},
            {"none", ProgressMode::none}});
}

void read_color(Draft& draft) {
    choose(draft, draft.options.color,
           {{"auto", ColorMode::automatic}, {"always", ColorMode::always}, {"never", ColorMode::never}});
}

}  // namespace tandem::cli
