#include <cli/name_template.hpp>

#include <cli/clean_name.hpp>
#include <cli/sha256.hpp>
#include <cli/text.hpp>
#include <cli/units.hpp>

#include <fmt/format.h>

#include <array>

namespace tandem::cli {

/// Puts pieces together, component by component.
class NameTemplate::Writer {
public:
    void add_literal(std::string_view text) {
        for (const char letter : text) {
            if (letter == '/')
                end_component();
            else
                add(std::string_view(&letter, 1), BeginsWith::user_bytes);
        }
    }

    void add_value(std::string_view value) { add(cleaned_value(value), BeginsWith::peer_bytes); }
    void add_unknown() { add("?", BeginsWith::peer_bytes); }

    void end_component() {
        if (!component_.empty() || !path_.empty()) {
            if (!path_.empty()) path_ += '/';
            path_ += finish_component(component_, beginning_);
        }
        component_.clear();
    }

    std::string finish() {
        if (component_.empty()) component_ = "index";
        end_component();
        return std::move(path_);
    }

private:
    void add(std::string_view text, BeginsWith whose) {
        if (component_.empty()) beginning_ = whose;
        component_ += text;
    }

    std::string path_;
    std::string component_;
    BeginsWith beginning_ = BeginsWith::user_bytes;
};

namespace {

std::string cut(std::string text, std::optional<std::size_t> max_bytes) {
    if (!max_bytes || text.size() <= *max_bytes) return text;
    std::size_t end = 0;
    for (;;) {
        const auto next = end + first_code_point(std::string_view(text).substr(end)).bytes;
        if (next > *max_bytes) break;
        end = next;
    }
    text.resize(end);
    return text;
}

}  // namespace

NameValues NameValues::of(const http::Url& url) {
    NameValues values;
    values.scheme = url.scheme();
    values.host = url.hostname();
    if (values.host.starts_with('[') && values.host.ends_with(']'))
        values.host = values.host.substr(1, values.host.size() - 2);
    values.port = std::to_string(url.port_or_default());
    values.query = url.query();

    auto segments = split(url.path(), '/');
    std::string_view last;
    if (!segments.empty()) {
        last = segments.back();
        segments.pop_back();
    }
    for (const auto segment : segments) {
        if (!segment.empty()) values.directories.push_back(http::percent_decode(segment));
    }
    const auto decoded = http::percent_decode(last);
    const auto dot = extension_at(decoded);
    values.stem = decoded.substr(0, dot);
    values.extension = decoded.substr(dot);
    return values;
}

NameTemplate::NameTemplate(std::string_view text) {
    parse(text);
    if (text.empty()) problems_.emplace_back("the template is empty");
    if (!problems_.empty()) return;
    take_directory();
    check_literals();
    add_number_mark();
}

void NameTemplate::parse(std::string_view text) {
    const auto add_literal = [&](char letter) {
        if (pieces_.empty() || pieces_.back().variable != Variable::literal) pieces_.emplace_back();
        pieces_.back().text += letter;
    };
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '{' && text.substr(at).starts_with("{{")) {
            add_literal('{');
            ++at;
        } else if (text[at] == '{') {
            const auto end = text.find('}', at);
            if (end == std::string_view::npos) {
                problems_.push_back(
                    fmt::format("a \"{{\" without its end at column {}; {{{{ is a brace", at + 1));
                return;
            }
            parse_variable(text.substr(at + 1, end - at - 1));
            at = end;
        } else if (text[at] == '\0') {
            problems_.emplace_back("a NUL byte");
        } else {
            if (text.substr(at).starts_with("}}")) ++at;
            add_literal(text[at]);
        }
    }
}

void NameTemplate::parse_variable(std::string_view inside) {
    static constexpr std::array<std::pair<std::string_view, Variable>, 17> names = {{
        {"scheme", Variable::scheme},
        {"host", Variable::host},
        {"port", Variable::port},
        {"path", Variable::path},
        {"dir", Variable::dir},
        {"name", Variable::name},
        {".ext", Variable::ext},
        {"query", Variable::query},
        {"-q", Variable::query_mark},
        {"n", Variable::n},
        {"-n", Variable::number_mark},
        {"id", Variable::id},
        {"status", Variable::status},
        {"date", Variable::date},
        {"sha256", Variable::sha256},
        {"depth", Variable::depth},
        {"parent", Variable::parent},
    }};
    Piece piece;
    const auto shown = escaped_for_terminal(inside);
    const auto colon = inside.rfind(':');
    auto name = inside.substr(0, colon);
    if (colon != std::string_view::npos) {
        const auto number = parse_number(inside.substr(colon + 1));
        if (!number || *number == 0) {
            problems_.push_back(fmt::format("{{{}}}: after the colon stands how many bytes to keep", shown));
            return;
        }
        piece.max_bytes = static_cast<std::size_t>(*number);
    }

    std::vector<std::string_view> known;
    for (const auto& [text, variable] : names) {
        known.push_back(text);
        if (text == name) piece.variable = variable;
    }
    if (name.starts_with("tag.") && name.size() > 4) {
        piece.variable = Variable::tag;
        piece.text = name.substr(4);
    } else if (const auto capture = parse_number(name); capture && *capture > 0) {
        piece.variable = Variable::capture;
        piece.capture = static_cast<std::size_t>(*capture);
    }
    if (piece.variable == Variable::literal) {
        const auto close = nearest(name, known);
        problems_.push_back(fmt::format("{{{}}} is no variable{}", shown,
                                        close.empty() ? "" : fmt::format("; did you mean {{{}}}?", close)));
        return;
    }
    const bool structural = piece.variable == Variable::path || piece.variable == Variable::dir ||
                            piece.variable == Variable::number_mark;
    if (structural && piece.max_bytes) {
        problems_.push_back(fmt::format("{{{}}} cannot be cut", shown));
        return;
    }
    pieces_.push_back(std::move(piece));
}

/// What stands before the last `/` of a leading literal is a directory the user chose, not one of ours.
void NameTemplate::take_directory() {
    auto& first = pieces_.front();
    if (first.variable != Variable::literal) return;
    const auto slash = first.text.rfind('/');
    if (slash == std::string::npos) return;
    directory_ = slash == 0 ? "/" : first.text.substr(0, slash);
    first.text.erase(0, slash + 1);
    if (first.text.empty()) pieces_.erase(pieces_.begin());
    if (pieces_.empty())
        problems_.emplace_back("ends in a directory; name a file, as in DIR/{name}{.ext}, or use -P");
}

void NameTemplate::check_literals() {
    std::string shape;  // every variable as one harmless letter
    for (const auto& piece : pieces_) shape += piece.variable == Variable::literal ? piece.text : "v";
    if (shape.ends_with('/'))
        problems_.emplace_back("ends in a directory; name a file, as in {host}/{name}{.ext}");
    for (const auto component : split(shape, '/')) {
        if (component == "..")
            problems_.emplace_back("\"..\" cannot be the name of a file or stand behind a variable");
    }
}

void NameTemplate::add_number_mark() {
    for (const auto& piece : pieces_) {
        if (piece.variable == Variable::number_mark) return;
    }
    Piece mark;
    mark.variable = Variable::number_mark;
    if (!pieces_.empty() && pieces_.back().variable == Variable::ext) {
        pieces_.insert(pieces_.end() - 1, std::move(mark));
        return;
    }
    // Before the last dot that the template itself has in the last component, unless that begins it.
    for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
        if (piece->variable == Variable::path || piece->variable == Variable::dir) break;
        if (piece->variable != Variable::literal) continue;
        const auto at = piece->text.find_last_of("./");
        if (at == std::string::npos) continue;
        const bool begins = at == 0 ? piece + 1 == pieces_.rend() : piece->text[at - 1] == '/';
        if (piece->text[at] == '/' || begins) break;

        Piece behind;
        behind.text = piece->text.substr(at);
        piece->text.erase(at);
        const auto where = pieces_.insert(piece.base(), std::move(behind));
        pieces_.insert(where, std::move(mark));
        return;
    }
    pieces_.push_back(std::move(mark));
}

bool NameTemplate::needs_response(const NameValues& values) const noexcept {
    for (const auto& piece : pieces_) {
        if (piece.variable == Variable::status && !values.status) return true;
        if (piece.variable == Variable::sha256 && !values.sha256) return true;
        if (piece.variable == Variable::ext && values.extension.empty() && !values.content_type) return true;
    }
    return false;
}

void NameTemplate::write(Writer& writer, const Piece& piece, const NameValues& values,
                         std::uint64_t number) const {
    const auto value = [&](std::string_view text) {
        writer.add_value(cut(std::string(text), piece.max_bytes));
    };
    switch (piece.variable) {
        case Variable::literal:
            return writer.add_literal(piece.text);
        case Variable::scheme:
            return value(values.scheme);
        case Variable::host: {
            auto host = values.host;
            for (auto& letter : host) letter = letter == ':' ? '_' : letter;
            return value(host);
        }
        case Variable::port:
            return value(values.port);
        case Variable::path:
        case Variable::dir:
            for (const auto& directory : values.directories) {
                writer.add_value(directory);
                writer.end_component();
            }
            if (piece.variable == Variable::path)
                writer.add_value(values.stem.empty() ? "index" : values.stem);
            return;
        case Variable::name:
            return value(values.stem.empty() ? "index" : values.stem);
        case Variable::ext:
            if (!values.extension.empty()) return value(values.extension);
            if (!values.content_type) return writer.add_unknown();
            return value(extension_of_type(*values.content_type));
        case Variable::query:
            return value(http::percent_decode(values.query));
        case Variable::query_mark:
            if (!values.query.empty()) value("-" + hex(sha256(values.query)).substr(0, 8));
            return;
        case Variable::n:
            return value(std::to_string(values.number));
        case Variable::number_mark:
            if (number > 1) writer.add_value("-" + std::to_string(number));
            return;
        case Variable::id:
            return value(values.id);
        case Variable::status:
            return values.status ? value(std::to_string(*values.status)) : writer.add_unknown();
        case Variable::date:
            return value(values.date);
        case Variable::sha256:
            return values.sha256 ? value(*values.sha256) : writer.add_unknown();
        case Variable::depth:
            return value(std::to_string(values.depth));
        case Variable::parent:
            return value(values.parent);
        case Variable::capture:
            if (piece.capture <= values.captures.size()) value(values.captures[piece.capture - 1]);
            return;
        case Variable::tag:
            for (const auto& [name, text] : values.tags) {
                if (name == piece.text) return value(text);
            }
            return;
    }
}

FileName NameTemplate::render(const NameValues& values, std::uint64_t number) const {
    Writer writer;
    for (const auto& piece : pieces_) write(writer, piece, values, number);
    return {directory_, writer.finish()};
}

std::string_view extension_of_type(std::string_view content_type) noexcept {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 34> types = {{
        {"text/html", ".html"},
        {"application/xhtml+xml", ".xhtml"},
        {"text/plain", ".txt"},
        {"text/css", ".css"},
        {"text/csv", ".csv"},
        {"text/markdown", ".md"},
        {"text/javascript", ".js"},
        {"application/javascript", ".js"},
        {"application/json", ".json"},
        {"application/ld+json", ".json"},
        {"application/x-ndjson", ".jsonl"},
        {"text/xml", ".xml"},
        {"application/xml", ".xml"},
        {"application/rss+xml", ".xml"},
        {"application/atom+xml", ".xml"},
        {"application/pdf", ".pdf"},
        {"application/zip", ".zip"},
        {"application/gzip", ".gz"},
        {"application/x-gzip", ".gz"},
        {"application/x-tar", ".tar"},
        {"application/zstd", ".zst"},
        {"image/png", ".png"},
        {"image/jpeg", ".jpg"},
        {"image/gif", ".gif"},
        {"image/webp", ".webp"},
        {"image/avif", ".avif"},
        {"image/svg+xml", ".svg"},
        {"image/x-icon", ".ico"},
        {"image/bmp", ".bmp"},
        {"audio/mpeg", ".mp3"},
        {"video/mp4", ".mp4"},
        {"video/webm", ".webm"},
        {"font/woff2", ".woff2"},
        {"application/wasm", ".wasm"},
    }};
    const auto essence = trimmed(content_type.substr(0, content_type.find(';')));
    for (const auto& [type, extension] : types) {
        if (equal_ignoring_case(essence, type)) return extension;
    }
    return {};
}

}  // namespace tandem::cli
