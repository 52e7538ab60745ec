#include "scenario.hpp"

#include <set>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace tandem::differential {
namespace {

bool opens_block(std::string_view word) {
    static const std::set<std::string_view> openers = {"try",   "timeout", "move_on",      "shield",
                                                       "group", "scope",   "with_finally", "soon",
                                                       "later", "on_done", "repeat"};
    return openers.contains(word);
}

bool ends_block(std::string_view word) { return word == "end" || word == "catch" || word == "finally"; }

}  // namespace

std::string join_words(const Words& words, const char* between) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : between) + word;
    return text;
}

bool ScenarioReader::read_line() {
    if (std::exchange(unread_, false)) return true;
    std::string text;
    while (std::getline(in_, text)) {
        line_.clear();
        std::istringstream words(text);
        for (std::string word; words >> word;) line_.push_back(word);
        if (!line_.empty() && !line_[0].starts_with('#')) return true;
    }
    return false;
}

std::vector<Step> ScenarioReader::read_steps() {
    std::vector<Step> steps;
    for (;;) {
        if (!read_line()) throw std::runtime_error("a scenario ends inside a block: an `end` is missing");
        if (ends_block(line_[0])) return steps;
        Step& step = steps.emplace_back();
        step.words = line_;
        if (!opens_block(line_[0])) continue;
        step.blocks.push_back({{"do"}, read_steps()});
        while (line_[0] != "end") {
            Words part = line_;
            step.blocks.push_back({std::move(part), read_steps()});
        }
    }
}

std::optional<Scenario> ScenarioReader::next() {
    if (!read_line()) return std::nullopt;
    if (line_[0] != "scenario")
        throw std::runtime_error("no scenario begins with '" + join_words(line_, " ") + "'");
    Scenario scenario;
    scenario.head.assign(line_.begin() + 1, line_.end());
    while (read_line()) {
        if (line_[0] == "scenario") {
            unread_ = true;
            break;
        }
        if (line_[0] == "task") {
            const std::string name = line_.at(1);
            scenario.tasks[name] = read_steps();
        } else {
            scenario.objects.push_back(line_);
        }
    }
    return scenario;
}

}  // namespace tandem::differential
