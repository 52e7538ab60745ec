#include <cli/clean_name.hpp>

#include <cli/sha256.hpp>
#include <cli/text.hpp>

#include <array>

namespace tandem::cli {
namespace {

constexpr std::size_t max_extension_bytes = 16;  // with its dot

/// `CON`, `nul.txt`, `COM1`: what other systems take for a device, whatever comes behind the first dot.
bool is_device_name(std::string_view component) {
    static constexpr std::array<std::string_view, 6> names = {"con", "prn",    "aux",
                                                              "nul", "conin$", "conout$"};
    auto stem = lower_case(component.substr(0, component.find('.')));
    while (stem.ends_with(' ')) stem.pop_back();
    for (const auto name : names) {
        if (stem == name) return true;
    }
    if (!stem.starts_with("com") && !stem.starts_with("lpt")) return false;
    const auto number = std::string_view(stem).substr(3);
    return (number.size() == 1 && number[0] >= '0' && number[0] <= '9') || number == "\u00b9" ||
           number == "\u00b2" || number == "\u00b3";
}

}  // namespace

std::string cleaned_value(std::string_view decoded) {
    std::string cleaned;
    cleaned.reserve(decoded.size());
    for (std::size_t at = 0; at < decoded.size();) {
        const auto point = first_code_point(decoded.substr(at));
        const bool bad = !point.valid || is_control_or_bidi(point.value) || point.value == '/' ||
                         point.value == '\\' || point.value == 0xfeff;
        if (bad)
            cleaned += '_';
        else
            cleaned += decoded.substr(at, point.bytes);
        at += point.bytes;
    }
    return cleaned;
}

std::string finish_component(std::string_view component, BeginsWith beginning) {
    std::string name(component);
    if (name.empty()) return "_";
    if ((name[0] == '.' || name[0] == '-') && beginning == BeginsWith::peer_bytes) name[0] = '_';
    if (name.back() == '.' || name.back() == ' ') name.back() = '_';
    if (is_device_name(name)) name.insert(name.begin(), '_');
    return cut_component(name, max_component_bytes);
}

std::string cut_component(std::string_view name, std::size_t max_bytes) {
    if (name.size() <= max_bytes) return std::string(name);

    const auto extension = name.substr(extension_at(name));
    const auto digest = sha256(name);
    const auto mark = "~" + hex(digest.data(), 4);

    std::size_t room = max_bytes - mark.size() - extension.size();
    std::size_t end = 0;
    while (end < name.size()) {
        const auto next = end + first_code_point(name.substr(end)).bytes;
        if (next > room) break;
        end = next;
    }
    return std::string(name.substr(0, end)) + mark + std::string(extension);
}

std::string cleaned_file_name(std::string_view suggested) {
    while (suggested.ends_with('/') || suggested.ends_with('\\')) suggested.remove_suffix(1);
    const auto separator = suggested.find_last_of("/\\");
    if (separator != std::string_view::npos) suggested.remove_prefix(separator + 1);
    if (suggested.empty()) return {};
    return finish_component(cleaned_value(suggested), BeginsWith::peer_bytes);
}

std::size_t extension_at(std::string_view segment) noexcept {
    const auto dot = segment.rfind('.');
    if (dot == std::string_view::npos || dot == 0) return segment.size();

    const auto letters = segment.substr(dot + 1);
    if (letters.empty() || letters.size() >= max_extension_bytes) return segment.size();
    for (const char letter : letters) {
        const bool plain =
            (letter >= '0' && letter <= '9') || ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z');
        if (!plain) return segment.size();
    }
    return dot;
}

}  // namespace tandem::cli
