#include "support.hpp"

#include <gtest/gtest.h>

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace end_to_end;

/// A file system of its own with little room; needs root.
class SmallDisk {
public:
    explicit SmallDisk(const std::string& path) : path_(path) {
        ::mkdir(path.c_str(), 0755);
        mounted_ = ::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=64k") == 0;
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    }
    [[nodiscard]] bool is_there() const { return mounted_; }

private:
    std::string path_;
    bool mounted_ = false;
};

TEST(FetchF3_4, a_truncated_body_leaves_neither_a_final_file_nor_a_part) {
    ScriptedServer length([](Connection& peer) {
        peer.read_head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + std::string(300'000, 'x'));
    });
    ScriptedServer chunked([](Connection& peer) {
        peer.read_head();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    });
    ScriptedServer reset([](Connection& peer) {
        peer.read_head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello");
        std::this_thread::sleep_for(milliseconds(50));
        peer.reset();
    });
    const TemporaryDirectory work;
    for (const auto* server : {&length, &chunked, &reset}) {
        const TemporaryDirectory out;
        const auto result = run_fetch({server->url("/f.bin"), "-P", out.path(), "--retry", "0"});
        EXPECT_EQ(result.exit_code, 4) << result.err;
        EXPECT_NE(result.err.find("incomplete_body"), std::string::npos) << result.err;
        EXPECT_TRUE(out.files().empty());
    }
}

TEST(FetchE3, a_full_disk_is_told_and_harms_no_other_entry) {
    const NginxServer nginx;
    const TemporaryDirectory work;
    nginx.site().write("small.txt", "small");
    nginx.site().write("large.bin", std::string(500'000, 'x'));
    RunOptions options;
    const SmallDisk disk(work / "disk");
    if (!disk.is_there()) options.max_file_bytes = 64 * 1024;  // the next best thing without root
    const auto result =
        run_fetch({nginx.url("/large.bin"), nginx.url("/small.txt"), "-P", work / "disk", "--flat"}, options);
    EXPECT_EQ(result.exit_code, 3) << result.err;
    EXPECT_NE(result.err.find("large.bin"), std::string::npos) << result.err;
    if (disk.is_there()) {
        EXPECT_NE(result.err.find("disk_full"), std::string::npos) << result.err;
    }
    EXPECT_EQ(work.read("disk/small.txt"), "small");
    EXPECT_EQ(work.files(), std::vector<std::string>{"disk/small.txt"});
}

TEST(FetchE3, a_full_stdout_is_a_local_failure) {
    const NginxServer nginx;
    nginx.site().write("page.txt", "hello");
    const auto result =
        run({"/bin/sh", "-c", fetch({})[0] + " fetch " + nginx.url("/page.txt") + " > /dev/full"});
    EXPECT_EQ(result.exit_code, 3) << result.err;
    EXPECT_NE(result.err.find("disk_full"), std::string::npos) << result.err;
}

TEST(FetchE3, a_directory_that_cannot_be_made_fails_its_entry) {
    const NginxServer nginx;
    const TemporaryDirectory work;
    nginx.site().write("page.txt", "hello");
    work.write("file", "in the way");
    const auto result = run_fetch({nginx.url("/page.txt"), "-P", work / "file"});
    EXPECT_EQ(result.exit_code, 3) << result.err;
    EXPECT_EQ(work.read("file"), "in the way");
}

TEST(FetchF8_4, three_origins_with_one_name_make_three_files_with_the_same_names_each_time) {
    const auto named = [](std::string content, int delay) {
        return [content, delay](const std::string&, const std::string&) {
            std::this_thread::sleep_for(milliseconds(delay));
            return http_answer(200, content);
        };
    };
    AnsweringServer first(named("first", 60));
    AnsweringServer second(named("second", 0));
    AnsweringServer third(named("third", 30));
    for (int round = 0; round < 2; ++round) {
        const TemporaryDirectory work;
        const auto result = run_fetch({first.url("/f.txt"), second.url("/f.txt"), third.url("/f.txt"), "-P",
                                       work.path(), "--flat", "--report", work / "r"});
        EXPECT_EQ(result.exit_code, 0) << result.err;
        EXPECT_EQ(work.read("f.txt"), "first");
        EXPECT_EQ(work.read("f-2.txt"), "second");
        EXPECT_EQ(work.read("f-3.txt"), "third");
        EXPECT_EQ(count_where(records_of(work / "r"), "renamed", "true"), 2U);
    }
}

TEST(FetchF8_5, a_file_that_is_there_is_kept_skipped_replaced_or_refused_as_asked) {
    const NginxServer nginx;
    nginx.site().write("f.txt", "new");
    const auto with = [&](const std::string& policy, int exit_code) {
        const TemporaryDirectory work;
        work.write("f.txt", "old");
        EXPECT_EQ(
            run_fetch({nginx.url("/f.txt"), "-P", work.path(), "--flat", "--existing", policy}).exit_code,
            exit_code);
        return work.read("f.txt") + (work.has("f-2.txt") ? "+" + work.read("f-2.txt") : "");
    };
    EXPECT_EQ(with("number", 0), "old+new");
    EXPECT_EQ(with("skip", 0), "old");
    EXPECT_EQ(with("overwrite", 0), "new");
    EXPECT_EQ(with("error", 3), "old");
}

TEST(FetchF8_2, a_name_can_wait_for_the_response) {
    AnsweringServer server([](const std::string& path, const std::string&) {
        return http_answer(200, path, "Content-Type: application/json\r\n");
    });
    const TemporaryDirectory work;
    EXPECT_EQ(run_fetch({server.url("/item"), "-P", work.path(), "--flat"}).exit_code, 0);
    EXPECT_EQ(run_fetch({server.url("/item"), "-P", work.path(), "-o", "{sha256:8}-{status}"}).exit_code, 0);
    EXPECT_EQ(work.files().size(), 2U);
    EXPECT_EQ(work.read("item.json"), "/item");
}

TEST(FetchF8_9, the_body_of_a_failed_status_is_saved_only_if_asked_for) {
    AnsweringServer server([](const std::string&, const std::string&) { return http_answer(404, "sorry"); });
    const TemporaryDirectory work;
    EXPECT_EQ(run_fetch({server.url("/f.txt"), "-P", work.path(), "--flat"}).exit_code, 8);
    EXPECT_TRUE(work.files().empty());
    EXPECT_EQ(run_fetch({server.url("/f.txt"), "-P", work.path(), "--flat", "--fail-with-body"}).exit_code,
              8);
    EXPECT_EQ(work.read("f.txt.status-404"), "sorry");
}

TEST(FetchF8_1, bodies_on_stdout_are_printed_whole) {
    AnsweringServer server([](const std::string& path, const std::string&) {
        return http_answer(200, std::string(200'000, path[1]) + "\n");
    });
    const auto result = run_fetch({server.url("/{a,b,c,d,e,f}"), "-o", "-"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const auto lines = lines_of(result.out);
    ASSERT_EQ(lines.size(), 6U);
    for (const auto& line : lines) EXPECT_EQ(line, std::string(200'000, line[0]));
}

TEST(FetchF8_7, the_time_of_a_file_is_that_of_the_server_if_asked_for) {
    AnsweringServer server([](const std::string&, const std::string&) {
        return http_answer(200, "x", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    });
    const TemporaryDirectory work;
    EXPECT_EQ(run_fetch({server.url("/f.txt"), "-P", work.path(), "--flat", "-R"}).exit_code, 0);
    struct stat status{};
    ASSERT_EQ(::stat((work / "f.txt").c_str(), &status), 0);
    EXPECT_EQ(status.st_mtime, 784111777);
}

}  // namespace
