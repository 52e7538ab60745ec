// H16: what the program is told on its command line, and lines of its log.
#pragma once

#include <tandem/base/time.hpp>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

class WrongArguments : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct Arguments {
    std::optional<long> id;
    std::string url;
    std::optional<tandem::Duration> period;
    int limit = 5;
    bool verbose = false;
    bool help = false;
};

extern const char* const help_text;

/// Errors: `WrongArguments`, which says what is wrong with which.
Arguments parse_arguments(const std::vector<std::string>& words);

/// Lines with the time of day, "[09:26:53] ...", those of `debug` only if it is verbose.
class Log {
public:
    using Sink = std::function<void(const std::string& line)>;
    explicit Log(bool verbose, Sink sink) : verbose_(verbose), sink_(std::move(sink)) {}

    void info(const std::string& text) const;
    void debug(const std::string& text) const {
        if (verbose_) info(text);
    }

private:
    bool verbose_;
    Sink sink_;
};
