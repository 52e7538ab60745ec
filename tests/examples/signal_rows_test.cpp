// Rows of signals.
#include "program_part.hpp"

PROGRAM_TEST_OUTSIDE(S13, signals)
PROGRAM_TEST_OUTSIDE(U25c, signals)
PROGRAM_TEST_OUTSIDE(B9, ctrl_c)

TEST(B9, nothing_is_complained_about) { EXPECT_EQ(tandem::testing::complaints_of("ctrl_c", "epoll"), ""); }
