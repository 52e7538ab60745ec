#include <cli/glob.hpp>

#include <cli/text.hpp>
#include <cli/units.hpp>

#include <fmt/format.h>

#include <limits>

namespace tandem::cli {
namespace {

constexpr std::string_view special = "{}[]";

[[noreturn]] void fail(std::string_view pattern, std::size_t at, std::string_view what) {
    throw GlobError(fmt::format("glob in \"{}\": {} at column {}; -g takes braces and brackets literally",
                                without_userinfo(pattern), what, at + 1));
}

/// How long the bracketed IPv6 address at `at` is, brackets included; 0 if there is none.
std::size_t ipv6_length(std::string_view pattern, std::size_t at) noexcept {
    const auto end = pattern.find(']', at);
    if (end == std::string_view::npos) return 0;
    const auto inside = pattern.substr(at + 1, end - at - 1);
    // A range has at most one colon, before its step; an address at least two. A zone may follow a `%`.
    std::size_t colons = 0;
    for (const char letter : inside.substr(0, inside.find('%'))) {
        const bool hex =
            (letter >= '0' && letter <= '9') || ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'f');
        if (letter == ':')
            ++colons;
        else if (!hex && letter != '.')
            return 0;
    }
    return colons >= 2 ? end + 1 - at : 0;
}

bool is_letter(std::string_view text) noexcept {
    return text.size() == 1 && ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z'));
}

}  // namespace

UrlGlob::UrlGlob(std::string_view pattern) {
    for (std::size_t at = 0; at < pattern.size();) {
        auto& literal = wheels_.empty() ? beginning_ : wheels_.back().following;
        const char letter = pattern[at];
        if (letter == '\\' && at + 1 < pattern.size() &&
            special.find(pattern[at + 1]) != std::string_view::npos) {
            literal += pattern[at + 1];
            at += 2;
        } else if (letter == '[') {
            const auto address = ipv6_length(pattern, at);
            literal += pattern.substr(at, address);
            at = address != 0 ? at + address : parse_range(pattern, at);
        } else if (letter == '{') {
            at = parse_choice(pattern, at);
        } else if (letter == '}' || letter == ']') {
            fail(pattern, at, fmt::format("a \"{}\" without its beginning", letter));
        } else {
            literal += letter;
            ++at;
        }
    }
}

std::size_t UrlGlob::parse_choice(std::string_view pattern, std::size_t at) {
    Choice choice{{""}};
    for (auto i = at + 1; i < pattern.size(); ++i) {
        const char letter = pattern[i];
        const bool escaped =
            letter == '\\' && i + 1 < pattern.size() &&
            (pattern[i + 1] == ',' || special.find(pattern[i + 1]) != std::string_view::npos);
        if (escaped) {
            choice.words.back() += pattern[++i];
        } else if (letter == ',') {
            choice.words.emplace_back();
        } else if (letter == '{' || letter == '[') {
            fail(pattern, i, "braces do not nest");
        } else if (letter == '}') {
            if (choice.words.size() == 1 && choice.words[0].empty())
                fail(pattern, at, "nothing between braces");
            wheels_.push_back({std::move(choice), 0, ""});
            return i + 1;
        } else {
            choice.words.back() += letter;
        }
    }
    fail(pattern, at, "a \"{\" without its end");
}

std::size_t UrlGlob::parse_range(std::string_view pattern, std::size_t at) {
    const auto end = pattern.find(']', at);
    if (end == std::string_view::npos) fail(pattern, at, "a \"[\" without its end");

    auto inside = pattern.substr(at + 1, end - at - 1);
    const auto colon = inside.find(':');
    Range range;
    if (colon != std::string_view::npos) {
        const auto step = parse_number(inside.substr(colon + 1));
        if (!step || *step == 0) fail(pattern, at, "a step that is no number above 0");
        range.step = *step;
        inside = inside.substr(0, colon);
    }

    const auto dash = inside.find('-');
    if (dash == std::string_view::npos) fail(pattern, at, "no range like [1-9] or [a-z]");
    const auto from = inside.substr(0, dash);
    const auto to = inside.substr(dash + 1);
    if (is_letter(from) && is_letter(to)) {
        // From `Z` to `a` there are signs that nobody meant.
        if (((from[0] ^ to[0]) & 0x20) != 0) fail(pattern, at, "a range between upper and lower case");
        range.letters = true;
        range.first = static_cast<unsigned char>(from[0]);
        range.last = static_cast<unsigned char>(to[0]);
    } else {
        const auto first = parse_number(from);
        const auto last = parse_number(to);
        if (!first || !last) fail(pattern, at, "no range like [1-9] or [a-z]");
        range.first = *first;
        range.last = *last;
        range.digits = from.size() > 1 && from[0] == '0' ? from.size() : 0;
    }
    if (range.first > range.last) fail(pattern, at, "a range that runs backwards");
    wheels_.push_back({range, 0, ""});
    return end + 1;
}

std::uint64_t UrlGlob::Wheel::size() const noexcept {
    if (const auto* choice = std::get_if<Choice>(&values)) return choice->words.size();
    const auto& range = *std::get_if<Range>(&values);
    const auto steps = (range.last - range.first) / range.step;
    return steps == std::numeric_limits<std::uint64_t>::max() ? steps : steps + 1;
}

std::string UrlGlob::Wheel::text() const {
    if (const auto* choice = std::get_if<Choice>(&values)) return choice->words[position];
    const auto& range = *std::get_if<Range>(&values);
    const auto value = range.first + position * range.step;
    if (range.letters) return std::string(1, static_cast<char>(value));
    return fmt::format("{:0{}}", value, range.digits);
}

std::optional<GlobMatch> UrlGlob::next() {
    if (ended_) return std::nullopt;

    GlobMatch match{beginning_, {}};
    for (const auto& wheel : wheels_) {
        match.captures.push_back(wheel.text());
        match.url += match.captures.back() + wheel.following;
    }

    ended_ = true;
    for (auto wheel = wheels_.rbegin(); wheel != wheels_.rend(); ++wheel) {
        if (++wheel->position < wheel->size()) {
            ended_ = false;
            break;
        }
        wheel->position = 0;
    }
    return match;
}

std::uint64_t UrlGlob::count() const noexcept {
    std::uint64_t all = 1;
    for (const auto& wheel : wheels_) {
        if (all > std::numeric_limits<std::uint64_t>::max() / wheel.size())
            return std::numeric_limits<std::uint64_t>::max();
        all *= wheel.size();
    }
    return all;
}

bool has_globs(std::string_view pattern) noexcept {
    for (std::size_t at = 0; at < pattern.size(); ++at) {
        if (pattern[at] == '\\') {
            ++at;
        } else if (pattern[at] == '{') {
            return true;
        } else if (pattern[at] == '[') {
            const auto address = ipv6_length(pattern, at);
            if (address == 0) return true;
            at += address - 1;
        }
    }
    return false;
}

}  // namespace tandem::cli
