#include <tandem/http/message.hpp>

#include <algorithm>

namespace tandem::inline v1::http {
namespace {

std::string decode_form(std::string_view text) {
    std::string spaced(text);
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    return percent_decode(spaced);
}

}  // namespace

Request::Request(RequestHead head, Url url, Body body)
    : method_(std::move(head.method)),
      url_(std::move(url)),
      target_(std::move(head.target)),
      version_(head.version),
      headers_(std::move(head.headers)),
      body_(std::move(body)) {}

std::optional<std::string> Request::param(std::string_view name) const {
    for (std::string_view rest = url_.query(); !rest.empty();) {
        const auto pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        const auto equals = pair.find('=');
        if (decode_form(pair.substr(0, equals)) != name) continue;
        return equals == std::string_view::npos ? std::string() : decode_form(pair.substr(equals + 1));
    }
    return std::nullopt;
}

std::string_view Request::path_value(std::string_view name) const noexcept {
    for (const auto& [key, value] : path_values_)
        if (key == name) return value;
    return {};
}

Task<std::string> Request::text() {
    const std::string& text = co_await body_.read_all();
    co_return std::string(text);
}

}  // namespace tandem::inline v1::http
