// What every backend must do when an operation is cancelled, at any moment, with any length of queue.
#include "backend_contract.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <random>
#include <thread>
#include <vector>

namespace tandem {
namespace {

using namespace contracts;

TANDEM_BACKEND_SUITE(SemC92);
TANDEM_BACKEND_SUITE(SemC93);
TANDEM_REAL_BACKEND_SUITE(SemC96);              // dup() is the kernel's
TANDEM_REAL_BACKEND_SUITE(BackendThreadRaces);  // another thread writes
TANDEM_BACKEND_SUITE(SemC97);
TANDEM_BACKEND_SUITE(SemC98);

/// Runs something however a test ends.
class Finally {
public:
    explicit Finally(std::function<void()> what) : what_(std::move(what)) {}
    ~Finally() { what_(); }

private:
    std::function<void()> what_;
};

/// Everything that can wait, each on something that never comes.
struct Waiters {
    Pair full = socket_pair();
    Pair empty = socket_pair();
    Pair pipe = pipe_pair();
    Pair full_pipe = pipe_pair(O_CLOEXEC | O_NONBLOCK);
    Listener listener = tcp_listener();
    char buffer[16];
    iovec bytes{buffer, sizeof buffer};
    msghdr in{};
    msghdr out{};
    std::deque<TestOperation> operations;

    Waiters() {
        std::vector<char> filler(1 << 20);
        while (calls::send(full.one.get(), filler.data(), filler.size(), 0) > 0) {
        }
        while (::write(full_pipe.other.get(), filler.data(), filler.size()) > 0) {
        }
        in.msg_iov = out.msg_iov = &bytes;
        in.msg_iovlen = out.msg_iovlen = 1;
        add(OpCode::accept, listener.socket.get());
        add(OpCode::receive, empty.one.get(), buffer, sizeof buffer);
        add(OpCode::send, full.one.get(), buffer, sizeof buffer);
        add(OpCode::receive_message, empty.other.get(), &in);
        add(OpCode::send_message, full.one.get(), &out);
        add(OpCode::poll_readable, pipe.one.get());
        add(OpCode::poll_writable, full_pipe.other.get());
        add(OpCode::read_file, pipe.one.get(), buffer, sizeof buffer);
        add(OpCode::write_file, full_pipe.other.get(), buffer, sizeof buffer);
    }
    void add(OpCode code, int fd, void* data = nullptr, std::size_t size = 0) {
        operations.emplace_back(code, fd, data, size);
    }
    bool all_done() const {
        for (const auto& operation : operations) {
            if (!operation.done()) return false;
        }
        return true;
    }
};

TEST_P(SemC98, each_waiting_operation_ends_as_cancelled_and_not_inside_cancel) {
    Waiters waiters;
    for (auto& operation : waiters.operations) {
        const auto code = static_cast<int>(operation.code);
        start(backend(), operation);
        settle(backend(), 2ms);
        ASSERT_FALSE(operation.done()) << "code " << code;
        backend().cancel(operation);
        ASSERT_FALSE(operation.done()) << "code " << code;
        ASSERT_TRUE(drive(backend(), [&] { return operation.done(); })) << "code " << code;
        EXPECT_EQ(operation.result, -ECANCELED) << "code " << code;
    }
    settle(backend());
    for (auto& operation : waiters.operations) EXPECT_EQ(operation.completions, 1);
    EXPECT_EQ(backend().in_flight(), 0U);
}

TEST_P(SemC98, cancel_before_the_first_wait_and_twice_ends_it_once) {
    Waiters waiters;
    for (auto& operation : waiters.operations) {
        start(backend(), operation);
        backend().cancel(operation);
        backend().cancel(operation);
    }
    ASSERT_TRUE(drive(backend(), [&] { return waiters.all_done(); }));
    settle(backend());
    for (auto& operation : waiters.operations) {
        EXPECT_EQ(operation.result, -ECANCELED);
        EXPECT_EQ(operation.completions, 1);
    }
}

TEST_P(SemC98, cancel_after_the_end_does_nothing_to_it_nor_to_its_next_use) {
    auto pair = socket_pair();
    char buffer[8];
    TestOperation receive(OpCode::receive, pair.one.get(), buffer, sizeof buffer);
    ASSERT_EQ(calls::send(pair.other.get(), "a", 1, 0), 1);
    ASSERT_EQ(finish(backend(), receive), 1);
    backend().cancel(receive);
    start(backend(), receive);
    settle(backend());
    EXPECT_FALSE(receive.done());
    ASSERT_EQ(calls::send(pair.other.get(), "b", 1, 0), 1);
    ASSERT_TRUE(drive(backend(), [&] { return receive.done(); }));
    EXPECT_EQ(receive.result, 1);
}

TEST_P(SemC98, a_cancelled_accept_leaves_the_listener_usable) {
    auto listener = tcp_listener();
    TestOperation accept(OpCode::accept, listener.socket.get());
    start(backend(), accept);
    backend().cancel(accept);
    drive(backend(), [&] { return accept.done(); });
    EXPECT_EQ(accept.result, -ECANCELED);
    auto client = tcp_socket();
    TestOperation connect(OpCode::connect, client.get(), &listener.address, sizeof listener.address);
    EXPECT_EQ(finish(backend(), connect), 0);
    const UniqueFd accepted(finish(backend(), accept));
    EXPECT_GE(accepted.get(), 0);
}

TEST_P(SemC98, a_connect_that_nobody_answers_can_be_cancelled) {
    // A listener whose queue is full answers no further SYN.
    Listener listener{tcp_socket(), {}};
    listener.address.sin_family = AF_INET;
    listener.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof listener.address;
    auto* const address = reinterpret_cast<sockaddr*>(&listener.address);
    ASSERT_EQ(calls::bind(listener.socket.get(), address, size), 0);
    ASSERT_EQ(calls::listen(listener.socket.get(), 0), 0);
    ASSERT_EQ(calls::getsockname(listener.socket.get(), address, &size), 0);
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(tcp_socket());
        calls::connect(clients.back().get(), address, size);
    }
    TestOperation connect(OpCode::connect, clients.back().get(), &listener.address, sizeof listener.address);
    clients.push_back(tcp_socket());
    connect.fd = clients.back().get();
    start(backend(), connect);
    settle(backend());
    ASSERT_FALSE(connect.done());
    backend().cancel(connect);
    ASSERT_TRUE(drive(backend(), [&] { return connect.done(); }));
    EXPECT_EQ(connect.result, -ECANCELED);
}

TEST_P(SemC92, a_thousand_cancels_at_once_are_all_heard_with_any_queue) {
    constexpr std::size_t count = 1000;
    auto pair = socket_pair();
    std::vector<TestOperation> polls(count);
    for (auto& poll : polls) {
        poll.set(OpCode::poll_readable, pair.one.get());
        start(backend(), poll);
    }
    settle(backend());
    for (auto& poll : polls) backend().cancel(poll);
    std::size_t ended = 0;
    for (auto& poll : polls) {
        ASSERT_TRUE(drive(backend(), [&] { return poll.done(); }));
        EXPECT_EQ(poll.result, -ECANCELED);
        ++ended;
    }
    settle(backend());
    EXPECT_EQ(ended, count);
    EXPECT_EQ(backend().in_flight(), 0U);
}

TEST_P(SemC92, cancels_given_while_completions_run_are_heard) {
    constexpr std::size_t count = 64;
    auto pair = socket_pair();
    auto quiet = socket_pair();
    std::vector<TestOperation> polls(count);
    for (auto& poll : polls) {
        poll.set(OpCode::poll_readable, quiet.one.get());
        start(backend(), poll);
    }
    TestOperation trigger(OpCode::poll_readable, pair.one.get());
    trigger.then = [&](std::int32_t) {
        for (auto& poll : polls) backend().cancel(poll);
        for (auto& poll : polls) EXPECT_FALSE(poll.done());
    };
    start(backend(), trigger);
    settle(backend());
    ASSERT_EQ(calls::send(pair.other.get(), "x", 1, 0), 1);
    ASSERT_TRUE(drive(backend(), [&] { return backend().in_flight() == 0; }));
    for (auto& poll : polls) EXPECT_EQ(poll.result, -ECANCELED);
}

TEST_P(BackendThreadRaces, ten_thousand_of_cancel_and_completion_each_have_one_outcome) {
    auto pair = socket_pair();
    auto quiet = socket_pair();
    std::mt19937 random(7);
    std::atomic<int> asked = 0;
    std::atomic<bool> stop = false;
    std::thread writer([&] {
        int answered = 0;
        while (!stop) {
            if (asked.load() == answered) continue;
            ++answered;
            while (calls::send(pair.other.get(), "x", 1, 0) != 1 && !stop) {
            }
        }
    });
    const Finally join([&] {
        stop = true;
        writer.join();
    });
    int received = 0;
    int cancelled = 0;
    constexpr int races = 10'000;
    for (int race = 0; race < races; ++race) {
        char byte = 0;
        TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
        start(backend(), receive);
        ++asked;
        for (auto spin = random() % 300; spin > 0; --spin)
            std::atomic_signal_fence(std::memory_order_seq_cst);
        if ((random() & 1) != 0) backend().wait(TimePoint::min());
        backend().cancel(receive);
        ASSERT_TRUE(drive(backend(), [&] { return receive.done(); }));
        ASSERT_EQ(receive.completions, 1);
        if (receive.result == 1) {
            ASSERT_EQ(byte, 'x');
            ++received;
        } else {
            ASSERT_EQ(receive.result, -ECANCELED);
            ++cancelled;
        }
    }
    // What was not received is still there: a cancelled receive has consumed nothing.
    while (received < races) {
        char bytes[4096];
        TestOperation receive(OpCode::receive, pair.one.get(), bytes, sizeof bytes);
        const auto count = finish(backend(), receive);
        ASSERT_GT(count, 0);
        received += count;
    }
    EXPECT_EQ(received, races);
    EXPECT_GT(cancelled, 0);
    EXPECT_EQ(backend().in_flight(), 0U);
}

TEST_P(SemC93, an_operation_reused_in_its_own_completion_is_not_hit_by_the_old_cancel) {
    auto pair = socket_pair();
    char byte = 0;
    for (int round = 0; round < 500; ++round) {
        TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
        bool again = false;
        receive.then = [&](std::int32_t) {
            if (std::exchange(again, true)) return;
            ASSERT_FALSE(backend().submit(receive).done);
        };
        start(backend(), receive);
        backend().wait(TimePoint::min());
        if (round % 2 == 0) {
            ASSERT_EQ(calls::send(pair.other.get(), "x", 1, 0), 1);
        }
        backend().cancel(receive);
        ASSERT_TRUE(drive(backend(), [&] { return again; }));
        ASSERT_EQ(calls::send(pair.other.get(), "y", 1, 0), 1);
        ASSERT_TRUE(drive(backend(), [&] { return receive.completions == 2; }));
        ASSERT_EQ(receive.result, 1) << "round " << round;
        while (calls::recv(pair.one.get(), &byte, 1, 0) > 0) {
        }
    }
}

TEST_P(SemC93, a_hundred_thousand_receives_and_sends_with_cancels_lose_no_byte) {
    auto pair = tcp_pair();
    std::mt19937 random(11);
    std::vector<unsigned char> out(3000);
    std::vector<unsigned char> in(3000);
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    const auto byte_at = [](std::uint64_t at) {
        return static_cast<unsigned char>(at * 131 + (at >> 8) * 17);
    };
    TestOperation send(OpCode::send, pair.one.get());
    TestOperation receive(OpCode::receive, pair.other.get());
    bool sending = false;
    bool receiving = false;
    bool intact = true;
    int operations = 0;
    int cancels = 0;
    send.then = [&](std::int32_t result) {
        sending = false;
        ++operations;
        if (result > 0) sent += static_cast<std::uint64_t>(result);
        if (result < 0 && result != -ECANCELED) intact = false;
    };
    receive.then = [&](std::int32_t result) {
        receiving = false;
        ++operations;
        if (result == 0 || (result < 0 && result != -ECANCELED)) intact = false;
        for (std::int32_t i = 0; i < result; ++i) {
            intact = intact && in[static_cast<std::size_t>(i)] == byte_at(received++);
        }
    };
    while (operations < 100'000 && intact) {
        // Both ends now and then get far apart, so that both directions really wait.
        if (!sending && random() % 4 == 0) {
            const auto size = 1 + random() % out.size();
            for (std::size_t i = 0; i < size; ++i) out[i] = byte_at(sent + i);
            send.set(OpCode::send, pair.one.get(), out.data(), size);
            sending = true;
            start(backend(), send);
        }
        if (!receiving && random() % 4 != 0) {
            receive.set(OpCode::receive, pair.other.get(), in.data(), 1 + random() % in.size());
            receiving = true;
            start(backend(), receive);
        }
        if (receiving && random() % 5 == 0) backend().cancel(receive), ++cancels;
        if (sending && random() % 5 == 0) backend().cancel(send), ++cancels;
        backend().wait(TimePoint::min());
    }
    drive(backend(), [&] { return !sending; }, 100ms);
    while (intact && received < sent) {
        if (!receiving) {
            receive.set(OpCode::receive, pair.other.get(), in.data(), in.size());
            receiving = true;
            start(backend(), receive);
        }
        ASSERT_TRUE(drive(backend(), [&] { return !receiving; }));
    }
    EXPECT_TRUE(intact) << "after " << received << " bytes";
    EXPECT_EQ(received, sent);
    EXPECT_GT(cancels, 1000);
}

TEST_P(SemC96, a_number_used_again_after_forget_inherits_nothing) {
    for (int round = 0; round < 200; ++round) {
        auto old = socket_pair();
        const int number = old.one.get();
        char buffer[8];
        TestOperation receive(OpCode::receive, number, buffer, sizeof buffer);
        start(backend(), receive);
        backend().wait(TimePoint::min());
        backend().cancel(receive);
        ASSERT_TRUE(drive(backend(), [&] { return receive.done(); }));
        // An event under way for the old file, and a duplicate that keeps it open.
        ASSERT_EQ(calls::send(old.other.get(), "old", 3, 0), 3);
        const UniqueFd duplicate(::dup(number));
        backend().forget(number);
        old.one.reset();

        auto fresh = socket_pair();
        ASSERT_EQ(::dup2(fresh.one.get(), number), number);
        const UniqueFd reused(number);
        TestOperation second(OpCode::receive, number, buffer, sizeof buffer);
        start(backend(), second);
        settle(backend(), 200us);
        ASSERT_FALSE(second.done()) << "round " << round;
        ASSERT_EQ(calls::send(fresh.other.get(), "fresh", 5, 0), 5);
        ASSERT_TRUE(drive(backend(), [&] { return second.done(); })) << "round " << round;
        ASSERT_EQ(std::string(buffer, 5), "fresh");
        backend().forget(number);
    }
}

TEST_P(SemC97, the_destructor_ends_everything_that_is_in_flight_once) {
    for (const bool waited_before : {false, true}) {
        backend_ = make();
        Waiters waiters;
        std::atomic<bool> ran = false;
        waiters.operations.emplace_back();
        auto& job = waiters.operations.back();
        job.code = OpCode::job;
        job.job = [&] {
            std::this_thread::sleep_for(20ms);
            ran = true;
            return 5;
        };
        for (auto& operation : waiters.operations) start(backend(), operation);
        if (waited_before) settle(backend());
        backend().cancel(waiters.operations.front());
        backend_.reset();
        for (auto& operation : waiters.operations) EXPECT_EQ(operation.completions, 1);
        for (std::size_t i = 0; i + 1 < waiters.operations.size(); ++i) {
            EXPECT_EQ(waiters.operations[i].result, -ECANCELED) << "operation " << i;
        }
        EXPECT_TRUE(job.result == 5 || job.result == -ECANCELED);
        EXPECT_EQ(job.result == 5, ran.load());
    }
}

TEST_P(SemC97, an_operation_submitted_while_the_backend_ends_is_cancelled_on_the_spot) {
    auto pair = socket_pair();
    char byte = 0;
    TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
    Submitted second;
    Backend* const ending = backend_.get();
    receive.then = [&](std::int32_t) { second = ending->submit(receive); };
    start(backend(), receive);
    backend_.reset();
    EXPECT_TRUE(second.done);
    EXPECT_EQ(second.result, -ECANCELED);
    EXPECT_EQ(receive.completions, 1);
}

TEST_P(SemC97, more_completions_than_any_queue_holds_lose_nothing) {
    constexpr std::size_t count = 5000;
    auto pair = socket_pair();
    std::vector<TestOperation> polls(count);
    for (auto& poll : polls) {
        poll.set(OpCode::poll_readable, pair.one.get());
        start(backend(), poll);
    }
    settle(backend());
    ASSERT_EQ(calls::send(pair.other.get(), "x", 1, 0), 1);
    ASSERT_TRUE(drive(backend(), [&] { return backend().in_flight() == 0; }));
    for (auto& poll : polls) {
        ASSERT_EQ(poll.completions, 1);
        ASSERT_EQ(poll.result, 0);
    }
}

}  // namespace
}  // namespace tandem
