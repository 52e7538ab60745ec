// Rows of what the compiler says to a user's mistake.
#include <tandem/testing/shell.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace {

std::string compiler_says_to_file(const std::string& text, const std::string& flags) {
    const auto file =
        std::filesystem::temp_directory_path() / ("tandem_says_" + std::to_string(::getpid()) + ".cpp");
    std::ofstream(file) << text;
    const std::string command =
        TANDEM_CXX " -fsyntax-only -Wall -I" TANDEM_SOURCE_DIR " " + flags + " " + file.string() + " 2>&1";
    const std::string said = tandem::testing::printed_by(command);
    std::filesystem::remove(file);
    return said;
}

/// What the compiler says to `text` below the includes; empty if nothing.
std::string compiler_says(const std::string& text) {
    return compiler_says_to_file(
        "#include <tandem/task/task.hpp>\n#include <tandem/task/sleep.hpp>\nusing namespace tandem;\n" + text,
        "-std=c++20");
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

TEST(SemK3, a_named_task_that_is_awaited_is_refused_in_words) {
    const auto said =
        compiler_says(std::string(work) + "Task<int> awaits() { auto t = work(); co_return co_await t; }\n");
    EXPECT_NE(said.find("write co_await std::move(task)"), std::string::npos) << said;
}

TEST(PublicHeader, a_compiler_without_exceptions_or_coroutines_is_told_what_is_missing) {
    const std::string program = "#include <tandem/tandem.hpp>\nint main() {}\n";
    const auto without_exceptions = compiler_says_to_file(program, "-std=c++20 -fno-exceptions");
    EXPECT_NE(without_exceptions.find("tandem needs exceptions"), std::string::npos);
    const auto too_old = compiler_says_to_file(program, "-std=c++17");
    EXPECT_NE(too_old.find("tandem needs C++20"), std::string::npos);
    EXPECT_EQ(too_old.find("tandem needs exceptions"), std::string::npos);
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
