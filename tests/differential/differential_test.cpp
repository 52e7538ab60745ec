#include <tandem/testing/shell.hpp>

#include <gtest/gtest.h>

#include <string>

namespace {

using tandem::testing::ShellResult;

/// What run.py says, and in its status whether the two sides agree.
ShellResult compare(const std::string& options) {
    return tandem::testing::shell(std::string("/usr/bin/python3 ") + TANDEM_SOURCE_DIR +
                                  "/tests/differential/run.py --program " + TANDEM_SIDE + " " + options +
                                  " 2>&1");
}

}  // namespace

TEST(SemJ1, the_hand_written_scenarios_show_each_deviation_and_no_other_difference) {
    const ShellResult answer = compare("--cases check");

    EXPECT_EQ(answer.status, 0) << answer.output;
    EXPECT_NE(answer.output.find(" hand-written scenarios, 0 complaints"), std::string::npos)
        << answer.output;
}

TEST(SemJ2, a_thousand_random_scenarios_give_the_same_trace_as_on_asyncio) {
    const ShellResult answer = compare("--seed 1 --count 1000");

    EXPECT_EQ(answer.status, 0) << answer.output;
    EXPECT_NE(answer.output.find("1000 scenarios in "), std::string::npos) << answer.output;
}

TEST(SemJ2, a_thousand_random_scenarios_of_scopes_and_shields_give_the_same_trace_as_on_trio) {
    const ShellResult answer = compare("--trio --seed 1 --count 1000");

    EXPECT_EQ(answer.status, 0) << answer.output;
    EXPECT_NE(answer.output.find("1000 scenarios in "), std::string::npos) << answer.output;
}
