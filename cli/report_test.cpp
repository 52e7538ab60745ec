#include <cli/report.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace fs = std::filesystem;

namespace tandem::cli {
namespace {

class FetchF1_2 : public testing::Test {
protected:
    FetchF1_2() {
        char name[] = "/tmp/tandem-report-XXXXXX";
        directory_ = ::mkdtemp(name);
        path_ = directory_ + "/r.jsonl";
    }
    ~FetchF1_2() override { fs::remove_all(directory_); }

    [[nodiscard]] std::string contents() const {
        std::ifstream file(path_, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    std::string directory_;
    std::string path_;
};

TEST_F(FetchF1_2, records_are_appended_to_what_is_there) {
    std::ofstream(path_) << "{\"old\":1}\n";
    ReportWriter(path_).write("{\"new\":1}\n");
    EXPECT_EQ(contents(), "{\"old\":1}\n{\"new\":1}\n");
}

TEST_F(FetchF1_2, a_line_torn_by_a_kill_does_not_swallow_the_next_record) {
    std::ofstream(path_) << "{\"torn\":";
    ReportWriter(path_).write("{\"new\":1}\n");
    EXPECT_EQ(contents(), "{\"torn\":\n{\"new\":1}\n");
}

TEST_F(FetchF1_2, two_writers_of_one_file_never_mix_their_lines) {
    const auto write_many = [&](char letter) {
        ReportWriter report(path_);
        const auto line = std::string(3000, letter) + "\n";
        for (int i = 0; i < 500; ++i) report.write(line);
    };
    std::thread other(write_many, 'b');
    write_many('a');
    other.join();

    std::ifstream file(path_);
    std::size_t lines = 0;
    for (std::string line; std::getline(file, line); ++lines) {
        ASSERT_EQ(line.size(), 3000U);
        ASSERT_EQ(line.find_first_not_of(line[0]), std::string::npos);
    }
    EXPECT_EQ(lines, 1000U);
}

TEST_F(FetchF1_2, a_descriptor_can_be_the_target_and_is_not_closed) {
    int pipe[2] = {};
    ASSERT_EQ(::pipe(pipe), 0);
    ReportWriter("fd:" + std::to_string(pipe[1])).write("x\n");
    char buffer[8] = {};
    EXPECT_EQ(::read(pipe[0], buffer, sizeof buffer), 2);
    EXPECT_EQ(::close(pipe[1]), 0);
    ::close(pipe[0]);
}

TEST_F(FetchF1_2, what_cannot_be_opened_or_written_is_a_local_failure_with_its_path) {
    const auto failure = [](const std::string& target) -> std::pair<ErrorClass, std::string> {
        try {
            ReportWriter(target).write("x\n");
        } catch (const FetchError& error) {
            return {class_of(error.code()), error.what()};
        }
        return {ErrorClass::ok, ""};
    };
    const auto missing = failure(directory_ + "/no/r.jsonl");
    EXPECT_EQ(missing.first, ErrorClass::local);
    EXPECT_NE(missing.second.find("/no/r.jsonl: No such file"), std::string::npos) << missing.second;
    EXPECT_EQ(failure("fd:987").first, ErrorClass::local);
    EXPECT_EQ(failure("fd:99999999999").first, ErrorClass::local);
    const auto full = failure("/dev/full");
    EXPECT_NE(full.second.find("No space left"), std::string::npos) << full.second;
}

TEST_F(FetchF1_2, a_pipe_that_is_full_is_waited_for) {
    int pipe[2] = {};
    ASSERT_EQ(::pipe2(pipe, O_NONBLOCK), 0);
    const std::string big(1 << 20, 'x');
    std::size_t received = 0;
    std::thread reader([&] {
        std::string buffer(65536, ' ');
        while (received < big.size()) {
            const auto count = ::read(pipe[0], buffer.data(), buffer.size());
            if (count > 0) received += static_cast<std::size_t>(count);
        }
    });
    ReportWriter("fd:" + std::to_string(pipe[1])).write(big);
    reader.join();
    EXPECT_EQ(received, big.size());
    ::close(pipe[0]);
    ::close(pipe[1]);
}

}  // namespace
}  // namespace tandem::cli
