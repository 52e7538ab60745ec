#include <tandem/sync/queue.hpp>

#include <string>

namespace tandem::inline v1 {

void throw_queue_empty() {
    throw QueueEmpty(
        "get_nowait() of a queue without an item that can be had: `co_await queue.get()` waits for one");
}

void throw_queue_full(std::size_t maxsize) {
    throw QueueFull("put_nowait() into a full queue of " + std::to_string(maxsize) +
                    ": `co_await queue.put()` waits for room");
}

void throw_queue_shut_down(const char* call) {
    throw QueueShutDown(std::string(call) + " of a queue that was shut down" +
                        (call[0] == 'g' ? " and is empty" : ": nothing goes in any more"));
}

void throw_too_many_done(const SourceLocation& where) {
    throw InvalidStateError(std::string("task_done() at ") + where.file_name() + ":" +
                            std::to_string(where.line()) +
                            " was called more often than items were put: once for each item that was got");
}

}  // namespace tandem::inline v1
