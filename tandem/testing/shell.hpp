#pragma once

#include <string>

namespace tandem::inline v1::testing {

/// What a line of /bin/sh has come to.
struct ShellResult {
    std::string output;  ///< what it wrote to its standard output
    int status = -1;     ///< its exit status; -1 if a signal ended it, or it was not started
};

/// Runs a line of /bin/sh to its end: for the programs that a test holds its own results against. Blocks;
/// with a loop on this thread `co_await to_thread(testing::shell, command)`.
///
/// Errors      none: what cannot be started has the status -1 and says "cannot be run".
/// Threads     any.
ShellResult shell(const std::string& command);
/// The same for those who want its output alone.
std::string printed_by(const std::string& command);

}  // namespace tandem::inline v1::testing
