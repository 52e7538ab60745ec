// Rows of loops, clocks, locks and queues, by their programs.
#include "program_part.hpp"

PROGRAM_TEST(O2, interleaving)
PROGRAM_TEST(O3, interleaving)
PROGRAM_TEST(R3, interleaving)
PROGRAM_TEST(S1a, interleaving)
PROGRAM_TEST(S1b, interleaving)
PROGRAM_TEST(S1c, interleaving)
PROGRAM_TEST(U13, interleaving)

PROGRAM_TEST(Q3a, clock)
PROGRAM_TEST(Q3b, clock)
PROGRAM_TEST(Q3k, clock)
PROGRAM_TEST(Y1a, clock)

PROGRAM_TEST(P1, many_loops)
PROGRAM_TEST(P2, many_loops)
PROGRAM_TEST(P3, many_loops)

PROGRAM_TEST(J11, sync_primitives)
PROGRAM_TEST(J14, sync_primitives)
PROGRAM_TEST(R4, sync_primitives)
PROGRAM_TEST(R5, sync_primitives)
PROGRAM_TEST(R6, sync_primitives)
PROGRAM_TEST(R7, sync_primitives)
PROGRAM_TEST(S7a, sync_primitives)
PROGRAM_TEST(S7b, sync_primitives)
PROGRAM_TEST(S7c, sync_primitives)

PROGRAM_TEST(J12a, queues)
PROGRAM_TEST(J12b, queues)
PROGRAM_TEST(J12c, queues)
PROGRAM_TEST(Q1, queues)
PROGRAM_TEST(Q2, queues)
PROGRAM_TEST(R8, queues)
PROGRAM_TEST(S7d, queues)
PROGRAM_TEST(U25n, queues)
