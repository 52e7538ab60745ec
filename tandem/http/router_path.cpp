// Paths and patterns: how a target becomes segments, and which route they lead to.
#include <tandem/http/router_internal.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tandem::inline v1::http {
namespace {

int hex_value(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/// False for a '%' without two digits behind it, and for %00.
bool decode_segment(std::string_view segment, std::string& out) {
    out.reserve(segment.size());
    for (std::size_t i = 0; i < segment.size(); ++i) {
        if (segment[i] != '%') {
            out += segment[i];
            continue;
        }
        if (i + 2 >= segment.size()) return false;
        const int high = hex_value(segment[i + 1]);
        const int low = hex_value(segment[i + 2]);
        if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return is_valid_utf8(out);
}

[[noreturn]] void refuse_pattern(std::string_view pattern, const char* reason) {
    throw std::invalid_argument("route pattern '" + std::string(pattern) + "': " + reason);
}

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
}

}  // namespace

bool is_valid_utf8(std::string_view text) noexcept {
    std::size_t i = 0;
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    while (i < text.size()) {
        const unsigned lead = byte(i);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if (lead < 0xc2 || lead > 0xf4 || i + more >= text.size()) return false;
        const unsigned second = byte(i + 1);
        // No overlong forms, no surrogates, nothing above U+10FFFF.
        const unsigned lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        const unsigned highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (second < lowest || second > highest) return false;
        for (std::size_t k = 2; k <= more; ++k) {
            if ((byte(i + k) & 0xc0U) != 0x80U) return false;
        }
        i += more + 1;
    }
    return true;
}

bool PathSegments::parse(std::string_view path) {
    segments_.clear();
    decoded_.clear();
    if (path.empty() || path.front() != '/') return false;
    path.remove_prefix(1);
    for (;;) {
        const auto slash = std::min(path.find('/'), path.size());
        const bool last = slash == path.size();
        auto segment = path.substr(0, slash);
        const bool plain = std::all_of(segment.begin(), segment.end(), [](char c) {
            return c != '%' && static_cast<unsigned char>(c) < 0x80;
        });
        if (!plain) {
            auto& decoded = decoded_.emplace_back();
            if (!decode_segment(segment, decoded)) return false;
            segment = decoded;
        }
        if (segment == "..") {
            if (segments_.empty()) return false;
            segments_.pop_back();
            if (last) segments_.emplace_back();
        } else if (segment == ".") {
            if (last) segments_.emplace_back();
        } else {
            segments_.push_back(segment);
        }
        if (last) return true;
        path.remove_prefix(slash + 1);
    }
}

std::string PathSegments::rest_from(std::size_t index) const {
    std::string rest;
    for (std::size_t i = index; i < segments_.size(); ++i) {
        if (i != index) rest += '/';
        rest += segments_[i];
    }
    return rest;
}

RoutePattern RoutePattern::parse(std::string_view pattern) {
    if (pattern.empty() || pattern.front() != '/') refuse_pattern(pattern, "it does not begin with '/'");
    RoutePattern result;
    auto unread = pattern.substr(1);
    for (;;) {
        const auto slash = std::min(unread.find('/'), unread.size());
        auto segment = unread.substr(0, slash);
        const bool last = slash == unread.size();
        if (segment.starts_with('{') && segment.ends_with('}')) {
            segment = segment.substr(1, segment.size() - 2);
            auto kind = Kind::parameter;
            if (segment.ends_with("...")) {
                kind = Kind::rest;
                segment.remove_suffix(3);
                if (!last) refuse_pattern(pattern, "only the last segment may be '{name...}'");
            }
            if (!is_name(segment)) refuse_pattern(pattern, "a parameter's name is letters, digits and '_'");
            for (const auto& part : result.parts) {
                if (part.kind != Kind::fixed && part.text == segment)
                    refuse_pattern(pattern, "two parameters have the same name");
            }
            result.parts.push_back({kind, std::string(segment)});
        } else {
            if (segment.find_first_of("{}%?#") != std::string_view::npos)
                refuse_pattern(pattern,
                               "a parameter is a whole segment '{name}'; segments are written decoded");
            result.parts.push_back({Kind::fixed, std::string(segment)});
        }
        if (last) return result;
        unread.remove_prefix(slash + 1);
    }
}

struct RouteTree::Node {
    using Methods = std::vector<std::pair<std::string, std::size_t>>;

    std::map<std::string, std::unique_ptr<Node>, std::less<>> fixed;
    std::unique_ptr<Node> parameter;
    Methods methods;  // of the path that ends here
    Methods rest;     // of everything below

    static std::optional<std::size_t> in(const Methods& methods, std::string_view method) {
        for (const auto& [name, route] : methods) {
            if (name == method) return route;
        }
        return std::nullopt;
    }
    std::optional<std::size_t> find(std::string_view method, const PathSegments& path, std::size_t at) const {
        if (at == path.size()) return in(methods, method);
        if (const auto child = fixed.find(path[at]); child != fixed.end()) {
            if (const auto route = child->second->find(method, path, at + 1)) return route;
        }
        if (parameter && !path[at].empty()) {
            if (const auto route = parameter->find(method, path, at + 1)) return route;
        }
        return in(rest, method);
    }
    void collect(const PathSegments& path, std::size_t at, std::vector<std::string>& out) const {
        const auto add = [&out](const Methods& from) {
            for (const auto& [name, route] : from) out.push_back(name);
        };
        if (at == path.size()) return add(methods);
        if (const auto child = fixed.find(path[at]); child != fixed.end())
            child->second->collect(path, at + 1, out);
        if (parameter && !path[at].empty()) parameter->collect(path, at + 1, out);
        add(rest);
    }
};

RouteTree::RouteTree() : root_(std::make_unique<Node>()) {}
RouteTree::~RouteTree() = default;
RouteTree::RouteTree(RouteTree&&) noexcept = default;
RouteTree& RouteTree::operator=(RouteTree&&) noexcept = default;

void RouteTree::add(std::string_view method, const RoutePattern& pattern, std::size_t route) {
    Node* node = root_.get();
    Node::Methods* methods = nullptr;
    for (const auto& part : pattern.parts) {
        if (part.kind == RoutePattern::Kind::rest) {
            methods = &node->rest;
            break;
        }
        auto& child = part.kind == RoutePattern::Kind::fixed ? node->fixed[part.text] : node->parameter;
        if (!child) child = std::make_unique<Node>();
        node = child.get();
    }
    if (!methods) methods = &node->methods;
    if (Node::in(*methods, method))
        throw std::invalid_argument("a route for " + std::string(method) + " and this path exists already");
    methods->emplace_back(method, route);
}

std::optional<std::size_t> RouteTree::find(std::string_view method, const PathSegments& path) const {
    return root_->find(method, path, 0);
}

std::vector<std::string> RouteTree::methods_of(const PathSegments& path) const {
    std::vector<std::string> methods;
    root_->collect(path, 0, methods);
    std::sort(methods.begin(), methods.end());
    methods.erase(std::unique(methods.begin(), methods.end()), methods.end());
    return methods;
}

}  // namespace tandem::inline v1::http
