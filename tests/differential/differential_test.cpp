#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

namespace {

/// What run.py says, and whether the two sides agree.
struct Answer {
    std::string text;
    int status;
};

Answer compare(const std::string& options) {
    const std::string command = std::string("/usr/bin/python3 ") + TANDEM_SOURCE_DIR +
                                "/tests/differential/run.py --program " + TANDEM_SIDE + " " + options +
                                " 2>&1";
    Answer answer{"", -1};
    std::FILE* pipe = ::popen(command.c_str(), "r");
    if (!pipe) return answer;
    std::array<char, 4096> part;
    while (std::fgets(part.data(), static_cast<int>(part.size()), pipe)) answer.text += part.data();
    answer.status = ::pclose(pipe);
    return answer;
}

}  // namespace

TEST(SemJ1, the_hand_written_scenarios_show_each_deviation_and_no_other_difference) {
    const Answer answer = compare("--cases check");

    EXPECT_EQ(answer.status, 0) << answer.text;
    EXPECT_NE(answer.text.find(" hand-written scenarios, 0 complaints"), std::string::npos) << answer.text;
}

TEST(SemJ2, a_thousand_random_scenarios_give_the_same_trace_as_on_asyncio) {
    const Answer answer = compare("--seed 1 --count 1000");

    EXPECT_EQ(answer.status, 0) << answer.text;
    EXPECT_NE(answer.text.find("1000 scenarios in "), std::string::npos) << answer.text;
}

TEST(SemJ2, a_thousand_random_scenarios_of_scopes_and_shields_give_the_same_trace_as_on_trio) {
    const Answer answer = compare("--trio --seed 1 --count 1000");

    EXPECT_EQ(answer.status, 0) << answer.text;
    EXPECT_NE(answer.text.find("1000 scenarios in "), std::string::npos) << answer.text;
}
