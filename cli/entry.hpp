#pragma once

#include <cli/outcome.hpp>
#include <cli/record.hpp>

#include <tandem/http/url.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::cli {

/// Why an entry fails before anything is sent.
struct EntryProblem {
    ErrorCode code = ErrorCode::url_invalid;
    std::string message;  ///< no credentials, safe to print
};

/// One URL asked for, with what it has of its own. What is empty or absent comes from the options.
struct Entry {
    std::string url;  ///< as given
    std::string method;
    HeaderList headers;
    std::optional<std::string> body;
    std::optional<std::string> body_file;
    std::optional<std::string> output;
    std::optional<std::string> checksum;
    std::optional<std::string> existing;
    std::vector<std::string> captures;  ///< of a glob, for `{1}`
    std::string tags_json;
    std::optional<EntryProblem> problem;  ///< found while reading: no URL at all
};

/// The URL of an entry or why it is none (`url_invalid`) or not ours (`scheme_refused`).
struct EntryUrl {
    std::optional<http::Url> url;
    std::optional<EntryProblem> problem;
};
[[nodiscard]] EntryUrl parse_entry_url(std::string_view text, const http::Url* base);

/// `http://host:port`, the key of a lane: always with its port.
[[nodiscard]] std::string lane_of(const http::Url& url);

}  // namespace tandem::cli
