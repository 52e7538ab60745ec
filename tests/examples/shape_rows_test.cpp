// Rows of what a program looks like, by reading the examples.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace {

using Programs = std::map<std::string, std::string>;  // text by name

Programs programs() {
    Programs found;
    for (const auto& entry : std::filesystem::directory_iterator(TANDEM_SOURCE_DIR "/examples")) {
        if (entry.path().extension() != ".cpp") continue;
        std::ifstream file(entry.path());
        found[entry.path().stem()].assign(std::istreambuf_iterator<char>(file), {});
    }
    return found;
}

/// What they show is a loop, or how one is driven.
const std::set<std::string> loop_demonstrations = {
    "background_loop", "callbacks", "evolution", "loop_inside", "many_loops", "own_loop", "interleaving"};

int count(const std::string& text, const std::regex& what) {
    return static_cast<int>(
        std::distance(std::sregex_iterator(text.begin(), text.end(), what), std::sregex_iterator()));
}

}  // namespace

TEST(V19, no_function_of_a_program_takes_a_loop) {
    // A name, its parameters, and a loop among them; the handlers and hooks that a loop calls are not the
    // user's to call.
    const std::regex takes_loop(
        R"(\n[\w<>:&\* ]*\b\w+\(([^;{}()]*, *)?(tandem::)?EventLoop ?[&\*][^;{}]*\{)");
    const std::regex called_by_loop(R"(ErrorContext|override)");
    for (const auto& [name, text] : programs()) {
        if (loop_demonstrations.contains(name)) continue;
        for (std::sregex_iterator at(text.begin(), text.end(), takes_loop), end; at != end; ++at)
            EXPECT_TRUE(std::regex_search(at->str(), called_by_loop)) << name << ": " << at->str();
    }
    // It finds what it looks for.
    EXPECT_GT(count(programs().at("evolution"), takes_loop), 5);
}

TEST(T6, programs_run_their_parts_from_main_and_nowhere_else) {
    const std::regex runs(R"([^\w.>]run(_main)?\()");
    for (const auto& [name, text] : programs()) {
        // generators awaits nothing; ctrl_c has its programs in child processes.
        if (loop_demonstrations.contains(name) || name == "generators" || name == "ctrl_c") continue;
        const auto main = text.find("\nint main(");
        ASSERT_NE(main, std::string::npos) << name;
        EXPECT_EQ(count(text.substr(0, main), runs), 0) << name;
        EXPECT_GE(count(text.substr(main), runs), 1) << name;
    }
}
