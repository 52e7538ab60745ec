// Rows of a loop's inside.
#include "program_part.hpp"

PROGRAM_TEST(G14, tracer)
PROGRAM_TEST(U6, tracer)
PROGRAM_TEST(U25k, tracer)

PROGRAM_TEST_OUTSIDE(K4, loop_inside)
PROGRAM_TEST_OUTSIDE(K5, loop_inside)
PROGRAM_TEST_OUTSIDE(L1, loop_inside)
PROGRAM_TEST_OUTSIDE(L2, loop_inside)
PROGRAM_TEST_OUTSIDE(L3, loop_inside)
