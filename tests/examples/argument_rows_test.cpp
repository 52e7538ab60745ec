// Row H16: what hacker_news does with its arguments. Without any it shows every part.
#include "program_part.hpp"

#include <tandem/testing/shell.hpp>

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Lines = std::vector<std::string>;

/// On each backend with sockets of the kernel.
constexpr const char* backends[] = {"uring", "epoll"};

Lines lines_with(const std::string& arguments, const std::string& backend) {
    std::istringstream output(tandem::testing::output_with("hacker_news", arguments, backend));
    Lines lines;
    for (std::string line; std::getline(output, line);) lines.push_back(line);
    return lines;
}

/// Fails unless each line begins with a time of day, which is then left out.
Lines without_times(const Lines& lines) {
    static const std::regex time(R"(\[[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\] )");
    Lines texts;
    for (const auto& line : lines) {
        std::smatch found;
        EXPECT_TRUE(std::regex_search(line, found, time, std::regex_constants::match_continuous)) << line;
        texts.push_back(found.empty() ? line : found.suffix().str());
    }
    return texts;
}

}  // namespace

PROGRAM_TEST_OUTSIDE(H15, hacker_news)
PROGRAM_TEST_OUTSIDE(H16, hacker_news)

TEST(H16, help_names_every_argument) {
    const auto help = tandem::testing::output_with("hacker_news", "--help", "epoll");

    EXPECT_EQ(help.find("usage: hacker_news"), 0U) << help;
    for (const char* argument :
         {"--help", "--id ID", "--url URL", "--period SECONDS", "--limit N", "--verbose"})
        EXPECT_NE(help.find("\n  " + std::string(argument) + " "), std::string::npos) << argument;
}

TEST(H16, limit_and_id_choose_what_is_counted_and_every_line_has_a_time) {
    for (const auto* backend : backends) {
        const auto three = without_times(lines_with("--limit 3", backend));
        const auto one = without_times(lines_with("--id 8863001", backend));

        EXPECT_EQ(three, (Lines{"Post 8863000 has 192 comments", "Post 8863001 has 498 comments",
                                "Post 8863002 has 301 comments"}));
        EXPECT_EQ(one, (Lines{"Post 8863001 has 498 comments"}));
    }
}

TEST(H16, verbose_adds_lines_and_changes_no_result) {
    for (const auto* backend : backends) {
        const auto quiet = without_times(lines_with("--limit 2", backend));
        const auto verbose = without_times(lines_with("--limit 2 --verbose", backend));
        Lines results;
        std::copy_if(verbose.begin(), verbose.end(), std::back_inserter(results),
                     [](const std::string& line) { return !line.starts_with("> "); });

        EXPECT_EQ(verbose.size(), quiet.size() + 192 + 498 + 2);
        EXPECT_EQ(results, quiet);
    }
}

TEST(H16, a_period_counts_again_and_again_until_ctrl_c) {
    // Its status, 130 after Ctrl-C, becomes a line. In the foreground, or `timeout` sends two: a second
    // Ctrl-C that comes when the program has done with the first ends it by the signal, and what it has not
    // flushed is lost.
    const std::string program = TANDEM_BINARY_DIR "/examples/hacker_news --limit 1 --period 1";
    std::istringstream output(tandem::testing::printed_by("timeout --foreground --preserve-status -s INT 4 " +
                                                          program + "; echo \"status $?\""));
    int counted = 0;
    std::string last;
    for (std::string line; std::getline(output, line); last = line)
        counted += line.ends_with("] Post 8863000 has 192 comments");

    EXPECT_GE(counted, 2);
    EXPECT_EQ(last, "status 130");
}

TEST(H16, what_is_no_argument_is_refused_with_the_help) {
    for (const char* wrong : {"--limt 2", "--limit", "--limit none", "--id 0", "--period 0"}) {
        const std::string command =
            TANDEM_BINARY_DIR "/examples/hacker_news " + std::string(wrong) + " 2>/dev/null";
        EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 2) << wrong;
    }
}
