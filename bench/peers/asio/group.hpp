// bench/peers/asio/group.hpp
#pragma once

#include <boost/asio.hpp>
#include <chrono>
#include <exception>
#include <utility>

/// Counts coroutines started by `co_spawn`, and lets one other coroutine wait for their end: Asio has
/// no such type, and a timer that is cancelled by the last one is how its users write it.
class Group {
public:
    using Executor = boost::asio::io_context::executor_type;

    explicit Group(const Executor& executor)
        : executor_(executor), all_done_(executor, std::chrono::steady_clock::time_point::max()) {}

    void spawn(boost::asio::awaitable<void, Executor> coroutine) {
        ++running_;
        boost::asio::co_spawn(executor_, std::move(coroutine), [this](const std::exception_ptr&) {
            if (--running_ == 0) all_done_.cancel();
        });
    }

    void spawn(boost::asio::awaitable<void, Executor> coroutine, boost::asio::cancellation_slot slot) {
        ++running_;
        const auto ended = [this](const std::exception_ptr&) {
            if (--running_ == 0) all_done_.cancel();
        };
        boost::asio::co_spawn(executor_, std::move(coroutine),
                              boost::asio::bind_cancellation_slot(slot, ended));
    }

    boost::asio::awaitable<void, Executor> join() {
        if (running_ == 0) co_return;
        co_await all_done_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable_t<Executor>()));
    }

private:
    using Timer =
        boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                          boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;
    Executor executor_;
    Timer all_done_;
    long running_ = 0;
};
