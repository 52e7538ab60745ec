#pragma once

#include <tandem/http/url.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::cli {

/// What a template can put into a name. Raw values: cleaning is the template's business. What only the
/// response tells is absent until it is known.
struct NameValues {
    std::string scheme;
    std::string host;  ///< without the brackets of IPv6
    std::string port;
    std::vector<std::string> directories;  ///< decoded segments of the path but the last
    std::string stem;                      ///< decoded last segment without its extension; may be empty
    std::string extension;                 ///< with its dot; empty if the URL has none
    std::string query;
    std::uint64_t number = 0;  ///< `{n}`: position in the input
    std::string id;
    std::string parent;
    std::uint64_t depth = 0;
    std::vector<std::string> captures;
    std::vector<std::pair<std::string, std::string>> tags;
    std::string date;  ///< 2026-01-31

    std::optional<std::string> content_type;
    std::optional<int> status;
    std::optional<std::string> sha256;

    /// What the URL alone decides.
    [[nodiscard]] static NameValues of(const http::Url& url);
};

/// Where a file goes: a directory that the user chose and a path below it, which nobody can leave.
struct FileName {
    std::string
        directory;     ///< from the template's own beginning, as `/tmp/out` in `/tmp/out/{name}`; or empty
    std::string path;  ///< components joined by `/`, each cleaned

    [[nodiscard]] std::string text() const { return directory.empty() ? path : directory + "/" + path; }
};

/// A name with holes (F8.2): `{host}/{path}{-n}{.ext}`. Values are cleaned one by one (F8.3), so that only
/// `{path}` and `{dir}` make directories, out of their own slashes.
///
/// Errors      collected in `problems()`; a template with problems must not be rendered.
/// Threads     a value.
/// Lifetime    owns its text.
class NameTemplate {
public:
    explicit NameTemplate(std::string_view text);

    [[nodiscard]] const std::vector<std::string>& problems() const& noexcept { return problems_; }
    void problems() const&& = delete;  // a loop over them would outlive them

    /// Whether the name of this entry waits for its response: `{status}`, `{sha256}`, or `{.ext}` of a URL
    /// without one.
    [[nodiscard]] bool needs_response(const NameValues& values) const noexcept;

    /// The name with this number (F8.4): 1 is the plain name, 2 puts `-2` where `{-n}` stands. What is not
    /// known yet becomes `?`, for `--dry-run`.
    [[nodiscard]] FileName render(const NameValues& values, std::uint64_t number = 1) const;

private:
    enum class Variable {
        literal,
        scheme,
        host,
        port,
        path,
        dir,
        name,
        ext,
        query,
        query_mark,
        n,
        number_mark,
        id,
        status,
        date,
        sha256,
        depth,
        parent,
        capture,
        tag,
    };
    struct Piece {
        Variable variable = Variable::literal;
        std::string text;  // of a literal, or the name of a tag
        std::size_t capture = 0;
        std::optional<std::size_t> max_bytes;
    };
    class Writer;

    void parse(std::string_view text);
    void parse_variable(std::string_view inside);
    void add_number_mark();
    void take_directory();
    void check_literals();
    void write(Writer& writer, const Piece& piece, const NameValues& values, std::uint64_t number) const;

    std::string directory_;
    std::vector<Piece> pieces_;
    std::vector<std::string> problems_;
};

/// The template of F8.1, or that of `--flat`.
inline constexpr std::string_view default_template = "{host}/{path}{-n}{.ext}";
inline constexpr std::string_view flat_template = "{name}{-q}{-n}{.ext}";

/// `.html` for `text/html; charset=utf-8`; empty for types without a usual extension.
[[nodiscard]] std::string_view extension_of_type(std::string_view content_type) noexcept;

}  // namespace tandem::cli
