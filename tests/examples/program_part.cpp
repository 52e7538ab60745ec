#include "program_part.hpp"

#include <tandem/testing/shell.hpp>

#include <cctype>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace tandem::inline v1::testing {
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

std::string output_of(const std::string& program, const std::string& backend,
                      const std::string& redirection = "2>/dev/null") {
    const std::string command =
        "TANDEM_BACKEND=" + backend + " " TANDEM_BINARY_DIR "/examples/" + program + " " + redirection;
    static std::map<std::string, std::string> printed;  // once for all rows of a program
    if (const auto found = printed.find(command); found != printed.end()) return found->second;
    const auto program_run = shell(command);
    EXPECT_EQ(program_run.status, 0) << command;
    if (program_run.status == 0) printed[command] = program_run.output;
    return program_run.output;
}

}  // namespace

void expect_part(const std::string& program, const std::string& row, const std::string& backend) {
    std::ifstream expected_file(TANDEM_SOURCE_DIR "/examples/expected/" + program + ".txt");
    const auto expected = cut(expected_file);
    ASSERT_TRUE(expected.contains(row)) << "no part " << row << " in examples/expected/" << program << ".txt";
    std::istringstream output(output_of(program, backend));
    auto printed = cut(output);
    EXPECT_EQ(printed[row], expected.at(row));
}

std::string output_with(const std::string& program, const std::string& arguments,
                        const std::string& backend) {
    return output_of(program, backend, arguments + " 2>&1");
}

std::string complaints_of(const std::string& program, const std::string& backend) {
    return output_of(program, backend, "2>&1 >/dev/null");
}

}  // namespace tandem::inline v1::testing
