#pragma once

#include <tandem/base/time.hpp>
#include <tandem/http/client.hpp>
#include <tandem/http/event_parser.hpp>
#include <tandem/task/async_generator.hpp>
#include <tandem/task/task.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace tandem::inline v1::http {

struct EventSourceOptions {
    /// Before the first reconnection, until the server says otherwise; doubled while it fails, with jitter.
    Duration retry = std::chrono::seconds(3);
    Duration max_retry = std::chrono::seconds(60);
    EventLimits limits = {};
};

/// Server-sent events of a URL, as they come, over as many connections as that takes (H182).
///
///     http::EventSource updates(client, "https://news.example/v0/updates.json");
///     while (auto event = co_await updates.next()) use(event->data);
///
/// A connection that is lost is opened again, with `Last-Event-ID`, so that a server that keeps what it sent
/// loses nothing. An answer 204 ends the source for good.
///
/// Errors      before the first event: whatever the client throws. Always: `StatusError` for anything but 200
///             and 204, `NotAnEventStream` for another type, `LimitExceeded`; it is over then.
/// Cancelling  closes the connection; the following `next()` opens another one and loses nothing.
/// Threads     the client's loop; one `next()` at a time.
/// Lifetime    borrows the client.
class EventSource {
public:
    EventSource(Client& client, std::string url, const EventSourceOptions& options = EventSourceOptions());
    EventSource(EventSource&&) noexcept;
    EventSource& operator=(EventSource&&) noexcept;
    ~EventSource();

    /// The next event, or nothing once the server has said that there will be no more.
    [[nodiscard]] Task<std::optional<ServerEvent>> next();
    [[nodiscard]] const std::string& last_event_id() const noexcept;
    /// How many connections were opened so far.
    [[nodiscard]] std::size_t connections() const noexcept;

private:
    class State;
    std::unique_ptr<State> state_;
};

/// An answer that should have been events, and has another `Content-Type`.
class NotAnEventStream : public Error {
public:
    NotAnEventStream(const std::string& url, const std::string& type);
};

struct EventAnswerOptions {
    /// A comment goes out when there was no event for so long, to show that the connection lives.
    Duration heartbeat = std::chrono::seconds(15);
};

/// What a handler answers with to send events as they come (H183): `text/event-stream`, never cached. A
/// client that has gone cancels the generator.
///
///     routes.get("/clock", [](http::Request&) { return http::answer_with_events(ticks()); });
///
/// Errors      of the generator cut the connection.
[[nodiscard]] Response answer_with_events(AsyncGenerator<ServerEvent> events,
                                          const EventAnswerOptions& options = EventAnswerOptions());

}  // namespace tandem::inline v1::http
