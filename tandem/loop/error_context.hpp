#pragma once

#include <tandem/base/source_location.hpp>

#include <cstdint>
#include <exception>
#include <string>

namespace tandem::inline v1 {

/// How bad it is: `suppressed` errors belong to work that was being cancelled anyway, and `info` is for the
/// curious; the default handler prints the former in debug only, the latter never.
enum class Severity : std::uint8_t { error, warning, suppressed, info };

/// What a loop's exception handler is told.
struct ErrorContext {
    std::string message;           ///< what went wrong, in words
    std::exception_ptr exception;  ///< the error itself; null for a warning without one
    std::string task;              ///< name of the task concerned, empty if none
    SourceLocation source;         ///< where the task or callback was made
    Severity severity = Severity::error;
    std::string handle = {};  ///< the callback concerned, `<Handle main()::{lambda()#1} ...>`; empty if none
};

}  // namespace tandem::inline v1
