#include <cli/json_writer.hpp>

#include <cli/text.hpp>

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace tandem::cli {

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    for (std::size_t at = 0; at < text.size();) {
        const auto point = first_code_point(text.substr(at));
        if (!point.valid)
            out += "\xef\xbf\xbd";
        else if (point.value == '"' || point.value == '\\')
            (out += '\\') += text[at];
        else if (point.value == '\n')
            out += "\\n";
        else if (point.value == '\r')
            out += "\\r";
        else if (point.value == '\t')
            out += "\\t";
        else if (is_control_or_bidi(point.value))
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(point.value));
        else
            out += text.substr(at, point.bytes);
        at += point.bytes;
    }
    out += '"';
}

void JsonWriter::separate() {
    if (needs_comma_) out_ += ',';
    needs_comma_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    out_ += bracket;
    needs_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    out_ += bracket;
    needs_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
    needs_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
    separate();
    append_json_string(out_, text);
    return *this;
}

JsonWriter& JsonWriter::fixed3(double value) {
    if (!std::isfinite(value)) return null();
    return raw(fmt::format("{:.3f}", value));
}

JsonWriter& JsonWriter::raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
}

}  // namespace tandem::cli
