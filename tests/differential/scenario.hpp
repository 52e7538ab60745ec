#pragma once

#include <istream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tandem::differential {

using Words = std::vector<std::string>;

struct Block;

/// One line of a scenario, and the blocks it opens: one for most that open any, more for `try`.
struct Step {
    Words words;
    std::vector<Block> blocks;
};
struct Block {
    Words words;
    std::vector<Step> steps;
};

/// A program in the language of README.md.
struct Scenario {
    Words head;
    std::vector<Words> objects;
    std::map<std::string, std::vector<Step>> tasks;
};

/// Reads scenarios one after another. Errors: `std::runtime_error` for what is none.
class ScenarioReader {
public:
    explicit ScenarioReader(std::istream& in) : in_(in) {}
    std::optional<Scenario> next();

private:
    bool read_line();
    std::vector<Step> read_steps();

    std::istream& in_;
    Words line_;
    bool unread_ = false;  // line_ belongs to the next scenario
};

std::string join_words(const Words& words, const char* between);

}  // namespace tandem::differential
