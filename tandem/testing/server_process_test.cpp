#include <tandem/testing/server_process.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using tandem::testing::find_program;
using tandem::testing::ServerOptions;
using tandem::testing::ServerProcess;

namespace {

namespace fs = std::filesystem;

bool has_ready_file(const std::string& folder) { return fs::exists(folder + "/ready"); }

std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

}  // namespace

TEST(ServerProcess, runs_in_a_folder_of_its_own_until_it_is_destroyed) {
    std::string folder;
    int pid = 0;
    {
        const ServerProcess server(shell("echo {folder} > ready; exec sleep 60"), has_ready_file);
        folder = server.folder();
        pid = server.pid();
        EXPECT_EQ(fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd"), folder);
    }
    EXPECT_FALSE(fs::exists(folder));
    EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(ServerProcess, one_that_ends_instead_of_serving_is_an_error_with_its_last_words) {
    try {
        const ServerProcess server(shell("echo no such option; exit 1"), has_ready_file);
        FAIL() << "it started";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("no such option"), std::string::npos) << error.what();
    }
    EXPECT_THROW(ServerProcess({"/no/such/program"}, has_ready_file), std::runtime_error);
}

TEST(ServerProcess, one_that_is_never_ready_is_given_up) {
    EXPECT_THROW(ServerProcess(shell("sleep 60"), has_ready_file,
                               ServerOptions().start_limit(std::chrono::seconds(0))),
                 std::runtime_error);
}

TEST(ServerProcess, unprivileged_it_is_not_root) {
    const ServerProcess server(shell("id -u; touch ready; exec sleep 60"), has_ready_file,
                               ServerOptions().unprivileged());
    EXPECT_NE(server.log(), "0\n");
}

TEST(ServerProcess, programs_are_found_by_name) {
    EXPECT_EQ(find_program("no-such-program-anywhere"), std::nullopt);
    const auto shell_path = find_program("sh");
    ASSERT_TRUE(shell_path);
    EXPECT_TRUE(fs::exists(*shell_path));
    const ServerProcess server(
        shell("mkdir -p 15/bin; ln -s /bin/sh 15/bin/some-server; touch ready; exec sleep 60"),
        has_ready_file);
    EXPECT_EQ(find_program("some-server", {server.folder() + "/*/bin"}),
              server.folder() + "/15/bin/some-server");
}
