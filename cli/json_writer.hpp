#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::cli {

/// Writes JSON into a string, in the order of the calls; commas are its business, balance is the caller's.
///
///     JsonWriter json(line);
///     json.begin_object();
///     json.key("v").number(1);
///     json.key("url").string(url);
///     json.end_object();
///
/// What is no UTF-8 in a string becomes U+FFFD; C1, bidirectional and line separators are escaped, so that
/// a record printed on a terminal is harmless.
///
/// Errors      none; memory.
/// Threads     one at a time.
/// Lifetime    borrows the string.
class JsonWriter {
public:
    explicit JsonWriter(std::string& out) : out_(out) {}

    JsonWriter& begin_object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& begin_array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }
    JsonWriter& key(std::string_view name);
    JsonWriter& string(std::string_view text);
    JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
    JsonWriter& null() { return raw("null"); }
    template <std::integral Number>
    JsonWriter& number(Number value) {
        return raw(std::to_string(value));
    }
    /// With three decimals, as durations in records are written.
    JsonWriter& fixed3(double value);
    /// A value that is JSON already, on one line.
    JsonWriter& raw(std::string_view json);

private:
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void separate();

    std::string& out_;
    bool needs_comma_ = false;
};

void append_json_string(std::string& out, std::string_view text);

}  // namespace tandem::cli
