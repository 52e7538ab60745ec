#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::inline v1::http {

/// The path of a target, cut into decoded segments.
///
///     "/a/./b/../c%2Fd" gives "a", "c/d"
///
/// Segments are split first and decoded afterwards; `.` and `..`, also encoded ones, are resolved.
class PathSegments {
public:
    /// False for bad percent-encoding, `%00`, invalid UTF-8, and a path that climbs above the root: 400.
    [[nodiscard]] bool parse(std::string_view path);

    [[nodiscard]] std::size_t size() const noexcept { return segments_.size(); }
    [[nodiscard]] std::string_view operator[](std::size_t index) const noexcept { return segments_[index]; }
    /// Everything from a segment on, joined by '/'.
    [[nodiscard]] std::string rest_from(std::size_t index) const;

private:
    std::vector<std::string_view> segments_;
    std::deque<std::string> decoded_;  // what the views of decoded segments show
};

/// A pattern like `/items/{id}/{rest...}`, taken apart.
struct RoutePattern {
    enum class Kind : std::uint8_t { fixed, parameter, rest };
    struct Part {
        Kind kind;
        std::string text;  // the segment, or the parameter's name
    };
    std::vector<Part> parts;

    /// Throws `std::invalid_argument`.
    static RoutePattern parse(std::string_view pattern);
};

/// Routes by segment: at every step a fixed segment beats a parameter, and that beats the rest of the path.
class RouteTree {
public:
    RouteTree();
    ~RouteTree();
    RouteTree(RouteTree&&) noexcept;
    RouteTree& operator=(RouteTree&&) noexcept;

    /// Throws `std::invalid_argument` if that method and path have a route already.
    void add(std::string_view method, const RoutePattern& pattern, std::size_t route);
    /// The route of the best path that has this method.
    [[nodiscard]] std::optional<std::size_t> find(std::string_view method, const PathSegments& path) const;
    /// Every method that some route offers for this path, in order, each once.
    [[nodiscard]] std::vector<std::string> methods_of(const PathSegments& path) const;

private:
    struct Node;
    std::unique_ptr<Node> root_;
};

[[nodiscard]] bool is_valid_utf8(std::string_view text) noexcept;

}  // namespace tandem::inline v1::http
