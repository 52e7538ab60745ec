// Rows whose programs talk to other people's servers, and whose fetch looks at its caller.
#include "program_part.hpp"

#include <tandem/testing/server_process.hpp>

#include <filesystem>

namespace {

void expect_redis_part(const char* row) {
    if (!std::filesystem::exists(TANDEM_BINARY_DIR "/examples/redis_workers") ||
        !tandem::testing::find_program("redis-server"))
        GTEST_SKIP() << "libhiredis-dev or redis-server is not installed: tools/install_packages test";
    tandem::testing::expect_part("redis_workers", row, "epoll");
}

}  // namespace

TEST(B12, the_program_prints_its_lines) { expect_redis_part("B12"); }
TEST(B14, the_program_prints_its_lines) { expect_redis_part("B14"); }
TEST(B15, the_program_prints_its_lines) { expect_redis_part("B15"); }

PROGRAM_TEST(J19, req_rep)

PROGRAM_TEST_OUTSIDE(A14, creep)
PROGRAM_TEST_OUTSIDE(A15, creep)
PROGRAM_TEST_OUTSIDE(A16, creep)
PROGRAM_TEST_OUTSIDE(A17, creep)
