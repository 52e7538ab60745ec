// Rows that fetch and serve pages, by their programs, as in program_part.hpp.
#include "program_part.hpp"

PROGRAM_TEST(E1, hello_twice)

PROGRAM_TEST(E2, wget)
PROGRAM_TEST(E3, wget)
PROGRAM_TEST(O1, wget)

PROGRAM_TEST_OUTSIDE(E4, web_hello)
PROGRAM_TEST_OUTSIDE(U22, web_hello)
PROGRAM_TEST_OUTSIDE(U24, web_hello)
PROGRAM_TEST_OUTSIDE(W1, web_hello)

PROGRAM_TEST_OUTSIDE(F1, many_fetches)
PROGRAM_TEST_OUTSIDE(F2, many_fetches)
PROGRAM_TEST_OUTSIDE(Q3g, many_fetches)
PROGRAM_TEST_OUTSIDE(Q3j, many_fetches)

PROGRAM_TEST(O4, crawler)
PROGRAM_TEST(R10, crawler)
PROGRAM_TEST(AA4, crawler)

PROGRAM_TEST(J20, http_serving)
PROGRAM_TEST(J21, http_serving)
PROGRAM_TEST(J22, http_serving)
PROGRAM_TEST(J23, http_serving)
PROGRAM_TEST(J26, http_serving)
PROGRAM_TEST(V7, http_serving)
PROGRAM_TEST(V9, http_serving)
PROGRAM_TEST(V21, http_serving)
