// bench/support/url.hpp
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace bench {

/// An `http://<IPv4 address>:<port>/<path>`, for those peers that take no URL themselves.
struct Url {
    std::string host;
    std::string port;
    std::string target;

    [[nodiscard]] std::string authority() const { return host + ":" + port; }
};

inline Url parse_url(const std::string& text) {
    const std::string scheme = "http://";
    const auto colon = text.find(':', scheme.size());
    const auto slash = text.find('/', scheme.size());
    if (!text.starts_with(scheme) || colon == std::string::npos || slash == std::string::npos ||
        colon > slash) {
        std::fprintf(stderr, "\"%s\" is not http://<address>:<port>/<path>\n", text.c_str());
        std::exit(2);
    }
    return {text.substr(scheme.size(), colon - scheme.size()), text.substr(colon + 1, slash - colon - 1),
            text.substr(slash)};
}

}  // namespace bench
