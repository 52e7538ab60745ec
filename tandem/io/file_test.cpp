#include <tandem/io/file.hpp>

#include <tandem/backend/backend.hpp>
#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/io/line_reader.hpp>
#include <tandem/io/read.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/temporary_name.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<void> write_text(std::string path, FileUse use, std::string text) {
    auto file = co_await io::open_file(path, use);
    co_await file.write_all(text);
    co_await file.close();
}

Task<std::string> text_of(std::string path) {
    auto file = co_await io::open_file(path);
    co_return co_await io::read_all(file);
}

/// A disk that does nothing before it is told to, and then what is asked of it, cancelled or not.
class SlowDisk final : public Backend {
public:
    std::string_view name() const noexcept override { return "slow disk"; }
    Submitted submit(Operation& operation) noexcept override {
        if (operation.code != OpCode::read_file) return real_->submit(operation);
        held_ = &operation;
        return {};
    }
    void cancel(Operation& operation) noexcept override {
        if (&operation != held_) real_->cancel(operation);
    }
    void wait(TimePoint deadline) noexcept override {
        if (held_ && go) {
            std::memcpy(held_->data, "late", 4);
            std::exchange(held_, nullptr)->completed(4);
            deadline = TimePoint::min();
        }
        real_->wait(deadline);
    }
    void wake() noexcept override { real_->wake(); }
    void forget(int fd) noexcept override { real_->forget(fd); }
    std::size_t in_flight() const noexcept override { return real_->in_flight() + (held_ ? 1 : 0); }
    int pollable_fd() noexcept override { return real_->pollable_fd(); }

    bool go = false;

private:
    std::unique_ptr<Backend> real_ = choose_backend(BackendChoice::epoll).backend;
    Operation* held_ = nullptr;
};

}  // namespace

ASYNC_TEST_NETWORK(SemC73, what_is_written_is_read_again) {
    const tandem::testing::TemporaryName name;
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += std::to_string(i) + '\n';

    co_await write_text(name.path(), FileUse::write, text);
    const std::string got = co_await text_of(name.path());

    EXPECT_TRUE(got == text);
}

ASYNC_TEST_NETWORK(SemC73, a_file_is_emptied_appended_to_and_updated_as_it_was_opened) {
    const tandem::testing::TemporaryName name;

    co_await write_text(name.path(), FileUse::write, "a long first text\n");
    co_await write_text(name.path(), FileUse::write, "first\n");
    co_await write_text(name.path(), FileUse::append, "second\n");
    co_await write_text(name.path(), FileUse::update, "F");
    const std::string text = co_await text_of(name.path());

    EXPECT_EQ(text, "First\nsecond\n");
}

ASYNC_TEST_NETWORK(SemC73, places_are_read_and_written_beside_the_position) {
    const tandem::testing::TemporaryName name;
    auto file = co_await io::open_file(name.path(), FileUse::update);
    co_await file.write_all("0123456789");

    co_await gather(file.write_at(2, "two"), file.write_at(7, "seven"));
    co_await file.write_all("|");
    char buffer[16] = {};
    const std::size_t count = co_await file.read_at(1, buffer);
    const std::size_t behind = co_await file.read_at(100, buffer);
    co_await file.sync();
    const std::string text = co_await text_of(name.path());

    EXPECT_EQ(text, "01two56sev|n");
    EXPECT_EQ(count, 11U);
    EXPECT_EQ(behind, 0U);
}

ASYNC_TEST_NETWORK(SemC73, a_file_is_a_stream_for_whoever_reads_streams) {
    const tandem::testing::TemporaryName name;
    co_await write_text(name.path(), FileUse::write, "one\ntwo\n");
    auto file = co_await io::open_file(name.path());
    auto lines = io::LineReader(file);

    const auto first = co_await lines.next();
    const auto second = co_await lines.next();
    const auto third = co_await lines.next();

    EXPECT_EQ(first, "one");
    EXPECT_EQ(second, "two");
    EXPECT_FALSE(third);
}

ASYNC_TEST_NETWORK(SemC73, errors_name_the_file) {
    const tandem::testing::TemporaryName name;
    co_await write_text(name.path(), FileUse::write, "x");

    const auto missing = co_await as_result(io::open_file("/no/such/file"));
    auto closed = co_await io::open_file(name.path());
    co_await closed.close();
    char buffer[4];
    const auto late = co_await as_result(closed.read_some(buffer));

    TANDEM_CO_ASSERT_TRUE(missing.has_error() && late.has_error());
    EXPECT_EQ(missing.error().code(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(std::string(missing.error().what()), "open /no/such/file: No such file or directory");
    EXPECT_TRUE(late.error().is<InvalidStateError>());
}

ASYNC_TEST_REAL_TIME(SemC73, a_folder_a_full_disk_and_the_wrong_way_are_errors) {
    char buffer[4];
    auto full = co_await io::open_file("/dev/full", FileUse::append);
    const tandem::testing::TemporaryName name;
    auto write_only = co_await io::open_file(name.path(), FileUse::write);

    const auto folder = co_await as_result(io::open_file("/tmp"));
    const auto no_space = co_await as_result(full.write_all("x"));
    const auto wrong_way = co_await as_result(write_only.read_some(buffer));

    TANDEM_CO_ASSERT_TRUE(folder.has_error() && no_space.has_error() && wrong_way.has_error());
    EXPECT_EQ(folder.error().code(), std::errc::is_a_directory);
    EXPECT_EQ(std::string(no_space.error().what()), "write /dev/full: No space left on device");
    EXPECT_EQ(wrong_way.error().code(), std::errc::bad_file_descriptor);
}

TEST(SemC73, a_read_that_the_disk_is_at_work_on_is_waited_for_shown_so_and_delivered) {
    const tandem::testing::TemporaryName name;
    EventLoop loop(std::make_unique<SlowDisk>());
    std::string shown;
    std::string got;
    const auto main = [&]() -> Task<void> {
        auto file = co_await io::open_file(name.path(), FileUse::update);
        char buffer[8];
        const auto read = [&]() -> Task<void> {
            const std::size_t count = co_await file.read_some(buffer);
            got.assign(buffer, count);
            co_await checkpoint();  // the cancel is delivered here
            got += " and on";
        };
        auto reading = create_task(read());
        co_await sleep(1ms);
        reading.cancel();
        co_await sleep(1ms);
        shown = reading.state();
        static_cast<SlowDisk&>(this_loop().backend()).go = true;
        co_await reading.join();
        EXPECT_TRUE(reading.cancelled());
    };

    loop.run_until_complete(main());

    EXPECT_NE(shown.find("file read, uninterruptible"), std::string::npos) << shown;
    EXPECT_EQ(got, "late");
}

TEST(SemC73, a_read_that_a_close_overtakes_ends_with_ecanceled_or_its_bytes) {
    const tandem::testing::TemporaryName name;
    EventLoop loop(std::make_unique<SlowDisk>());
    bool open_afterwards = true;
    std::size_t count = 0;
    const auto main = [&]() -> Task<void> {
        auto file = co_await io::open_file(name.path(), FileUse::update);
        char buffer[8];
        auto reading = create_task(file.read_some(buffer));
        co_await sleep(1ms);
        co_await file.close();
        open_afterwards = file.is_open();
        static_cast<SlowDisk&>(this_loop().backend()).go = true;
        count = co_await reading;
    };

    loop.run_until_complete(main());

    EXPECT_FALSE(open_afterwards);
    EXPECT_EQ(count, 4U);
}

TEST(File, of_the_background_loop_is_used_and_dropped_by_plain_code) {
    const tandem::testing::TemporaryName name;
    write_text(name.path(), FileUse::write, "plain").get();

    auto file = io::open_file(name.path()).get();

    EXPECT_EQ(io::read_all(file).get(), "plain");
    EXPECT_EQ(file.path(), name.path());
}
