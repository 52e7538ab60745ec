#include <tandem/http/event_parser.hpp>

#include <tandem/http/errors.hpp>

#include <charconv>
#include <chrono>
#include <stdexcept>

namespace tandem::inline v1::http {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// At most a day, so that no sum with it overflows.
std::optional<Duration> milliseconds(std::string_view digits) {
    constexpr std::int64_t longest = 24 * 60 * 60 * 1'000;
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (error != std::errc() || count > longest) count = longest;
    return to_duration(std::chrono::milliseconds(count));
}

}  // namespace

EventParser::EventParser(const EventLimits& limits) : limits_(limits) {
    if (limits.max_line_bytes == 0 || limits.max_event_bytes == 0)
        throw std::invalid_argument("EventLimits: a limit of 0 bytes lets nothing through");
}

std::vector<ServerEvent> EventParser::feed(std::string_view bytes) {
    std::vector<ServerEvent> events;
    while (!bytes.empty()) {
        if (after_cr_) {
            after_cr_ = false;
            if (bytes.front() == '\n') {
                bytes.remove_prefix(1);
                continue;
            }
        }
        const auto end = bytes.find_first_of("\r\n");
        line_ += bytes.substr(0, end);
        if (line_.size() > limits_.max_line_bytes)
            throw LimitExceeded("line of an event stream", "EventLimits::max_line_bytes",
                                limits_.max_line_bytes, line_.size());
        if (end == std::string_view::npos) break;
        after_cr_ = bytes[end] == '\r';
        bytes.remove_prefix(end + 1);
        end_line(events);
    }
    return events;
}

void EventParser::restart() {
    line_.clear();
    type_.clear();
    data_.clear();
    id_ = last_id_;
    has_data_ = false;
    first_line_ = true;
    after_cr_ = false;
}

void EventParser::end_line(std::vector<ServerEvent>& events) {
    std::string_view line = line_;
    if (first_line_ && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
    first_line_ = false;
    if (line.empty()) {
        last_id_ = id_;
        if (has_data_) {
            ServerEvent event(std::move(data_));
            if (!type_.empty()) event.type = std::move(type_);
            event.id = last_id_;
            events.push_back(std::move(event));
        }
        data_.clear();
        type_.clear();
        has_data_ = false;
    } else if (const auto colon = line.find(':'); colon != 0) {  // else a comment
        auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
        if (value.starts_with(' ')) value.remove_prefix(1);
        field(line.substr(0, colon), value);
    }
    line_.clear();
}

void EventParser::field(std::string_view name, std::string_view value) {
    if (name == "data") {
        if (has_data_) data_ += '\n';
        data_ += value;
        has_data_ = true;
        if (data_.size() > limits_.max_event_bytes)
            throw LimitExceeded("data of a server-sent event", "EventLimits::max_event_bytes",
                                limits_.max_event_bytes, data_.size());
    } else if (name == "event") {
        type_ = value;
    } else if (name == "id") {
        if (value.find('\0') == std::string_view::npos) id_ = value;
    } else if (name == "retry") {
        if (const auto wait = milliseconds(value)) retry_ = wait;
    }
}

std::string serialise(const ServerEvent& event) {
    constexpr std::string_view breaks = "\r\n";
    if (event.type.find_first_of(breaks) != std::string::npos ||
        event.id.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
        throw std::invalid_argument(
            "a server-sent event's type and id must be of one line, and the id without NUL");
    std::string text;
    if (event.retry)
        text +=
            "retry: " + std::to_string(std::chrono::ceil<std::chrono::milliseconds>(*event.retry).count()) +
            "\n";
    if (!event.id.empty()) text += "id: " + event.id + "\n";
    if (event.type != "message") text += "event: " + event.type + "\n";
    // A line of data for each line, however it ends.
    std::string_view rest = event.data;
    for (;;) {
        const auto end = rest.find_first_of(breaks);
        text.append("data: ").append(rest.substr(0, end)) += '\n';
        if (end == std::string_view::npos) break;
        rest.remove_prefix(rest.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
    }
    return text += '\n';
}

}  // namespace tandem::inline v1::http
