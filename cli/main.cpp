#include <cli/fetch_command.hpp>
#include <cli/text.hpp>
#include <cli/version.hpp>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

constexpr const char* usage =
    "usage: tandem fetch [options] URL...   get many URLs at once; tandem fetch -h tells more\n"
    "       tandem --version\n";

int run_command(const std::vector<std::string>& arguments) {
    if (arguments.empty()) {
        std::fputs(usage, stderr);
        return 2;
    }
    const auto& command = arguments.front();
    if (command == "fetch") return tandem::cli::fetch_command({arguments.begin() + 1, arguments.end()});
    if (command == "-h" || command == "--help" || command == "help") {
        std::fputs(usage, stdout);
        return 0;
    }
    if (command == "--version") {
        std::fputs(tandem::cli::version_text(tandem::cli::backend_text()).c_str(), stdout);
        return 0;
    }
    std::fprintf(stderr, "tandem: no command \"%s\"\n%s", tandem::cli::escaped_for_terminal(command).c_str(),
                 usage);
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run_command({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        std::fprintf(stderr, "tandem: %s\n", tandem::cli::escaped_for_terminal(error.what()).c_str());
        return 1;
    }
}
