#include <tandem/process/command.hpp>

#include <algorithm>
#include <stdexcept>

namespace tandem::inline v1::process {
namespace {

void require_no_zero_byte(const std::string& text, const char* what) {
    if (text.find('\0') != std::string::npos)
        throw std::invalid_argument(std::string(what) + " of a command has a zero byte in it");
}

void require_name(const std::string& name) {
    require_no_zero_byte(name, "a variable's name");
    if (name.empty() || name.find('=') != std::string::npos)
        throw std::invalid_argument("'" + name + "' is no name of an environment variable");
}

bool needs_quotes(const std::string& text) {
    return text.empty() || text.find_first_of(" \t\n'\"\\$`;&|<>*?()#~") != std::string::npos;
}

}  // namespace

Command::Command(const std::vector<std::string>& argv) {
    if (argv.empty()) throw std::invalid_argument("a command needs a program: its argv is empty");
    args(argv);
}

void Command::add(std::string argument) {
    require_no_zero_byte(argument, argv_.empty() ? "the program" : "an argument");
    if (argv_.empty() && argument.empty())
        throw std::invalid_argument("a command needs a program: its name is empty");
    argv_.push_back(std::move(argument));
}

Command& Command::args(const std::vector<std::string>& arguments) {
    for (const auto& argument : arguments) add(argument);
    return *this;
}

Command& Command::env(std::string name, std::string value) {
    require_name(name);
    require_no_zero_byte(value, "a variable");
    variables_.emplace_back(std::move(name), std::move(value));
    return *this;
}

Command& Command::unset_env(std::string name) {
    require_name(name);
    variables_.emplace_back(std::move(name), std::nullopt);
    return *this;
}

Command& Command::clear_env() {
    variables_.clear();
    clear_env_ = true;
    return *this;
}

Command& Command::cwd(std::string folder) {
    require_no_zero_byte(folder, "the folder");
    folder_ = std::move(folder);
    return *this;
}

Command& Command::pass_descriptor(int fd) {
    if (fd < 3)
        throw std::invalid_argument(
            "pass descriptor " + std::to_string(fd) +
            " to a child: 0 to 2 are its standard input and output, which have setters");
    if (std::find(passed_.begin(), passed_.end(), fd) == passed_.end()) passed_.push_back(fd);
    return *this;
}

std::string Command::to_string() const {
    std::string text;
    for (const auto& argument : argv_) {
        if (!text.empty()) text += ' ';
        if (needs_quotes(argument))
            text += '\'' + argument + '\'';
        else
            text += argument;
        if (text.size() > 200) return text.substr(0, 200) + "...";
    }
    return text;
}

}  // namespace tandem::inline v1::process
