// Rows of TCP, of threads that call async code, and of periodic work, as in program_part.hpp.
#include "program_part.hpp"

#include <fstream>
#include <string>

PROGRAM_TEST_OUTSIDE(Q3f, echo)
PROGRAM_TEST_OUTSIDE(M8, echo)
PROGRAM_TEST_OUTSIDE(S8, echo)
PROGRAM_TEST_OUTSIDE(S9a, echo)
PROGRAM_TEST_OUTSIDE(S9b, echo)
PROGRAM_TEST_OUTSIDE(U12, echo)
PROGRAM_TEST_OUTSIDE(U25a, echo)
PROGRAM_TEST_OUTSIDE(Y1c, echo)

PROGRAM_TEST_OUTSIDE(U25d, background_loop)
PROGRAM_TEST_OUTSIDE(H7a, hacker_news)
PROGRAM_TEST_OUTSIDE(H7b, hacker_news)
PROGRAM_TEST_OUTSIDE(H7c, hacker_news)
PROGRAM_TEST_OUTSIDE(H7d, hacker_news)
PROGRAM_TEST_OUTSIDE(H7e, hacker_news)

PROGRAM_TEST(V1, proxy)
PROGRAM_TEST(V4a, proxy)
PROGRAM_TEST(V4b, proxy)
PROGRAM_TEST(V4c, proxy)

TEST(V4, the_proxy_has_no_more_than_25_lines) {
    std::ifstream file(TANDEM_SOURCE_DIR "/examples/proxy.cpp");
    int lines = 0;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("Task<void> forward")) inside = true;
        if (line.starts_with("// What is asked of it")) break;
        if (inside && !line.empty()) ++lines;
    }
    EXPECT_GT(lines, 10);
    EXPECT_LE(lines, 25);
}
