#include <examples/hacker_news/arguments.hpp>

#include <charconv>
#include <chrono>
#include <ctime>
#include <utility>

using namespace tandem;

const char* const help_text =
    "usage: hacker_news [--help] [--id ID] [--url URL] [--period SECONDS] [--limit N] [--verbose]\n"
    "\n"
    "Calculate the comments of the top stories, or of one post. Without arguments: show every part.\n"
    "\n"
    "  --help            show this and exit\n"
    "  --id ID           the post to count, instead of the top stories\n"
    "  --url URL         where the API is; a site of its own by default\n"
    "  --period SECONDS  count again and again, until Ctrl-C\n"
    "  --limit N         how many top stories; 5 by default\n"
    "  --verbose         say more\n";

namespace {

long number(const std::string& name, const std::string& word, long least) {
    long value = 0;
    const char* const end = word.data() + word.size();
    const auto [stopped, error] = std::from_chars(word.data(), end, value);
    if (error != std::errc() || stopped != end || value < least)
        throw WrongArguments(name + " wants a number from " + std::to_string(least) + " on, not '" + word +
                             "'");
    return value;
}

}  // namespace

Arguments parse_arguments(const std::vector<std::string>& words) {
    Arguments arguments;
    for (auto word = words.begin(); word != words.end(); ++word) {
        const std::string& name = *word;
        const auto value = [&]() -> const std::string& {
            if (++word == words.end()) throw WrongArguments(name + " wants a value");
            return *word;
        };
        if (name == "--help")
            arguments.help = true;
        else if (name == "--verbose")
            arguments.verbose = true;
        else if (name == "--id")
            arguments.id = number(name, value(), 1);
        else if (name == "--limit")
            arguments.limit = static_cast<int>(number(name, value(), 1));
        else if (name == "--period")
            arguments.period = to_duration(std::chrono::seconds(number(name, value(), 1)));
        else if (name == "--url")
            arguments.url = value();
        else
            throw WrongArguments("'" + name + "' is no argument");
    }
    return arguments;
}

void Log::info(const std::string& text) const {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm local{};
    ::localtime_r(&now, &local);
    char time[16];
    std::strftime(time, sizeof time, "[%H:%M:%S] ", &local);
    sink_(time + text);
}
