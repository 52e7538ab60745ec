#pragma once

#include <tandem/loop/event_loop.hpp>

#include <thread>

namespace tandem::inline v1::testing {

/// A loop that runs on a thread of its own, from here to the end of its scope.
///
///     testing::LoopThread other;
///     auto answer = ask().start(on(other.loop)).get();
///
/// Errors      what `EventLoop` throws.
/// Threads     that of its maker; `loop` as every loop.
/// Lifetime    the end stops the loop, joins its thread, and closes the loop.
class LoopThread {
public:
    explicit LoopThread(const EventLoopOptions& options = {})
        : loop(options), thread_([this] { loop.run_forever(); }) {}
    ~LoopThread() {
        loop.stop_threadsafe();
        thread_.join();
    }
    LoopThread(const LoopThread&) = delete;
    LoopThread& operator=(const LoopThread&) = delete;

    std::thread::id id() const { return thread_.get_id(); }

    EventLoop loop;

private:
    std::thread thread_;
};

}  // namespace tandem::inline v1::testing
