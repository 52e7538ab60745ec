#include <cli/save.hpp>

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace fs = std::filesystem;

namespace tandem::cli {
namespace {

class FetchF8_7 : public testing::Test {
protected:
    FetchF8_7() {
        char name[] = "/tmp/tandem-save-XXXXXX";
        path_ = ::mkdtemp(name);
    }
    ~FetchF8_7() override { fs::remove_all(path_); }

    [[nodiscard]] std::string contents(const std::string& relative) const {
        std::ifstream file(path_ / relative, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    [[nodiscard]] std::size_t files() const {
        std::size_t count = 0;
        for (const auto& found : fs::recursive_directory_iterator(path_))
            count += found.is_directory() ? 0 : 1;
        return count;
    }

    SaveDirectory directory() { return SaveDirectory(path_.string(), MakeDirectories::yes); }

    fs::path path_;
    EntryId id_ = entry_id("GET", "http://a/", nullptr, "");
};

using FetchX62 = FetchF8_7;
using FetchJ7 = FetchF8_7;

TEST_F(FetchF8_7, a_file_appears_under_its_name_only_when_it_is_complete) {
    const auto directory = this->directory();
    PartFile part(directory, "a/b/x.txt", id_, MakeDirectories::yes);
    part.write("hello ");
    part.write("world");
    EXPECT_FALSE(fs::exists(path_ / "a/b/x.txt"));
    EXPECT_TRUE(fs::exists(path_ / ("a/b/x.txt." + id_.short_text() + ".part")));

    EXPECT_EQ(part.commit("a/b/x.txt", false), PartFile::Commit::done);
    EXPECT_EQ(contents("a/b/x.txt"), "hello world");
    EXPECT_EQ(files(), 1U);
    EXPECT_EQ(part.bytes(), 11U);
    EXPECT_EQ(hex(part.finish_digest()), hex(sha256("hello world")));
}

TEST_F(FetchF8_7, a_part_that_is_given_up_goes_and_one_that_is_kept_stays) {
    const auto directory = this->directory();
    {
        PartFile part(directory, "x", id_, MakeDirectories::yes);
        part.write("half");
    }
    EXPECT_EQ(files(), 0U);
    {
        PartFile part(directory, "x", id_, MakeDirectories::yes);
        part.write("half");
        part.keep();
    }
    EXPECT_EQ(files(), 1U);
}

TEST_F(FetchF8_7, another_try_starts_from_nothing) {
    const auto directory = this->directory();
    PartFile part(directory, "x", id_, MakeDirectories::yes);
    part.write("a long first try");
    part.restart();
    part.write("short");
    EXPECT_EQ(part.commit("x", false), PartFile::Commit::done);
    EXPECT_EQ(contents("x"), "short");
    EXPECT_EQ(hex(part.finish_digest()), hex(sha256("short")));
}

TEST_F(FetchF8_7, nothing_is_overwritten_unasked_and_the_part_survives_the_refusal) {
    const auto directory = this->directory();
    std::ofstream(path_ / "x") << "theirs";
    PartFile part(directory, "x", id_, MakeDirectories::yes);
    part.write("ours");
    EXPECT_EQ(part.commit("x", false), PartFile::Commit::name_taken);
    EXPECT_EQ(contents("x"), "theirs");
    EXPECT_EQ(part.commit("x-2", false), PartFile::Commit::done);
    EXPECT_EQ(contents("x-2"), "ours");
}

TEST_F(FetchF8_7, overwriting_replaces_the_file_in_one_step) {
    const auto directory = this->directory();
    std::ofstream(path_ / "x") << "old";
    PartFile part(directory, "x", id_, MakeDirectories::yes);
    part.write("new");
    EXPECT_EQ(contents("x"), "old");
    EXPECT_EQ(part.commit("x", true), PartFile::Commit::done);
    EXPECT_EQ(contents("x"), "new");
}

TEST_F(FetchF8_7, a_part_that_a_killed_run_left_behind_is_started_anew) {
    std::ofstream(path_ / part_name("x", id_)) << "left behind, and longer than the new body";
    const auto directory = this->directory();
    PartFile part(directory, "x", id_, MakeDirectories::yes);
    part.write("new");
    EXPECT_EQ(part.commit("x", false), PartFile::Commit::done);
    EXPECT_EQ(contents("x"), "new");
}

TEST_F(FetchF8_7, a_part_that_is_being_written_is_left_alone) {
    const auto directory = this->directory();
    PartFile first(directory, "x", id_, MakeDirectories::yes);
    first.write("first");
    try {
        PartFile second(directory, "x", id_, MakeDirectories::yes);
        FAIL() << "two writers of one part";
    } catch (const FetchError& error) {
        EXPECT_EQ(error.code(), ErrorCode::file_exists);
    }
    EXPECT_EQ(first.commit("x", false), PartFile::Commit::done);
    EXPECT_EQ(contents("x"), "first");
}

TEST_F(FetchF8_7, files_get_the_mode_of_the_umask_and_are_never_executable) {
    const auto directory = this->directory();
    PartFile part(directory, "x", id_, MakeDirectories::yes);
    struct stat status{};
    ASSERT_EQ(::stat(part.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    ASSERT_EQ(part.commit("x", false), PartFile::Commit::done);
    ASSERT_EQ(::stat((path_ / "x").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0111U, 0U);
    EXPECT_NE(status.st_mode & 0400U, 0U);
}

TEST_F(FetchF8_7, the_time_of_the_server_is_the_time_of_the_file) {
    const auto directory = this->directory();
    PartFile part(directory, "x", id_, MakeDirectories::yes);
    part.set_time(std::chrono::sys_seconds(std::chrono::seconds(784111777)));
    ASSERT_EQ(part.commit("x", false), PartFile::Commit::done);
    struct stat status{};
    ASSERT_EQ(::stat((path_ / "x").c_str(), &status), 0);
    EXPECT_EQ(status.st_mtim.tv_sec, 784111777);
}

TEST_F(FetchF8_7, directories_are_not_made_where_they_are_not_wanted) {
    const auto directory = this->directory();
    try {
        PartFile part(directory, "a/x", id_, MakeDirectories::no);
        FAIL();
    } catch (const FetchError& error) {
        EXPECT_EQ(error.code(), ErrorCode::file_write);
        EXPECT_NE(std::string(error.what()).find("--create-dirs"), std::string::npos) << error.what();
    }
    EXPECT_THROW(SaveDirectory((path_ / "missing").string(), MakeDirectories::no), FetchError);
    EXPECT_NO_THROW(SaveDirectory((path_ / "p/q/r").string(), MakeDirectories::yes));
}

TEST_F(FetchF8_7, the_longest_name_has_room_for_its_part) {
    const auto directory = this->directory();
    const std::string name(255, 'x');
    PartFile part(directory, name, id_, MakeDirectories::yes);
    EXPECT_EQ(part.commit(name, false), PartFile::Commit::done);
    EXPECT_TRUE(fs::exists(path_ / name));
}

TEST_F(FetchX62, no_link_below_the_directory_is_followed) {
    fs::create_directory(path_ / "elsewhere");
    fs::create_directory(path_ / "root");
    fs::create_directory_symlink(path_ / "elsewhere", path_ / "root/link");
    const SaveDirectory root((path_ / "root").string(), MakeDirectories::yes);

    EXPECT_THROW(PartFile(root, "link/x", id_, MakeDirectories::yes), FetchError);
    EXPECT_THROW(PartFile(root, "link/deeper/x", id_, MakeDirectories::yes), FetchError);
    EXPECT_THROW(PartFile(root, "../elsewhere/x", id_, MakeDirectories::yes), FetchError);
    EXPECT_TRUE(fs::is_empty(path_ / "elsewhere"));
    EXPECT_EQ(root.kind_of("link"), OnDisk::file);
    EXPECT_EQ(root.kind_of("link/x"), OnDisk::file);
}

TEST_F(FetchX62, a_link_under_the_final_name_is_replaced_and_its_target_is_not) {
    std::ofstream(path_ / "target") << "theirs";
    fs::create_symlink(path_ / "target", path_ / "x");
    const auto directory = this->directory();
    PartFile part(directory, "x", id_, MakeDirectories::yes);
    part.write("ours");
    EXPECT_EQ(part.commit("x", false), PartFile::Commit::name_taken);
    EXPECT_EQ(part.commit("x", true), PartFile::Commit::done);
    EXPECT_EQ(contents("target"), "theirs");
    EXPECT_EQ(contents("x"), "ours");
}

TEST_F(FetchX62, what_lies_under_a_name_is_told_without_opening_it) {
    fs::create_directory(path_ / "d");
    std::ofstream(path_ / "f") << "x";
    ASSERT_EQ(::mkfifo((path_ / "pipe").c_str(), 0600), 0);
    const auto directory = this->directory();
    EXPECT_EQ(directory.kind_of("d"), OnDisk::directory);
    EXPECT_EQ(directory.kind_of("f"), OnDisk::file);
    EXPECT_EQ(directory.kind_of("pipe"), OnDisk::file);
    EXPECT_EQ(directory.kind_of("n"), OnDisk::nothing);
    EXPECT_EQ(directory.kind_of("n/m"), OnDisk::nothing);
    EXPECT_EQ(directory.kind_of("f/m"), OnDisk::file);
}

TEST_F(FetchJ7, a_disk_that_takes_no_more_names_the_path_and_the_bytes) {
    const auto directory = this->directory();
    // A limit on the size of files stands in for a full disk: the kernel cuts one write and refuses the next.
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{4096, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    std::string message;
    try {
        PartFile part(directory, "x", id_, MakeDirectories::yes);
        part.write(std::string(10'000, 'x'));
    } catch (const FetchError& error) {
        message = error.what();
    }
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, handler);
    EXPECT_NE(message.find(path_.string() + "/x."), std::string::npos) << message;
    EXPECT_NE(message.find("after 4096 bytes, with 5904 more"), std::string::npos) << message;
    EXPECT_EQ(files(), 0U);
}

TEST(FetchF7_9, a_nul_byte_near_the_beginning_makes_a_body_binary) {
    EXPECT_TRUE(looks_binary(std::string_view("\x89PNG\0", 5)));
    EXPECT_FALSE(looks_binary("plain text, Grüße\x1b[0m"));
    EXPECT_FALSE(looks_binary(std::string(2000, 'x') + std::string(1, '\0')));
    EXPECT_FALSE(looks_binary(""));
}

}  // namespace
}  // namespace tandem::cli
