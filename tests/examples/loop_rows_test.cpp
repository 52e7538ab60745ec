// Rows of a loop's inside.
#include "program_part.hpp"

PROGRAM_TEST(G14, tracer)
PROGRAM_TEST(U6, tracer)
PROGRAM_TEST(U25k, tracer)
