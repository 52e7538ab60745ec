#include <tandem/testing/shell.hpp>

#include <sys/wait.h>

#include <array>
#include <cstddef>
#include <cstdio>

namespace tandem::inline v1::testing {

ShellResult shell(const std::string& command) {
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return {.output = "cannot be run", .status = -1};
    ShellResult result;
    std::array<char, 4096> buffer;
    while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
        result.output.append(buffer.data(), count);
    const int status = ::pclose(pipe);
    if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
    return result;
}

std::string printed_by(const std::string& command) { return shell(command).output; }

}  // namespace tandem::inline v1::testing
