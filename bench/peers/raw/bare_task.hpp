// bench/peers/raw/bare_task.hpp
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

/// The least that C++20 coroutines can do: no cancellation, no exceptions, no tree, no loop but a list.
/// The limit which the task benchmarks are held against.
namespace bare {

/// A coroutine which an awaiting one starts and which hands its value back to it.
template <class T>
class Task {
public:
    struct promise_type {
        T value{};
        std::coroutine_handle<> awaiting;

        Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        auto final_suspend() noexcept {
            struct HandBack {
                bool await_ready() noexcept { return false; }
                std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
                    return self.promise().awaiting;
                }
                void await_resume() noexcept {}
            };
            return HandBack{};
        }
        void return_value(T result) { value = result; }
        void unhandled_exception() { std::terminate(); }
    };

    Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (coroutine_) coroutine_.destroy();
    }

    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        coroutine_.promise().awaiting = awaiting;
        return coroutine_;
    }
    T await_resume() { return coroutine_.promise().value; }

private:
    explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
    std::coroutine_handle<promise_type> coroutine_;
};

/// One place in the ready queue; lies in what waits there.
struct Ready {
    std::coroutine_handle<> coroutine;
    Ready* next = nullptr;
};

class ReadyQueue {
public:
    void push(Ready& entry) {
        entry.next = nullptr;
        (last_ ? last_->next : first_) = &entry;
        last_ = &entry;
    }

    void run() {
        while (first_) {
            Ready& entry = *first_;
            first_ = entry.next;
            if (!first_) last_ = nullptr;
            entry.coroutine.resume();
        }
    }

private:
    Ready* first_ = nullptr;
    Ready* last_ = nullptr;
};

inline ReadyQueue ready_queue;

/// Counts tasks that run on their own, and wakes the one coroutine that awaits their end.
class Group {
public:
    void add() { ++running_; }
    void done() {
        if (--running_ == 0 && joiner_.coroutine) ready_queue.push(joiner_);
    }

    bool await_ready() noexcept { return running_ == 0; }
    void await_suspend(std::coroutine_handle<> joiner) noexcept { joiner_.coroutine = joiner; }
    void await_resume() noexcept { joiner_ = {}; }

private:
    long running_ = 0;
    Ready joiner_;
};

/// A coroutine that runs on its own, once it was spawned, and frees itself.
class Spawned {
public:
    struct promise_type {
        Ready entry;
        Group* group = nullptr;

        Spawned get_return_object() { return Spawned(*this); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept {
            if (group) group->done();
            return {};
        }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };

    void spawn(Group* group = nullptr) {
        promise_.entry.coroutine = std::coroutine_handle<promise_type>::from_promise(promise_);
        promise_.group = group;
        if (group) group->add();
        ready_queue.push(promise_.entry);
    }

private:
    explicit Spawned(promise_type& promise) : promise_(promise) {}
    promise_type& promise_;
};

/// Goes to the end of the ready queue.
class Yield {
public:
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<Spawned::promise_type> self) noexcept {
        ready_queue.push(self.promise().entry);
    }
    void await_resume() noexcept {}
};

}  // namespace bare
