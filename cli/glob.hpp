#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tandem::cli {

/// A pattern that cannot be read; says what is wrong and at which column.
class GlobError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// One URL out of a pattern.
struct GlobMatch {
    std::string url;
    std::vector<std::string> captures;  ///< what each brace or bracket stood for, for `{1}` in names
};

/// A URL that stands for many, as in curl: `{a,b}`, `[1-9]`, `[01-99:2]`, `[a-z]`; `\` takes the meaning
/// from the next brace or bracket, an IPv6 address keeps its brackets. The last one turns fastest.
///
///     auto urls = UrlGlob("http://a/[1-100000000].png");
///     while (auto match = urls.next())
///         fetch(match->url);
///
/// Errors      `GlobError` from the constructor.
/// Threads     a value.
/// Lifetime    owns its text; nothing is generated before it is asked for.
class UrlGlob {
public:
    explicit UrlGlob(std::string_view pattern);

    /// The next URL, or nothing once all were given.
    [[nodiscard]] std::optional<GlobMatch> next();

    /// How many there are in all; at most 2^64 - 1, also if there are more.
    [[nodiscard]] std::uint64_t count() const noexcept;

private:
    struct Choice {
        std::vector<std::string> words;
    };
    struct Range {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        std::uint64_t step = 1;
        std::size_t digits = 0;  // at least so many, with leading zeros
        bool letters = false;
    };
    struct Wheel {
        std::variant<Choice, Range> values;
        std::uint64_t position = 0;
        std::string following;  // the literal text behind it

        [[nodiscard]] std::uint64_t size() const noexcept;
        [[nodiscard]] std::string text() const;
    };

    std::size_t parse_choice(std::string_view pattern, std::size_t at);
    std::size_t parse_range(std::string_view pattern, std::size_t at);

    std::string beginning_;
    std::vector<Wheel> wheels_;
    bool ended_ = false;
};

/// Whether `pattern` has anything for `UrlGlob` to expand.
[[nodiscard]] bool has_globs(std::string_view pattern) noexcept;

}  // namespace tandem::cli
