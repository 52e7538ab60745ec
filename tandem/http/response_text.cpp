#include <tandem/http/response_text_internal.hpp>

#include <tandem/http/headers.hpp>

#include <iconv.h>

#include <cerrno>
#include <cstdint>
#include <optional>

namespace tandem::inline v1::http {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// Length of the valid UTF-8 sequence at the start of `text`; 0 if there is none.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto tail = [&](std::size_t i, unsigned low, unsigned high) {
        return i < text.size() && byte(i) >= low && byte(i) <= high;
    };
    const auto first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return tail(1, 0x80, 0xBF) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
        const unsigned high = first == 0xED ? 0x9F : 0xBF;
        return tail(1, low, high) && tail(2, 0x80, 0xBF) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const unsigned low = first == 0xF0 ? 0x90 : 0x80;
        const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
        return tail(1, low, high) && tail(2, 0x80, 0xBF) && tail(3, 0x80, 0xBF) ? 4 : 0;
    }
    return 0;
}

std::string repair_utf8(std::string text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const auto length = sequence_length(std::string_view(text).substr(at));
        if (length == 0) break;
        at += length;
    }
    if (at == text.size()) return text;

    std::string repaired = text.substr(0, at);
    while (at < text.size()) {
        const auto length = sequence_length(std::string_view(text).substr(at));
        repaired.append(length == 0 ? replacement : std::string_view(text).substr(at, length));
        at += length == 0 ? 1 : length;
    }
    return repaired;
}

std::string charset_of(std::string_view content_type) {
    for (auto at = content_type.find(';'); at != std::string_view::npos;
         at = content_type.find(';', at + 1)) {
        auto parameter = content_type.substr(at + 1);
        parameter = parameter.substr(0, parameter.find(';'));
        while (!parameter.empty() && parameter.front() == ' ') parameter.remove_prefix(1);
        const auto equals = parameter.find('=');
        if (equals == std::string_view::npos || !equals_ignoring_case(parameter.substr(0, equals), "charset"))
            continue;
        auto value = parameter.substr(equals + 1);
        while (!value.empty() && (value.back() == ' ' || value.back() == '"')) value.remove_suffix(1);
        if (!value.empty() && value.front() == '"') value.remove_prefix(1);
        return std::string(value);
    }
    return {};
}

class Converter {
public:
    explicit Converter(const char* charset) : descriptor_(::iconv_open("UTF-8", charset)) {}
    ~Converter() {
        if (known()) ::iconv_close(descriptor_);
    }
    Converter(const Converter&) = delete;
    Converter& operator=(const Converter&) = delete;

    bool known() const { return reinterpret_cast<std::intptr_t>(descriptor_) != -1; }
    std::string convert(std::string& text) {
        std::string converted;
        char* in = text.data();
        std::size_t left = text.size();
        while (left > 0) {
            char buffer[4096];
            char* out = buffer;
            std::size_t room = sizeof buffer;
            const auto result = ::iconv(descriptor_, &in, &left, &out, &room);
            converted.append(buffer, sizeof buffer - room);
            if (result != static_cast<std::size_t>(-1) || errno == E2BIG) continue;
            converted.append(replacement);
            if (errno == EINVAL) break;  // an unfinished character at the end
            ++in;
            --left;
        }
        return converted;
    }

private:
    iconv_t descriptor_;
};

}  // namespace

std::string decode_text(std::string bytes, std::string_view content_type) {
    if (bytes.starts_with("\xEF\xBB\xBF")) return repair_utf8(bytes.substr(3));
    std::string charset = charset_of(content_type);
    if (bytes.starts_with("\xFF\xFE")) charset = "UTF-16LE", bytes.erase(0, 2);
    if (bytes.starts_with("\xFE\xFF")) charset = "UTF-16BE", bytes.erase(0, 2);
    // The WHATWG label table reads these as windows-1252.
    if (equals_ignoring_case(charset, "iso-8859-1") || equals_ignoring_case(charset, "latin1") ||
        equals_ignoring_case(charset, "us-ascii") || equals_ignoring_case(charset, "ascii"))
        charset = "CP1252";
    if (charset.empty() || equals_ignoring_case(charset, "utf-8") || equals_ignoring_case(charset, "utf8"))
        return repair_utf8(std::move(bytes));
    Converter converter(charset.c_str());
    if (!converter.known()) return repair_utf8(std::move(bytes));
    return converter.convert(bytes);
}

}  // namespace tandem::inline v1::http
