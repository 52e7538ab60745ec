#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/base/failure.hpp>
#include <tandem/sync/universal_queue.hpp>
#include <tandem/task/completion.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_node.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// The answering side of `ask()`, which travels in the message: `reply(value)`, or `reply.error(...)`.
template <class T>
using Reply = Completer<T>;

/// The address of an actor: what others send its messages to.
///
///     co_await inbox.tell("hello");                                        // in a task
///     inbox.tell_blocking("hello");                                        // in a plain thread
///     int total = co_await inbox.template ask<int>([](Reply<int> to) { return Total{to}; });
///
/// Messages of one sender are handled in the order in which they were sent.
///
/// Errors      `QueueShutDown` once it was stopped; of `ask()`: what the actor gave instead of a value,
///             `CompletionDropped` if it stopped or failed before it answered.
/// Cancelling  a `tell()` that was accepted stands; an `ask()` that is given up is answered to nobody.
/// Threads     any, at once.
/// Lifetime    must outlive everybody who waits for it.
template <class M>
class Inbox {
public:
    /// `room` 0: any number of messages may wait.
    explicit Inbox(std::size_t room = 0) : messages_(room) {}

    /// Waits while the inbox is full.
    [[nodiscard("co_await it")]] auto tell(M message) { return messages_.put(std::move(message)); }
    /// False if the inbox is full.
    bool try_tell(M message) { return messages_.try_put(std::move(message)); }
    void tell_blocking(M message, Deadline limit = {}, SourceLocation where = SourceLocation::current()) {
        messages_.put_blocking(std::move(message), limit, where);
    }
    /// Sends `make(reply, args...)` and waits for the answer.
    template <class T, class F, class... Args>
    Task<T> ask(F make, Args... args);
    /// The actor ends when it has dealt with what was sent before this; what comes later is refused.
    void stop() { messages_.shutdown(); }

    /// Messages that wait.
    std::size_t size() const { return messages_.qsize(); }

protected:
    ~Inbox() = default;
    UniversalQueue<M> messages_;
};

struct ActorOptions {
    std::size_t inbox_room = 0;     ///< messages that may wait for it; 0: any number
    std::size_t give_up_after = 1;  ///< its error number so many is the last; 0: none ever is
};

/// An object that deals with messages one at a time, and that nobody touches otherwise.
///
///     struct Counter {
///         using Message = int;
///         Task<void> receive(int n) { total += n; co_return; }
///         int total = 0;
///     };
///     Actor<Counter> counter({.inbox_room = 10, .give_up_after = 3});
///     group.create_task(counter.run());
///     co_await counter.tell(7);
///
/// A `Behaviour` is made of the arguments given here, in the task that runs the actor; after an error of
/// `receive()` a new one takes its place and goes on with the next message. Its `started()` is called before
/// the first message and `stopped()` after the last, where it has them; both are tasks.
///
/// Errors      each error but the last goes to the loop's exception handler; the last leaves `run()`.
/// Cancelling  ends `run()` where it is; as at any of its ends, what is still in the inbox is dropped.
/// Threads     of `run()`: the loop that runs it, once. Of the inbox: any.
/// Lifetime    must outlive `run()` and everybody who sends to it. A bounded actor that sends to itself may
///             wait for ever.
template <class Behaviour>
class Actor final : public Inbox<typename Behaviour::Message> {
public:
    using Message = typename Behaviour::Message;

    Actor() : Actor(ActorOptions{}) {}
    template <class... Args>
    explicit Actor(const ActorOptions& options, Args... args)
        : Inbox<Message>(options.inbox_room),
          options_(options),
          make_([args...] { return Behaviour(args...); }) {}

    /// The actor's life: returns once it was stopped.
    Task<void> run();

private:
    class Closing;
    Task<void> live();

    const ActorOptions options_;
    const std::function<Behaviour()> make_;
};

// Implementation

/// Tells the loop's exception handler about an actor's error, and that the actor goes on.
void report_actor_error(std::exception_ptr error, std::size_t errors, std::size_t give_up_after);

template <class M>
template <class T, class F, class... Args>
Task<T> Inbox<M>::ask(F make, Args... args) {
    auto [answer, reply] = make_completion<T>({.abandon = true});
    M message = std::invoke(make, std::move(reply), std::move(args)...);
    co_await tell(std::move(message));
    co_return co_await answer;
}

/// However the actor ends: who asked it hears that there will be no answer.
template <class Behaviour>
class Actor<Behaviour>::Closing {
public:
    explicit Closing(UniversalQueue<Message>& left) : messages_(left) {}
    ~Closing() { messages_.shutdown(ShutDown::immediate); }
    Closing(const Closing&) = delete;
    Closing& operator=(const Closing&) = delete;

private:
    UniversalQueue<Message>& messages_;
};

template <class Behaviour>
Task<void> Actor<Behaviour>::live() {
    Behaviour behaviour = make_();
    if constexpr (requires { behaviour.started(); }) co_await behaviour.started();
    while (auto message = co_await this->messages_.next()) co_await behaviour.receive(std::move(*message));
    if constexpr (requires { behaviour.stopped(); }) co_await behaviour.stopped();
}

template <class Behaviour>
Task<void> Actor<Behaviour>::run() {
    const Closing closing(this->messages_);
    for (std::size_t errors = 0;;) {
        std::exception_ptr error;
        try {
            co_await live();
            co_return;
        } catch (...) {
            error = caught_failure();
        }
        if (++errors == options_.give_up_after) std::rethrow_exception(error);
        report_actor_error(error, errors, options_.give_up_after);
    }
}

}  // namespace tandem::inline v1
