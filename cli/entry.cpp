#include <cli/entry.hpp>

#include <cli/text.hpp>

#include <tandem/http/errors.hpp>

#include <fmt/format.h>

namespace tandem::cli {
namespace {

constexpr std::size_t quoted_bytes = 200;

std::string quoted(std::string_view text) {
    auto shown = without_userinfo(text.substr(0, 2 * quoted_bytes));
    const bool long_one = shown.size() > quoted_bytes;
    if (long_one) shown.resize(quoted_bytes);
    return fmt::format("\"{}\"{}", escaped_for_terminal(shown), long_one ? "..." : "");
}

bool has_scheme(std::string_view text) {
    const auto colon = text.find(':');
    return colon != std::string_view::npos && text.find_first_of("/?#.") > colon &&
           (text.substr(colon).starts_with("://") || lower_case(text.substr(0, colon)).starts_with("http"));
}

}  // namespace

EntryUrl parse_entry_url(std::string_view text, const http::Url* base) {
    try {
        auto url = base != nullptr ? http::Url(text, *base) : http::Url(text);
        if (url.scheme() != "http" && url.scheme() != "https") {
            // `localhost:8080/x` is a URL of the scheme "localhost", which nobody means.
            const auto hint =
                has_scheme(text) ? std::string() : fmt::format("; try http://{}", without_userinfo(text));
            return {std::nullopt, EntryProblem{ErrorCode::scheme_refused,
                                               fmt::format("fetch {}: only http and https are fetched{}",
                                                           quoted(text), escaped_for_terminal(hint))}};
        }
        url.require_fetchable();
        return {std::move(url), std::nullopt};
    } catch (const http::InvalidUrl& error) {
        const bool bare = base == nullptr && !has_scheme(text);
        return {
            std::nullopt,
            EntryProblem{
                ErrorCode::url_invalid,
                bare ? fmt::format("{} has no scheme; write https:// before it, or give --base", quoted(text))
                     : fmt::format("{} is no URL: {}", quoted(text), escaped_for_terminal(error.reason()))}};
    }
}

std::string lane_of(const http::Url& url) {
    return fmt::format("{}://{}:{}", url.scheme(), url.hostname(), url.port_or_default());
}

}  // namespace tandem::cli
