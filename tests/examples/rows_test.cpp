// Rows of the mission whose whole oracle is what a small program prints: the part under the row's heading, on
// the simulated clock, is what stands in examples/expected. That the programs print the same in real time is
// tested where the programs are built.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace {

using Parts = std::map<std::string, std::string>;  // by row

/// `M1`, `Q3a`, `AA2`, `R-B4`: a row's heading.
bool is_heading(const std::string& line) {
    std::size_t at = 0;
    while (at < line.size() && std::isupper(static_cast<unsigned char>(line[at])) != 0) ++at;
    if (line.compare(0, 3, "R-B") == 0) at = 3;
    const std::size_t digits = at;
    while (at < line.size() && std::isdigit(static_cast<unsigned char>(line[at])) != 0) ++at;
    if (digits == 0 || at == digits) return false;
    return at == line.size() ||
           (at + 1 == line.size() && std::islower(static_cast<unsigned char>(line[at])) != 0);
}

Parts cut(std::istream& text) {
    Parts parts;
    std::string row;
    for (std::string line; std::getline(text, line);) {
        if (is_heading(line))
            row = line;
        else
            parts[row] += line + "\n";
    }
    return parts;
}

std::string output_of(const std::string& program) {
    const std::string command =
        "TANDEM_BACKEND=sim " TANDEM_BINARY_DIR "/examples/" + program + " 2>/dev/null";
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return {};
    std::string output;
    std::array<char, 4096> buffer{};
    while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
        output.append(buffer.data(), count);
    const int status = ::pclose(pipe);
    EXPECT_EQ(status, 0) << command;
    return output;
}

void expect_part(const std::string& program, const std::string& row) {
    std::ifstream expected_file(TANDEM_SOURCE_DIR "/examples/expected/" + program + ".txt");
    const auto expected = cut(expected_file);
    ASSERT_TRUE(expected.contains(row)) << "no part " << row << " in examples/expected/" << program << ".txt";
    std::istringstream output(output_of(program));
    auto printed = cut(output);
    EXPECT_EQ(printed[row], expected.at(row));
}

}  // namespace

#define PROGRAM_TEST(row, program) \
    TEST(row, the_program_prints_its_lines) { expect_part(#program, #row); }

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
