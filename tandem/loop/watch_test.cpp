#include <tandem/base/errors.hpp>
#include <tandem/base/unique_fd.hpp>
#include <tandem/loop/event_loop.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;

class Watches : public ::testing::TestWithParam<BackendChoice> {
protected:
    void SetUp() override {
        const char* only = std::getenv("TANDEM_BACKEND");
        if (only && std::string(only) == "epoll" && GetParam() == BackendChoice::uring) GTEST_SKIP();
        EventLoopOptions options;
        options.backend = GetParam();
        try {
            loop = std::make_unique<EventLoop>(options);
        } catch (const BackendUnavailable& error) {
            GTEST_SKIP() << error.what();
        }
        int pair[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        here = UniqueFd(pair[0]);
        there = UniqueFd(pair[1]);
    }
    void turns(int count) {
        for (int i = 0; i < count; ++i) loop->poll_once(5ms);
    }
    void send() { EXPECT_EQ(::write(there.get(), "x", 1), 1); }

    std::unique_ptr<EventLoop> loop;
    UniqueFd here;
    UniqueFd there;
};

class SemL42 : public Watches {};
class SemL43 : public Watches {};
class SemL44 : public Watches {};
class SemLt8 : public Watches {};
INSTANTIATE_TEST_SUITE_P(Backend, SemL42,
                         ::testing::Values(BackendChoice::uring, BackendChoice::epoll, BackendChoice::sim));
INSTANTIATE_TEST_SUITE_P(Backend, SemL43,
                         ::testing::Values(BackendChoice::uring, BackendChoice::epoll, BackendChoice::sim));
INSTANTIATE_TEST_SUITE_P(Backend, SemL44,
                         ::testing::Values(BackendChoice::uring, BackendChoice::epoll, BackendChoice::sim));
INSTANTIATE_TEST_SUITE_P(Backend, SemLt8,
                         ::testing::Values(BackendChoice::uring, BackendChoice::epoll, BackendChoice::sim));

}  // namespace

TEST_P(SemL42, a_reader_is_called_while_there_is_something_and_adding_again_replaces_it) {
    int first = 0;
    int second = 0;
    loop->add_reader(here.get(), [&] { ++first; });
    turns(2);
    EXPECT_EQ(first, 0);
    send();
    turns(6);
    EXPECT_GE(first, 2);
    loop->add_reader(here.get(), [&] { ++second; });
    const int before = first;
    turns(4);
    EXPECT_GE(second, 1);
    EXPECT_LE(first, before + 1);
    char byte;
    EXPECT_EQ(::read(here.get(), &byte, 1), 1);
    turns(2);
    const int drained = second;
    turns(3);
    EXPECT_EQ(second, drained);
    EXPECT_TRUE(loop->remove_reader(here.get()));
    EXPECT_FALSE(loop->remove_reader(here.get()));
}

TEST_P(SemL43, reader_and_writer_of_one_descriptor_are_independent) {
    int reads = 0;
    int writes = 0;
    loop->add_reader(here.get(), [&] { ++reads; });
    loop->add_writer(here.get(), [&] { ++writes; });
    turns(4);
    EXPECT_EQ(reads, 0);
    EXPECT_GE(writes, 1);
    EXPECT_TRUE(loop->remove_writer(here.get()));
    turns(1);
    const int stopped = writes;
    send();
    turns(3);
    EXPECT_EQ(writes, stopped);
    EXPECT_GE(reads, 1);
}

TEST_P(SemL43, a_regular_file_counts_as_always_ready) {
    char name[] = "/tmp/tandem-watch-XXXXXX";
    UniqueFd file(::mkstemp(name));
    ::unlink(name);
    int calls = 0;
    loop->add_reader(file.get(), [&] { ++calls; });
    turns(3);
    EXPECT_GE(calls, 1);
    EXPECT_TRUE(loop->remove_reader(file.get()));
}

TEST_P(SemL44, a_new_file_under_the_same_number_inherits_no_watch) {
    int calls = 0;
    const int number = here.get();
    loop->add_reader(number, [&] { ++calls; });
    turns(1);
    EXPECT_TRUE(loop->remove_reader(number));
    here.reset();
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    UniqueFd first(pair[0]);
    UniqueFd second(pair[1]);
    EXPECT_TRUE(first.get() == number || second.get() == number);
    EXPECT_EQ(::write(first.get(), "x", 1), 1);
    EXPECT_EQ(::write(second.get(), "x", 1), 1);
    turns(4);
    EXPECT_EQ(calls, 0);
}

TEST_P(SemLt8, a_reader_may_remove_or_replace_itself_and_throw_in_its_own_callback) {
    int removed = 0;
    int replaced = 0;
    int thrown = 0;
    int reports = 0;
    loop->set_exception_handler([&](EventLoop&, const ErrorContext&) { ++reports; });
    send();
    loop->add_reader(here.get(), [&] {
        ++removed;
        EXPECT_TRUE(loop->remove_reader(here.get()));
        loop->add_reader(here.get(), [&] {
            ++replaced;
            loop->add_reader(here.get(), [&] {
                if (++thrown == 2) loop->remove_reader(here.get());
                throw std::runtime_error("in the callback");
            });
        });
    });
    turns(12);
    EXPECT_EQ(removed, 1);
    EXPECT_EQ(replaced, 1);
    EXPECT_EQ(thrown, 2);
    EXPECT_EQ(reports, 2);
}

TEST_P(SemLt8, closing_the_loop_with_armed_and_ready_watches_leaks_nothing) {
    auto kept = std::make_shared<int>(0);
    loop->add_reader(here.get(), [kept] {});
    loop->add_writer(here.get(), [kept] {});
    loop->add_reader(there.get(), [kept] {});
    turns(2);
    loop->close();
    EXPECT_EQ(kept.use_count(), 1);
}

TEST_P(SemLt8, a_loop_closed_before_its_first_turn_lets_go_of_its_watches) {
    auto kept = std::make_shared<int>(0);
    loop->add_reader(here.get(), [kept] {});
    loop->add_writer(there.get(), [kept] {});
    loop.reset();
    EXPECT_EQ(kept.use_count(), 1);
}

TEST_P(SemL44, a_watch_whose_descriptor_was_closed_is_reported_once_and_removed) {
    Names said;
    loop->set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        said.push_back(context.message);
        EXPECT_NE(context.handle.find("reader of fd"), std::string::npos) << context.handle;
    });
    // What the kernel says of a closed descriptor comes when the watch is armed again.
    const int number = here.get();
    loop->add_reader(number, [&] { here.reset(); });
    send();
    turns(6);
    EXPECT_EQ(said.size(), 1U);
    EXPECT_FALSE(loop->remove_reader(number));
}

TEST_P(SemL44, a_descriptor_that_is_not_open_is_refused) {
    const int number = here.get();
    here.reset();
    try {
        loop->add_reader(number, [] {});
        ADD_FAILURE() << "accepted";
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::bad_file_descriptor);
    }
    EXPECT_FALSE(loop->remove_reader(number));
}

TEST_P(SemLt8, watching_a_closed_loop_is_refused_and_removing_finds_nothing) {
    loop->add_reader(here.get(), [] {});
    loop->close();
    EXPECT_THROW(loop->add_reader(here.get(), [] {}), LoopClosed);
    EXPECT_THROW(loop->add_writer(here.get(), [] {}), LoopClosed);
    EXPECT_FALSE(loop->remove_reader(here.get()));
    EXPECT_FALSE(loop->remove_writer(here.get()));
}
