// Rows of the mission whose whole oracle is what a small program prints: the part under the row's heading, on
// the simulated clock, is what stands in examples/expected. That the programs print the same in real time is
// tested where the programs are built.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace tandem::inline v1::testing {

/// Fails unless `examples/<program>` prints under the heading `row` what stands there in
/// `examples/expected/<program>.txt`.
void expect_part(const std::string& program, const std::string& row, const std::string& backend = "sim");

/// What `examples/<program> <arguments>` prints; a status other than 0 fails the test.
std::string output_with(const std::string& program, const std::string& arguments, const std::string& backend);

/// What `examples/<program>` says on its standard error.
std::string complaints_of(const std::string& program, const std::string& backend);

}  // namespace tandem::inline v1::testing

#define PROGRAM_TEST(row, program) \
    TEST(row, the_program_prints_its_lines) { ::tandem::testing::expect_part(#program, #row); }
/// For programs with threads, signals or sockets.
#define PROGRAM_TEST_OUTSIDE(row, program) \
    TEST(row, the_program_prints_its_lines) { ::tandem::testing::expect_part(#program, #row, "epoll"); }
