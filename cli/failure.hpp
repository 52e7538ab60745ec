#pragma once

#include <cli/outcome.hpp>
#include <cli/record.hpp>

#include <exception>
#include <string_view>

namespace tandem::cli {

/// How far a try had come when it failed; tells errors apart that look the same from below.
enum class Stage { exchange, body, save };

/// A failure in the words of table E.
struct Failure {
    RecordError error;
    bool nothing_sent = false;  ///< no byte of the request can have reached the server
};

/// What `failed` means for a record. Never throws what it was given.
[[nodiscard]] Failure failure_of(const std::exception_ptr& failed, Stage stage);

/// Whether such a failure tells that the server, or the way to it, has too much to do (F4.2).
[[nodiscard]] bool is_overload(ErrorCode code) noexcept;

}  // namespace tandem::cli
