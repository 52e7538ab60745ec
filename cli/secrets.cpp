#include <cli/secrets.hpp>

#include <cli/text.hpp>

#include <array>

namespace tandem::cli {

bool is_secret_header(std::string_view name, const std::vector<std::string>& more) {
    static constexpr std::array<std::string_view, 6> names = {"authorization",    "proxy-authorization",
                                                              "cookie",           "set-cookie",
                                                              "www-authenticate", "authentication-info"};
    static constexpr std::array<std::string_view, 5> endings = {"-key", "-token", "-secret", "-auth",
                                                                "-signature"};

    const auto lower = lower_case(trimmed(name));
    for (const auto secret : names) {
        if (lower == secret) return true;
    }
    for (const auto ending : endings) {
        if (lower.ends_with(ending)) return true;
    }
    for (const auto& extra : more) {
        if (equal_ignoring_case(lower, extra)) return true;
    }
    return false;
}

std::string redacted_header(std::string_view line, const std::vector<std::string>& more) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_secret_header(line.substr(0, colon), more))
        return std::string(line);
    return std::string(line.substr(0, colon)) + ": ***";
}

}  // namespace tandem::cli
