// The server's side of server-sent events: a generator's events as a body.
#include <tandem/http/event_source.hpp>

#include <tandem/http/generated_body.hpp>
#include <tandem/sync/channel.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace tandem::inline v1::http {
namespace {

Task<void> pull(AsyncGenerator<ServerEvent> events, Sender<std::string> texts) {
    while (auto event = co_await events.next()) co_await texts.send(serialise(*event));
}

struct CancelledInTheEnd {
    ~CancelledInTheEnd() { task.cancel("the client of its events has gone"); }
    TaskHandle<void> task;
};

/// The events come from a task of their own, so that a heartbeat can go out while it waits.
AsyncGenerator<std::string> with_heartbeats(AsyncGenerator<ServerEvent> events, Duration heartbeat) {
    auto [sender, texts] = Channel<std::string>(1);
    const CancelledInTheEnd pulling{
        create_task(pull(std::move(events), std::move(sender)), {.name = "events"})};
    for (;;) {
        auto taken = co_await move_on_after(heartbeat, texts.receive());
        if (taken && !*taken) break;
        std::string text = taken ? std::move(**taken) : ":\n\n";
        co_yield std::move(text);
    }
    co_await pulling.task;  // throws the generator's error
}

}  // namespace

Response answer_with_events(AsyncGenerator<ServerEvent> events, const EventAnswerOptions& options) {
    if (options.heartbeat <= Duration::zero())
        throw std::invalid_argument("EventAnswerOptions: heartbeat must be above zero");
    auto answer = Response::stream(generated_body(with_heartbeats(std::move(events), options.heartbeat)),
                                   "text/event-stream");
    answer.header("Cache-Control", "no-store");
    return answer;
}

}  // namespace tandem::inline v1::http
