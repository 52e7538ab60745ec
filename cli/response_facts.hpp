#pragma once

#include <cli/options.hpp>
#include <cli/record.hpp>
#include <cli/transfer.hpp>

#include <tandem/base/time.hpp>
#include <tandem/http/response.hpp>

#include <string>
#include <vector>

namespace tandem::cli {

/// Puts into a record what its last response says: R4, R10-R15, R17, R21, R23, R27.
void note_response(Record& record, const http::Response& response, const FetchOptions& options);

/// R16 of one try.
[[nodiscard]] ByteCounts bytes_of(const Try& attempt);

/// R22 of one try.
[[nodiscard]] Attempt note_of(const Try& attempt, Elapsed took, int number);

[[nodiscard]] Elapsed elapsed_of(Duration duration) noexcept;

/// "the server answered 503 Service Unavailable"
[[nodiscard]] std::string status_message(const http::Response& response);

/// The head of a response for `-v`, safe for a terminal, without secrets.
[[nodiscard]] std::string verbose_head(const http::Response& response,
                                       const std::vector<std::string>& secret_headers);

}  // namespace tandem::cli
