// bench/peers/raw/bridge_thread.hpp
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>

namespace raw {

struct Request {
    Request* next = nullptr;
    long value = 0;
    std::atomic<std::uint32_t> done = 0;
};

/// A thread that answers requests in the order of a lock-free stack, and looks for them without end: what a
/// call between two awake threads costs at the least.
class SpinningThread {
public:
    SpinningThread() : thread_([this] { serve(); }) {}
    ~SpinningThread() {
        over_ = true;
        thread_.join();
    }
    long call(long value) {
        Request request;
        request.value = value;
        request.next = posted_.load(std::memory_order_relaxed);
        while (!posted_.compare_exchange_weak(request.next, &request, std::memory_order_release,
                                              std::memory_order_relaxed)) {
        }
        for (int looks = 0; request.done.load(std::memory_order_acquire) == 0; ++looks) {
            __builtin_ia32_pause();
            if (looks > 1'000) std::this_thread::yield();
        }
        return request.value;
    }

private:
    void serve() {
        for (int looks = 0; !over_.load(std::memory_order_relaxed); ++looks) {
            Request* request = posted_.load(std::memory_order_relaxed);
            if (!request) {
                __builtin_ia32_pause();
                if (looks > 1'000) std::this_thread::yield();
                continue;
            }
            looks = 0;
            request = posted_.exchange(nullptr, std::memory_order_acquire);
            while (request) {
                Request* const next = request->next;
                ++request->value;
                request->done.store(1, std::memory_order_release);
                request = next;
            }
        }
    }
    std::atomic<Request*> posted_ = nullptr;
    std::atomic<bool> over_ = false;
    std::thread thread_;
};

/// One eventfd each way and no looking: what a call between two sleeping threads costs at the least.
class SleepingThread {
public:
    SleepingThread() : asked_(eventfd(0, 0)), answered_(eventfd(0, 0)), thread_([this] { serve(); }) {}
    ~SleepingThread() {
        over_ = true;
        raise(asked_);
        thread_.join();
        close(asked_);
        close(answered_);
    }
    long call(long value) {
        value_ = value;
        raise(asked_);
        await(answered_);
        return value_;
    }

private:
    static void raise(int event) {
        const std::uint64_t one = 1;
        if (write(event, &one, sizeof one) != sizeof one) std::terminate();
    }
    static void await(int event) {
        std::uint64_t count = 0;
        if (read(event, &count, sizeof count) != sizeof count) std::terminate();
    }
    void serve() {
        for (;;) {
            await(asked_);
            if (over_) return;
            ++value_;
            raise(answered_);
        }
    }
    long value_ = 0;
    std::atomic<bool> over_ = false;
    int asked_;
    int answered_;
    std::thread thread_;
};

}  // namespace raw
