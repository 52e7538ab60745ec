// Rows of what tandem tells about a program.
#include "program_part.hpp"

PROGRAM_TEST(Q3i, debug_mode)
PROGRAM_TEST(S15, debug_mode)
PROGRAM_TEST(T5, debug_mode)
PROGRAM_TEST(V22, debug_mode)
PROGRAM_TEST(V24, debug_mode)
