#include <tandem/http/event_parser.hpp>

#include <tandem/http/errors.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

std::string shown(const ServerEvent& event) { return event.type + " [" + event.data + "] #" + event.id; }

Lines events_of(std::string_view bytes, std::size_t piece = std::string_view::npos) {
    EventParser parser;
    Lines events;
    while (!bytes.empty()) {
        for (const auto& event : parser.feed(bytes.substr(0, piece))) events.push_back(shown(event));
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    return events;
}

/// The examples of the HTML standard, and what stands between its lines.
struct Case {
    const char* bytes;
    Lines events;
};
const std::vector<Case> cases = {
    {"data: YHOO\ndata: +2\ndata: 10\n\n", {"message [YHOO\n+2\n10] #"}},
    {": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
     {"message [first event] #1", "message [second event] #", "message [ third event] #"}},
    {"data\n\ndata\ndata\n\ndata:", {"message [] #", "message [\n] #"}},
    {"data:test\n\ndata: test\n\n", {"message [test] #", "message [test] #"}},
    {"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n", {"add [73857293] #", "remove [2153] #"}},
    {"\xEF\xBB\xBF"
     "data: after a mark\n\n",
     {"message [after a mark] #"}},
    {"data: a\rdata: b\r\n\rdata: c\r\n\r\n", {"message [a\nb] #", "message [c] #"}},
    {"event: nothing to tell\n\ndata: told\n\n", {"message [told] #"}},
    {"id: 7\n\ndata: by seven\n\n", {"message [by seven] #7"}},
    {"unknown: field\nDATA: too loud\ndata: x\n\n", {"message [x] #"}},
    {"data: unfinished\n", {}},
};

TEST(HttpH181, a_stream_is_cut_into_events_as_the_standard_says) {
    for (const auto& [bytes, events] : cases) EXPECT_EQ(events_of(bytes), events) << bytes;
}

TEST(HttpH181, any_split_of_the_bytes_gives_the_same_events) {
    for (const auto& [bytes, events] : cases)
        for (std::size_t piece = 1; piece < 12; ++piece) EXPECT_EQ(events_of(bytes, piece), events) << bytes;
}

TEST(HttpH181, an_id_with_nul_and_a_retry_that_is_no_number_are_ignored) {
    EventParser parser;
    parser.feed("id: 1\n\n");
    parser.feed(std::string_view("id: 2\0\n\n", 8));
    parser.feed("retry: 2500\n\nretry: 1s\n\nretry\n\n");

    EXPECT_EQ(parser.last_id(), "1");
    EXPECT_EQ(parser.retry(), 2'500ms);
}

TEST(HttpH181, a_connection_that_ends_takes_the_unfinished_event_and_its_id_along) {
    EventParser parser;
    parser.feed("id: 1\ndata: x\n\nid: 2\ndata: half");
    parser.restart();
    const auto events = parser.feed("data: whole\n\n");

    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(shown(events[0]), "message [whole] #1");
}

TEST(HttpH181, a_line_and_an_event_have_a_limit) {
    EventParser lines({.max_line_bytes = 10, .max_event_bytes = 12});
    EXPECT_EQ(lines.feed("data:12345\n\n").size(), 1U);
    EXPECT_THROW(lines.feed("data:123456"), LimitExceeded);
    EventParser events({.max_line_bytes = 10, .max_event_bytes = 12});
    events.feed("data:12345\ndata:12345\n");
    EXPECT_THROW(events.feed("data:1\ndata:1\n"), LimitExceeded);
    EXPECT_THROW(EventParser({.max_line_bytes = 0}), std::invalid_argument);
}

TEST(HttpH183, an_event_is_serialised_so_that_the_parser_gives_it_back) {
    ServerEvent event("one\ntwo\r\nthree\rfour\n");
    event.type = "put";
    event.id = "12";
    event.retry = 1'500ms;
    EventParser parser;
    const auto events = parser.feed(serialise(event));

    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(shown(events[0]), "put [one\ntwo\nthree\nfour\n] #12");
    EXPECT_EQ(parser.retry(), 1'500ms);
    event.id = "1\n2";
    EXPECT_THROW(static_cast<void>(serialise(event)), std::invalid_argument);
}

}  // namespace
}  // namespace tandem::http
