// What every backend must do: the result of each operation, and its errors.
#include "backend_contract.hpp"

#include <array>
#include <cstring>
#include <vector>

#include <netinet/tcp.h>
#include <sys/uio.h>

namespace tandem {
namespace {

using namespace contracts;

TANDEM_BACKEND_SUITE(BackendContract);
TANDEM_BACKEND_SUITE(SemC94);
TANDEM_REAL_BACKEND_SUITE(BackendMessages);  // descriptors travel through the kernel alone

TEST_P(BackendContract, receive_waits_for_bytes_and_takes_as_many_as_there_are) {
    auto pair = tcp_pair();
    char buffer[100];
    TestOperation receive(OpCode::receive, pair.one.get(), buffer, sizeof buffer);
    start(backend(), receive);
    settle(backend());
    const bool early = receive.done();
    ASSERT_EQ(calls::send(pair.other.get(), "hello", 5, 0), 5);
    drive(backend(), [&] { return receive.done(); });

    EXPECT_FALSE(early);
    EXPECT_EQ(receive.result, 5);
    EXPECT_EQ(std::string(buffer, 5), "hello");
    EXPECT_EQ(backend().in_flight(), 0U);
}

TEST_P(BackendContract, receive_of_bytes_already_there_needs_no_further_event) {
    auto pair = tcp_pair();
    ASSERT_EQ(calls::send(pair.other.get(), "abcdef", 6, 0), 6);
    char buffer[2];
    std::string all;
    for (int i = 0; i < 3; ++i) {
        TestOperation receive(OpCode::receive, pair.one.get(), buffer, sizeof buffer);
        ASSERT_EQ(finish(backend(), receive), 2);
        all.append(buffer, 2);
    }
    EXPECT_EQ(all, "abcdef");
}

TEST_P(BackendContract, receive_after_a_short_read_waits_and_is_woken_by_the_next_bytes) {
    auto pair = tcp_pair();
    char buffer[100];
    for (int round = 0; round < 50; ++round) {
        TestOperation receive(OpCode::receive, pair.one.get(), buffer, sizeof buffer);
        start(backend(), receive);
        ASSERT_EQ(calls::send(pair.other.get(), "x", 1, 0), 1);
        ASSERT_TRUE(drive(backend(), [&] { return receive.done(); })) << "round " << round;
        ASSERT_EQ(receive.result, 1);
    }
}

TEST_P(BackendContract, the_end_of_the_stream_is_0_as_often_as_it_is_asked_for) {
    for (const bool bytes_before : {false, true}) {
        auto pair = tcp_pair();
        char buffer[100];
        if (bytes_before) {
            ASSERT_EQ(calls::send(pair.other.get(), "bye", 3, 0), 3);
        }
        TestOperation receive(OpCode::receive, pair.one.get(), buffer, sizeof buffer);
        if (!bytes_before) start(backend(), receive);
        pair.other.reset();
        if (bytes_before) {
            EXPECT_EQ(finish(backend(), receive), 3);
        } else {
            drive(backend(), [&] { return receive.done(); });
            EXPECT_EQ(receive.result, 0);
        }
        EXPECT_EQ(finish(backend(), receive), 0);
        EXPECT_EQ(finish(backend(), receive), 0);
        backend().forget(pair.one.get());
    }
}

TEST_P(BackendContract, a_half_closed_stream_still_sends) {
    auto pair = tcp_pair();
    calls::shutdown(pair.other.get(), SHUT_WR);
    char buffer[8];
    TestOperation receive(OpCode::receive, pair.one.get(), buffer, sizeof buffer);
    EXPECT_EQ(finish(backend(), receive), 0);
    char text[] = "late";
    TestOperation send(OpCode::send, pair.one.get(), text, 4);
    EXPECT_EQ(finish(backend(), send), 4);
    EXPECT_EQ(calls::recv(pair.other.get(), buffer, sizeof buffer, 0), 4);
}

TEST_P(BackendContract, a_reset_ends_a_waiting_receive_with_econnreset) {
    auto pair = tcp_pair();
    char buffer[8];
    TestOperation receive(OpCode::receive, pair.one.get(), buffer, sizeof buffer);
    start(backend(), receive);
    settle(backend());
    const linger hard{.l_onoff = 1, .l_linger = 0};
    calls::setsockopt(pair.other.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    pair.other.reset();
    drive(backend(), [&] { return receive.done(); });
    EXPECT_EQ(receive.result, -ECONNRESET);
}

TEST_P(BackendContract, send_into_a_full_socket_waits_for_room_and_loses_nothing) {
    auto pair = tcp_pair();
    std::vector<char> bytes(4 << 20);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 % 251);
    std::vector<char> arrived;
    std::vector<char> buffer(64 << 10);
    TestOperation send;
    TestOperation receive;
    std::size_t sent = 0;
    bool waited = false;
    while (sent < bytes.size()) {
        send.set(OpCode::send, pair.one.get(), bytes.data() + sent, bytes.size() - sent);
        start(backend(), send);
        backend().wait(TimePoint::min());
        waited |= !send.done();
        while (!send.done()) {
            receive.set(OpCode::receive, pair.other.get(), buffer.data(), buffer.size());
            ASSERT_GT(finish(backend(), receive), 0);
            arrived.insert(arrived.end(), buffer.begin(), buffer.begin() + receive.result);
            backend().wait(TimePoint::min());  // the send may have ended meanwhile
        }
        ASSERT_GT(send.result, 0);
        sent += static_cast<std::size_t>(send.result);
    }
    while (arrived.size() < bytes.size()) {
        receive.set(OpCode::receive, pair.other.get(), buffer.data(), buffer.size());
        ASSERT_GT(finish(backend(), receive), 0);
        arrived.insert(arrived.end(), buffer.begin(), buffer.begin() + receive.result);
    }
    EXPECT_TRUE(waited);
    EXPECT_EQ(arrived, bytes);
}

TEST_P(BackendContract, send_to_a_closed_peer_is_epipe_and_raises_no_signal) {
    auto pair = socket_pair();
    pair.other.reset();
    char text[] = "x";
    TestOperation send(OpCode::send, pair.one.get(), text, 1);
    EXPECT_EQ(finish(backend(), send), -EPIPE);
}

TEST_P(BackendContract, both_directions_of_a_socket_wait_independently) {
    auto pair = socket_pair();
    std::vector<char> filler(1 << 20);
    while (calls::send(pair.one.get(), filler.data(), filler.size(), 0) > 0) {
    }
    char in[8];
    char out[] = "more";
    TestOperation receive(OpCode::receive, pair.one.get(), in, sizeof in);
    TestOperation send(OpCode::send, pair.one.get(), out, 4);
    start(backend(), receive);
    start(backend(), send);
    settle(backend());
    EXPECT_FALSE(receive.done());
    EXPECT_FALSE(send.done());

    ASSERT_EQ(calls::send(pair.other.get(), "hi", 2, 0), 2);
    drive(backend(), [&] { return receive.done(); });
    EXPECT_EQ(receive.result, 2);
    EXPECT_FALSE(send.done());

    while (calls::recv(pair.other.get(), filler.data(), filler.size(), 0) > 0) {
    }
    drive(backend(), [&] { return send.done(); });
    EXPECT_EQ(send.result, 4);
}

TEST_P(BackendContract, datagrams_keep_their_borders) {
    auto pair = socket_pair(SOCK_DGRAM);
    ASSERT_EQ(calls::send(pair.other.get(), "one", 3, 0), 3);
    ASSERT_EQ(calls::send(pair.other.get(), "three", 5, 0), 5);
    char buffer[64];
    TestOperation receive(OpCode::receive, pair.one.get(), buffer, sizeof buffer);
    EXPECT_EQ(finish(backend(), receive), 3);
    EXPECT_EQ(finish(backend(), receive), 5);
}

TEST_P(BackendContract, flags_reach_the_call) {
    auto pair = tcp_pair();
    ASSERT_EQ(calls::send(pair.other.get(), "peek", 4, 0), 4);
    char buffer[16];
    TestOperation receive(OpCode::receive, pair.one.get(), buffer, sizeof buffer);
    receive.flags = MSG_PEEK;
    EXPECT_EQ(finish(backend(), receive), 4);
    EXPECT_EQ(finish(backend(), receive), 4);
    receive.flags = 0;
    EXPECT_EQ(finish(backend(), receive), 4);
}

TEST_P(BackendMessages, they_gather_scatter_and_carry_descriptors_close_on_exec) {
    auto pair = socket_pair();
    auto extra = pipe_pair();
    char hello[] = "hello ";
    char world[] = "world";
    std::array<iovec, 2> out{iovec{hello, 6}, iovec{world, 5}};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = out.data();
    message.msg_iovlen = out.size();
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    auto* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int passed = extra.one.get();
    std::memcpy(CMSG_DATA(header), &passed, sizeof passed);

    char first[3];
    char second[20];
    std::array<iovec, 2> in{iovec{first, 3}, iovec{second, 20}};
    alignas(cmsghdr) char received_control[CMSG_SPACE(sizeof(int))] = {};
    msghdr received{};
    received.msg_iov = in.data();
    received.msg_iovlen = in.size();
    received.msg_control = received_control;
    received.msg_controllen = sizeof received_control;
    TestOperation receive(OpCode::receive_message, pair.other.get(), &received);
    start(backend(), receive);
    settle(backend());
    TestOperation send(OpCode::send_message, pair.one.get(), &message);
    EXPECT_EQ(finish(backend(), send), 11);
    drive(backend(), [&] { return receive.done(); });

    EXPECT_EQ(receive.result, 11);
    EXPECT_EQ(std::string(first, 3) + std::string(second, 8), "hello world");
    ASSERT_NE(CMSG_FIRSTHDR(&received), nullptr);
    int arrived = -1;
    std::memcpy(&arrived, CMSG_DATA(CMSG_FIRSTHDR(&received)), sizeof arrived);
    const UniqueFd owned(arrived);
    EXPECT_NE(::fcntl(arrived, F_GETFD) & FD_CLOEXEC, 0);
}

TEST_P(BackendContract, accept_gives_a_non_blocking_close_on_exec_socket) {
    auto listener = tcp_listener();
    TestOperation accept(OpCode::accept, listener.socket.get());
    start(backend(), accept);
    settle(backend());
    EXPECT_FALSE(accept.done());

    auto client = tcp_socket();
    TestOperation connect(OpCode::connect, client.get(), &listener.address, sizeof listener.address);
    EXPECT_EQ(finish(backend(), connect), 0);
    drive(backend(), [&] { return accept.done(); });
    ASSERT_GE(accept.result, 0);
    const UniqueFd accepted(accept.result);
    if (accepted.get() < UniqueFd::first_simulated) {
        EXPECT_NE(::fcntl(accepted.get(), F_GETFL) & O_NONBLOCK, 0);
        EXPECT_NE(::fcntl(accepted.get(), F_GETFD) & FD_CLOEXEC, 0);
    }
    char text[] = "hi";
    TestOperation send(OpCode::send, client.get(), text, 2);
    EXPECT_EQ(finish(backend(), send), 2);
    char buffer[8];
    TestOperation receive(OpCode::receive, accepted.get(), buffer, sizeof buffer);
    EXPECT_EQ(finish(backend(), receive), 2);
}

TEST_P(BackendContract, several_accepts_wait_on_one_listener_first_come_first_served) {
    auto listener = tcp_listener();
    std::array<TestOperation, 5> accepts;
    std::vector<int> order;
    for (int i = 0; i < 5; ++i) {
        auto& accept = accepts[static_cast<std::size_t>(i)];
        accept.set(OpCode::accept, listener.socket.get());
        accept.then = [&order, i](std::int32_t) { order.push_back(i); };
        start(backend(), accept);
    }
    settle(backend());
    std::vector<UniqueFd> clients;
    for (std::size_t i = 0; i < 5; ++i) {
        clients.push_back(tcp_socket());
        TestOperation connect(OpCode::connect, clients.back().get(), &listener.address,
                              sizeof listener.address);
        EXPECT_EQ(finish(backend(), connect), 0);
        ASSERT_TRUE(drive(backend(), [&] { return order.size() > i; }));
    }
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
    for (auto& accept : accepts) calls::close(accept.result);
}

TEST_P(BackendContract, a_refused_connect_says_so) {
    auto listener = tcp_listener();
    listener.socket.reset();
    for (int round = 0; round < 20; ++round) {
        auto client = tcp_socket();
        TestOperation connect(OpCode::connect, client.get(), &listener.address, sizeof listener.address);
        EXPECT_EQ(finish(backend(), connect), -ECONNREFUSED);
        backend().forget(client.get());
    }
}

TEST_P(BackendContract, a_descriptor_that_is_not_open_is_ebadf_for_every_operation) {
    // High, so that nothing the backend opens later gets the number.
    const auto pipe = pipe_pair();
    const int closed = ::fcntl(pipe.one.get(), F_DUPFD_CLOEXEC, 900);
    ::close(closed);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    char buffer[8];
    iovec bytes{buffer, sizeof buffer};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    for (const auto code :
         {OpCode::accept, OpCode::receive, OpCode::send, OpCode::poll_readable, OpCode::poll_writable,
          OpCode::read_file, OpCode::write_file, OpCode::sync_file}) {
        for (const int fd : {closed, -1}) {
            TestOperation operation(code, fd, buffer, sizeof buffer);
            EXPECT_EQ(finish(backend(), operation), -EBADF)
                << "code " << static_cast<int>(code) << " fd " << fd;
        }
    }
    TestOperation connect(OpCode::connect, closed, &address, sizeof address);
    EXPECT_EQ(finish(backend(), connect), -EBADF);
    TestOperation send(OpCode::send_message, closed, &message);
    EXPECT_EQ(finish(backend(), send), -EBADF);
    TestOperation receive(OpCode::receive_message, closed, &message);
    EXPECT_EQ(finish(backend(), receive), -EBADF);
    EXPECT_EQ(backend().in_flight(), 0U);
}

TEST_P(BackendContract, a_socket_call_on_a_file_is_enotsock) {
    auto pipe = pipe_pair();
    char buffer[8];
    TestOperation receive(OpCode::receive, pipe.one.get(), buffer, sizeof buffer);
    EXPECT_EQ(finish(backend(), receive), -ENOTSOCK);
}

TEST_P(BackendContract, completed_may_submit_itself_again) {
    auto pair = tcp_pair();
    char buffer[1];
    int rounds = 0;
    TestOperation receive(OpCode::receive, pair.one.get(), buffer, 1);
    receive.then = [&](std::int32_t) {
        ++rounds;
        if (rounds >= 1000) return;
        ASSERT_EQ(calls::send(pair.other.get(), "x", 1, 0), 1);
        // As the loop does: an end on the spot is told from outside, not from within completed().
        if (backend().submit(receive).done) backend().wake();
    };
    start(backend(), receive);
    ASSERT_EQ(calls::send(pair.other.get(), "x", 1, 0), 1);
    ASSERT_TRUE(drive(backend(), [&] {
        if (backend().in_flight() == 0 && rounds < 1000) receive.completed(1);
        return rounds >= 1000;
    }));
}

TEST_P(SemC94, a_connection_accepted_while_the_backend_ends_reaches_the_operation_that_owns_it) {
    auto listener = tcp_listener();
    auto client = tcp_socket();
    TestOperation accept(OpCode::accept, listener.socket.get());
    start(backend(), accept);
    calls::connect(client.get(), reinterpret_cast<sockaddr*>(&listener.address), sizeof listener.address);
    backend_.reset();
    EXPECT_EQ(accept.completions, 1);
    if (accept.result >= 0) {
        const bool world_is_gone = accept.result >= UniqueFd::first_simulated;
        EXPECT_EQ(calls::close(accept.result), world_is_gone ? -1 : 0);
    } else {
        EXPECT_EQ(accept.result, -ECANCELED);
    }
}

}  // namespace
}  // namespace tandem
