#include <examples/hacker_news/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace {

/// Reads one document from its start to its end.
class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    Json document() {
        auto value = this->value(0);
        skip_space();
        if (at_ != text_.size()) fail("more than one value");
        return value;
    }

private:
    static constexpr int deepest = 100;

    Json value(int depth) {
        if (depth > deepest) fail("too deep");
        skip_space();
        switch (peek()) {
            case '{':
                return object(depth);
            case '[':
                return list(depth);
            case '"':
                return Json(string());
            case 't':
                return word("true", Json(true));
            case 'f':
                return word("false", Json(false));
            case 'n':
                return word("null", Json());
            default:
                return number();
        }
    }
    Json object(int depth) {
        Json::Object fields;
        ++at_;
        if (take('}')) return Json(std::move(fields));
        do {
            skip_space();
            auto name = string();
            if (!take(':')) fail("no ':'");
            fields.insert_or_assign(std::move(name), value(depth + 1));
        } while (take(','));
        if (!take('}')) fail("no '}'");
        return Json(std::move(fields));
    }
    Json list(int depth) {
        Json::List items;
        ++at_;
        if (take(']')) return Json(std::move(items));
        do {
            items.push_back(value(depth + 1));
        } while (take(','));
        if (!take(']')) fail("no ']'");
        return Json(std::move(items));
    }
    std::string string() {
        if (peek() != '"') fail("no text");
        ++at_;
        std::string out;
        while (peek() != '"') {
            const char c = text_[at_++];
            if (c == '\\')
                escape(out);
            else
                out += c;
        }
        ++at_;
        return out;
    }
    void escape(std::string& out) {
        constexpr std::string_view names = "\"\\/bfnrt";
        constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
        const char c = peek();
        ++at_;
        if (c == 'u') return append_utf8(out, code_point());
        const auto which = names.find(c);
        if (which == std::string_view::npos) fail("an escape that is none");
        out += meanings[which];
    }
    std::uint32_t code_unit() {
        std::uint32_t unit = 0;
        const auto digits = text_.substr(at_, 4);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
        if (error != std::errc() || end != digits.data() + 4) fail("no four digits behind \\u");
        at_ += 4;
        return unit;
    }
    std::uint32_t code_point() {
        const auto first = code_unit();
        if (first < 0xD800 || first > 0xDFFF) return first;
        if (first > 0xDBFF || text_.substr(at_, 2) != "\\u") return 0xFFFD;
        at_ += 2;
        const auto second = code_unit();
        if (second < 0xDC00 || second > 0xDFFF) return 0xFFFD;
        return 0x10000 + ((first - 0xD800) << 10U) + (second - 0xDC00);
    }
    static void append_utf8(std::string& out, std::uint32_t point) {
        const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
        if (point < 0x80) return byte(point);
        if (point < 0x800) {
            byte(0xC0 | (point >> 6U));
        } else {
            if (point < 0x10000) {
                byte(0xE0 | (point >> 12U));
            } else {
                byte(0xF0 | (point >> 18U));
                byte(0x80 | ((point >> 12U) & 0x3F));
            }
            byte(0x80 | ((point >> 6U) & 0x3F));
        }
        byte(0x80 | (point & 0x3F));
    }
    Json number() {
        double number = 0;
        const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
        if (error != std::errc()) fail("no value");
        at_ = static_cast<std::size_t>(end - text_.data());
        return Json(number);
    }
    Json word(std::string_view word, Json meaning) {
        if (text_.substr(at_, word.size()) != word) fail("no value");
        at_ += word.size();
        return meaning;
    }
    bool take(char wanted) {
        skip_space();
        if (at_ == text_.size() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }
    char peek() const {
        if (at_ == text_.size()) fail("it ends too early");
        return text_[at_];
    }
    void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
    [[noreturn]] void fail(const char* what) const {
        throw JsonError("JSON at byte " + std::to_string(at_) + ": " + what);
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

Json Json::parse(std::string_view text) { return Reader(text).document(); }

const Json& Json::operator[](std::string_view name) const {
    static const Json none;
    const auto* const fields = std::get_if<Object>(&value_);
    if (!fields) return none;
    const auto found = fields->find(name);
    return found == fields->end() ? none : found->second;
}

std::vector<long> Json::numbers() const {
    std::vector<long> numbers;
    for (const auto& each : list()) numbers.push_back(each.number());
    return numbers;
}
