// bench/peers/asio/bridge_thread.hpp
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/use_future.hpp>

#include <thread>

/// An io_context on a thread of its own; a call is co_spawn with use_future.
class ContextThread {
public:
    ContextThread() : thread_([this] { context_.run(); }) {}
    ~ContextThread() {
        context_.stop();
        thread_.join();
    }
    long call(long value) {
        return boost::asio::co_spawn(context_, next(value), boost::asio::use_future).get();
    }

private:
    [[gnu::noinline]] static boost::asio::awaitable<long> next(long value) { co_return value + 1; }
    boost::asio::io_context context_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
    std::thread thread_;
};
