#pragma once

#include <tandem/base/time.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::inline v1::http {

/// One server-sent event.
class ServerEvent {
public:
    ServerEvent() {}
    explicit ServerEvent(std::string the_data) : data(std::move(the_data)) {}
    ServerEvent(ServerEvent&&) noexcept = default;
    ServerEvent(const ServerEvent&) = default;
    ServerEvent& operator=(ServerEvent&&) noexcept = default;
    ServerEvent& operator=(const ServerEvent&) = default;
    ~ServerEvent() {}

    std::string type = "message";
    std::string data;  ///< its lines, joined by '\n'
    std::string id;    ///< the last one the stream has named, "" if none
    std::optional<Duration> retry =
        std::nullopt;  ///< how long to wait before reconnecting; when sending only
};

/// How large an event may be. Zero is refused.
struct EventLimits {
    std::size_t max_line_bytes = 64 * 1024;
    std::size_t max_event_bytes = 1024 * 1024;
};

/// Bytes of a `text/event-stream` -> events, without I/O, by WHATWG's rules (H181). Any split of the bytes
/// gives the same events; an event that is not ended by an empty line never comes.
///
///     http::EventParser parser;
///     for (auto& event : parser.feed(bytes)) use(event.data);
///
/// Errors      `LimitExceeded`; the parser says no more after it.
/// Threads     a plain value.
class EventParser {
public:
    explicit EventParser(const EventLimits& limits = EventLimits());

    /// The events that `bytes` complete.
    std::vector<ServerEvent> feed(std::string_view bytes);
    /// Of the last `id` field of an event that was complete: what `Last-Event-ID` says.
    [[nodiscard]] const std::string& last_id() const noexcept { return last_id_; }
    /// Of the last `retry` field.
    [[nodiscard]] std::optional<Duration> retry() const noexcept { return retry_; }
    /// A connection has ended: what was incomplete is forgotten, `last_id()` and `retry()` stay.
    void restart();

private:
    void end_line(std::vector<ServerEvent>& events);
    void field(std::string_view name, std::string_view value);

    EventLimits limits_;
    std::string line_;
    std::string type_;
    std::string data_;
    std::string id_;       // of the event under way, or of the last one
    std::string last_id_;  // of the last event
    std::optional<Duration> retry_;
    bool has_data_ = false;
    bool first_line_ = true;
    bool after_cr_ = false;
};

/// An event as it goes over the wire. Errors: `std::invalid_argument` for a line break in type or id, or NUL
/// in an id.
[[nodiscard]] std::string serialise(const ServerEvent& event);

}  // namespace tandem::inline v1::http
