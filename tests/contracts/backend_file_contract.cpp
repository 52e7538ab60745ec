// What every backend must do for files, jobs and descriptors that others own.
#include "backend_contract.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <numeric>
#include <thread>
#include <vector>

#include <sys/eventfd.h>

namespace tandem {
namespace {

using namespace contracts;

TANDEM_REAL_BACKEND_SUITE(BackendFile);
TANDEM_REAL_BACKEND_SUITE(BackendJob);
TANDEM_REAL_BACKEND_SUITE(BackendPoll);
TANDEM_REAL_BACKEND_SUITE(SemL43);
TANDEM_REAL_BACKEND_SUITE(SemL44);

UniqueFd temporary_file() {
    char name[] = "/tmp/tandem-contract-XXXXXX";
    UniqueFd file(::mkostemp(name, O_CLOEXEC));
    ::unlink(name);
    return file;
}

TEST_P(BackendFile, bytes_written_at_an_offset_are_read_there) {
    const auto file = temporary_file();
    char text[] = "0123456789";
    TestOperation write(OpCode::write_file, file.get(), text, 10);
    write.offset = 5;
    EXPECT_EQ(finish(backend(), write), 10);
    TestOperation sync(OpCode::sync_file, file.get());
    EXPECT_EQ(finish(backend(), sync), 0);
    char buffer[20] = {};
    TestOperation read(OpCode::read_file, file.get(), buffer, sizeof buffer);
    read.offset = 8;
    EXPECT_EQ(finish(backend(), read), 7);
    EXPECT_EQ(std::string(buffer, 7), "3456789");
    read.offset = 15;
    EXPECT_EQ(finish(backend(), read), 0);
}

TEST_P(BackendFile, without_an_offset_the_position_of_the_file_moves) {
    const auto file = temporary_file();
    char text[] = "abcd";
    TestOperation write(OpCode::write_file, file.get(), text, 4);
    EXPECT_EQ(finish(backend(), write), 4);
    EXPECT_EQ(finish(backend(), write), 4);
    EXPECT_EQ(::lseek(file.get(), 2, SEEK_SET), 2);
    char buffer[4] = {};
    TestOperation read(OpCode::read_file, file.get(), buffer, 4);
    EXPECT_EQ(finish(backend(), read), 4);
    EXPECT_EQ(std::string(buffer, 4), "cdab");
}

TEST_P(BackendFile, errors_of_the_file_are_results) {
    const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    char text[] = "x";
    TestOperation write(OpCode::write_file, full.get(), text, 1);
    EXPECT_EQ(finish(backend(), write), -ENOSPC);
    const UniqueFd read_only(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    write.fd = read_only.get();
    EXPECT_EQ(finish(backend(), write), -EBADF);
    const UniqueFd folder(::open("/tmp", O_RDONLY | O_CLOEXEC));
    TestOperation read(OpCode::read_file, folder.get(), text, 1);
    EXPECT_EQ(finish(backend(), read), -EISDIR);
}

TEST_P(BackendFile, a_pipe_is_read_when_something_comes_and_at_its_end) {
    for (const int flags : {O_CLOEXEC, O_CLOEXEC | O_NONBLOCK}) {
        auto pipe = pipe_pair(flags);
        char buffer[16];
        TestOperation read(OpCode::read_file, pipe.one.get(), buffer, sizeof buffer);
        start(backend(), read);
        settle(backend());
        EXPECT_FALSE(read.done());
        ASSERT_EQ(::write(pipe.other.get(), "line\n", 5), 5);
        drive(backend(), [&] { return read.done(); });
        EXPECT_EQ(read.result, 5);
        start(backend(), read);
        pipe.other.reset();
        drive(backend(), [&] { return read.done(); });
        EXPECT_EQ(read.result, 0);
    }
}

TEST_P(BackendFile, a_full_pipe_takes_bytes_when_there_is_room) {
    for (const int flags : {O_CLOEXEC, O_CLOEXEC | O_NONBLOCK}) {
        auto pipe = pipe_pair(flags);
        ::fcntl(pipe.other.get(), F_SETPIPE_SZ, 4096);
        std::vector<char> bytes(100'000);
        std::iota(bytes.begin(), bytes.end(), '\0');
        std::vector<char> arrived;
        std::thread reader([&] {
            char buffer[3000];
            for (;;) {
                const auto count = ::read(pipe.one.get(), buffer, sizeof buffer);
                if (count == 0) return;
                if (count > 0) arrived.insert(arrived.end(), buffer, buffer + count);
                if (count < 0) std::this_thread::sleep_for(100us);
            }
        });
        for (std::size_t at = 0; at < bytes.size();) {
            TestOperation write(OpCode::write_file, pipe.other.get(), bytes.data() + at, bytes.size() - at);
            const auto count = finish(backend(), write);
            if (count <= 0) break;
            at += static_cast<std::size_t>(count);
        }
        pipe.other.reset();
        reader.join();
        EXPECT_EQ(arrived, bytes);
    }
}

TEST_P(BackendJob, jobs_run_on_other_threads_and_their_results_come_back) {
    constexpr int count = 1000;
    std::deque<TestOperation> jobs(count);
    const auto loop_thread = std::this_thread::get_id();
    std::atomic<int> elsewhere = 0;
    for (int i = 0; i < count; ++i) {
        auto& job = jobs[static_cast<std::size_t>(i)];
        job.code = OpCode::job;
        job.job = [&, i] {
            if (std::this_thread::get_id() != loop_thread) ++elsewhere;
            return i;
        };
        job.then = [&](std::int32_t) { EXPECT_EQ(std::this_thread::get_id(), loop_thread); };
        start(backend(), job);
    }
    ASSERT_TRUE(drive(backend(), [&] { return backend().in_flight() == 0; }));
    for (int i = 0; i < count; ++i) EXPECT_EQ(jobs[static_cast<std::size_t>(i)].result, i);
    EXPECT_EQ(elsewhere, count);
}

TEST_P(BackendJob, a_queued_job_is_cancelled_at_once_and_a_running_one_runs_to_its_end) {
    std::atomic<bool> go = false;
    std::atomic<int> running = 0;
    std::deque<TestOperation> blockers(32);
    for (auto& blocker : blockers) {
        blocker.code = OpCode::job;
        blocker.job = [&] {
            ++running;
            while (!go) std::this_thread::sleep_for(1ms);
            return 1;
        };
        start(backend(), blocker);
    }
    std::atomic<bool> ran = false;
    TestOperation queued;
    queued.code = OpCode::job;
    queued.job = [&] {
        ran = true;
        return 1;
    };
    start(backend(), queued);
    settle(backend());
    const int running_before = running;
    ASSERT_LT(running_before, 32) << "the pool must be smaller than this test's load";
    backend().cancel(queued);
    EXPECT_TRUE(drive(backend(), [&] { return queued.done(); }));
    EXPECT_EQ(queued.result, -ECANCELED);
    EXPECT_FALSE(blockers.front().done());
    backend().cancel(blockers.front());
    settle(backend());
    EXPECT_FALSE(blockers.front().done());
    go = true;
    EXPECT_TRUE(drive(backend(), [&] { return backend().in_flight() == 0; }));
    EXPECT_EQ(blockers.front().result, 1);
    EXPECT_FALSE(ran);
}

TEST_P(BackendJob, pool_threads_take_no_signals) {
    sigset_t blocked;
    sigemptyset(&blocked);
    TestOperation job;
    job.code = OpCode::job;
    job.job = [&] {
        ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
        return 0;
    };
    EXPECT_EQ(finish(backend(), job), 0);
    EXPECT_EQ(sigismember(&blocked, SIGINT), 1);
    EXPECT_EQ(sigismember(&blocked, SIGALRM), 1);
}

TEST_P(BackendPoll, a_pipe_an_eventfd_and_a_socket_become_readable) {
    auto pipe = pipe_pair();
    auto pair = socket_pair();
    const UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const std::uint64_t one = 1;
    const auto fill = [&](int fd) {
        if (fd == pipe.one.get()) return ::write(pipe.other.get(), "x", 1) == 1;
        if (fd == event.get()) return ::write(event.get(), &one, sizeof one) == sizeof one;
        return ::send(pair.other.get(), "x", 1, 0) == 1;
    };
    for (const int fd : {pipe.one.get(), event.get(), pair.one.get()}) {
        TestOperation poll(OpCode::poll_readable, fd);
        start(backend(), poll);
        settle(backend());
        EXPECT_FALSE(poll.done());
        ASSERT_TRUE(fill(fd));
        ASSERT_TRUE(drive(backend(), [&] { return poll.done(); }));
        EXPECT_EQ(poll.result, 0);
        // The level counts, not the edge: unread bytes are reported again.
        EXPECT_EQ(finish(backend(), poll), 0);
        settle(backend());
        EXPECT_EQ(poll.completions, 1);
    }
}

TEST_P(BackendPoll, readers_and_writers_of_one_descriptor_are_independent) {
    auto pair = socket_pair();
    TestOperation readable(OpCode::poll_readable, pair.one.get());
    TestOperation readable_too(OpCode::poll_readable, pair.one.get());
    TestOperation writable(OpCode::poll_writable, pair.one.get());
    start(backend(), readable);
    start(backend(), readable_too);
    start(backend(), writable);
    ASSERT_TRUE(drive(backend(), [&] { return writable.done(); }));
    EXPECT_FALSE(readable.done());
    backend().cancel(readable_too);
    ASSERT_TRUE(drive(backend(), [&] { return readable_too.done(); }));
    EXPECT_FALSE(readable.done());
    ASSERT_EQ(::send(pair.other.get(), "x", 1, 0), 1);
    ASSERT_TRUE(drive(backend(), [&] { return readable.done(); }));
    EXPECT_EQ(readable.result, 0);
    EXPECT_EQ(readable_too.result, -ECANCELED);
}

TEST_P(BackendPoll, a_peer_that_closes_makes_it_readable) {
    auto pipe = pipe_pair();
    TestOperation poll(OpCode::poll_readable, pipe.one.get());
    start(backend(), poll);
    settle(backend());
    pipe.other.reset();
    ASSERT_TRUE(drive(backend(), [&] { return poll.done(); }));
    EXPECT_EQ(poll.result, 0);
    auto reader_gone = pipe_pair();
    reader_gone.one.reset();
    TestOperation writable(OpCode::poll_writable, reader_gone.other.get());
    EXPECT_EQ(finish(backend(), writable), 0);
}

TEST_P(BackendPoll, a_socket_may_be_polled_while_operations_wait_on_it) {
    auto pair = tcp_pair();
    char buffer[4];
    TestOperation receive(OpCode::receive, pair.one.get(), buffer, 4);
    start(backend(), receive);
    settle(backend());
    TestOperation poll(OpCode::poll_readable, pair.one.get());
    start(backend(), poll);
    backend().cancel(poll);
    ASSERT_TRUE(drive(backend(), [&] { return poll.done(); }));
    ASSERT_EQ(::send(pair.other.get(), "x", 1, 0), 1);
    ASSERT_TRUE(drive(backend(), [&] { return receive.done(); }));
    EXPECT_EQ(receive.result, 1);
}

TEST_P(SemL43, files_that_cannot_be_polled_are_always_ready) {
    const auto file = temporary_file();
    const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (const int fd : {file.get(), null.get()}) {
        TestOperation readable(OpCode::poll_readable, fd);
        EXPECT_EQ(finish(backend(), readable), 0);
        TestOperation writable(OpCode::poll_writable, fd);
        EXPECT_EQ(finish(backend(), writable), 0);
    }
}

TEST_P(SemL44, a_descriptor_closed_by_its_owner_ends_the_wait_or_can_be_cancelled) {
    for (const bool kept_open_elsewhere : {false, true}) {
        auto pipe = pipe_pair();
        const int number = pipe.one.get();
        const UniqueFd duplicate(kept_open_elsewhere ? ::dup(number) : -1);
        TestOperation poll(OpCode::poll_readable, number);
        start(backend(), poll);
        settle(backend());
        pipe.one.reset();
        drive(backend(), [&] { return poll.done(); }, 50ms);
        if (poll.done()) {
            EXPECT_EQ(poll.result, -EBADF);
        } else {
            backend().cancel(poll);
            ASSERT_TRUE(drive(backend(), [&] { return poll.done(); }));
            EXPECT_EQ(poll.result, -ECANCELED);
        }
        settle(backend());
        EXPECT_EQ(poll.completions, 1);
        EXPECT_EQ(backend().in_flight(), 0U);
    }
}

TEST_P(SemL44, a_new_file_under_the_number_inherits_no_wait) {
    auto pipe = pipe_pair();
    const int number = pipe.one.get();
    const UniqueFd duplicate(::dup(number));  // the old file lives on and stays readable
    TestOperation old(OpCode::poll_readable, number);
    start(backend(), old);
    settle(backend());
    auto fresh = pipe_pair();
    ASSERT_EQ(::dup2(fresh.one.get(), number), number);

    TestOperation poll(OpCode::poll_readable, number);
    start(backend(), poll);
    ASSERT_EQ(::write(pipe.other.get(), "old", 3), 3);
    settle(backend(), 30ms);
    EXPECT_FALSE(poll.done() && poll.result == 0) << "the new wait was ended by the old file's bytes";
    backend().cancel(old);
    ASSERT_TRUE(drive(backend(), [&] { return old.done(); }));
    if (!poll.done()) {
        ASSERT_EQ(::write(fresh.other.get(), "new", 3), 3);
        ASSERT_TRUE(drive(backend(), [&] { return poll.done(); }));
        EXPECT_EQ(poll.result, 0);
    }
    EXPECT_EQ(backend().in_flight(), 0U);
}

}  // namespace
}  // namespace tandem
