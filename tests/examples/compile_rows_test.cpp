// Rows of what the compiler says to a user's mistake.
#include <tandem/testing/shell.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace {

/// What the compiler says to `text` below the includes; empty if nothing.
std::string compiler_says(const std::string& text) {
    const auto file =
        std::filesystem::temp_directory_path() / ("tandem_says_" + std::to_string(::getpid()) + ".cpp");
    std::ofstream(file) << "#include <tandem/task/task.hpp>\n#include <tandem/task/sleep.hpp>\n"
                           "using namespace tandem;\n"
                        << text;
    const std::string command =
        TANDEM_CXX " -std=c++20 -fsyntax-only -Wall -I" TANDEM_SOURCE_DIR " " + file.string() + " 2>&1";
    const std::string said = tandem::testing::printed_by(command);
    std::filesystem::remove(file);
    return said;
}

constexpr const char* work = "Task<int> work() { co_return 1; }\n";

}  // namespace

TEST(V3, a_task_that_is_called_and_dropped_is_a_warning) {
    const auto said = compiler_says(std::string(work) + "void forgets() { work(); }\n");
    EXPECT_NE(said.find("warning"), std::string::npos) << said;
    EXPECT_NE(said.find("co_await it, start it, or call .get()"), std::string::npos) << said;
}

TEST(V3, a_task_that_is_awaited_is_none) {
    EXPECT_EQ(compiler_says(std::string(work) + "Task<int> awaits() { co_return co_await work(); }\n"), "");
}

TEST(N1, what_has_the_members_of_an_awaiter_is_awaitable_without_a_base_class) {
    EXPECT_EQ(compiler_says("struct Three {\n"
                            "    bool await_ready() { return true; }\n"
                            "    void await_suspend(std::coroutine_handle<>) {}\n"
                            "    int await_resume() { return 3; }\n"
                            "};\n"
                            "Task<int> three() { co_return co_await Three(); }\n"),
              "");
}

TEST(N1, what_lacks_a_member_is_refused_by_the_name_of_the_concept) {
    const auto said = compiler_says(
        "struct Three {\n"
        "    bool await_ready() { return true; }\n"
        "    void await_suspend(std::coroutine_handle<>) {}\n"
        "};\n"
        "Task<int> three() { co_return co_await Three(); }\n");
    EXPECT_NE(said.find("this type cannot be awaited"), std::string::npos) << said;
    EXPECT_NE(said.find("ForeignAwaitable"), std::string::npos) << said;
}
