// Rows of fibers and of code that blocks, by their programs.
#include "program_part.hpp"

PROGRAM_TEST(J1, switching)
PROGRAM_TEST(J2, switching)
PROGRAM_TEST(J3, switching)
PROGRAM_TEST(J5, switching)

PROGRAM_TEST_OUTSIDE(J8, ctrl_c)

PROGRAM_TEST_OUTSIDE(G13a, styles)
PROGRAM_TEST_OUTSIDE(G13b, styles)
PROGRAM_TEST_OUTSIDE(G13d, styles)

PROGRAM_TEST_OUTSIDE(A21, unchanged_code)
PROGRAM_TEST_OUTSIDE(J4, unchanged_code)
PROGRAM_TEST_OUTSIDE(J10, unchanged_code)
