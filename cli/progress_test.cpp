#include <cli/progress.hpp>

#include <cli/terminal.hpp>
#include <cli/text.hpp>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

using namespace std::chrono_literals;

namespace tandem::cli {
namespace {

ProgressState some_state() {
    ProgressState state;
    state.done = 1204;
    state.failed = 3;
    state.moving = 18;
    state.total = 5000;
    state.bytes = 12'400'000'000;
    state.elapsed = 60s;
    return state;
}

/// After `seconds` of steady growth from nothing to `state`.
ProgressEstimate steady(const ProgressState& state, int seconds) {
    ProgressEstimate estimate;
    ProgressState growing = state;
    for (int i = 0; i <= seconds; ++i) {
        growing.bytes = state.bytes / static_cast<std::uint64_t>(seconds) * static_cast<std::uint64_t>(i);
        growing.done = state.done * static_cast<std::uint64_t>(i) / static_cast<std::uint64_t>(seconds);
        estimate.update(growing, SteadyTime(std::chrono::seconds(i)));
    }
    return estimate;
}

TEST(FetchF7_4, a_line_says_everything_in_the_documented_form) {
    auto state = some_state();
    state.lanes = {{"api.example", 0, 12, 12s, "Retry-After"}};
    state.bytes = 4'210'000'000;
    state.remaining_known = 3796;
    state.remaining_bytes = 7'999'000'000;
    const auto estimate = steady(state, 100);
    EXPECT_EQ(
        render_line(state, estimate),
        "fetch: 1204/5000 done, 3 failed, 18 moving, 42.1 MB/s, 4.2 GB, eta 190s, waiting api.example 12s "
        "Retry-After");
}

TEST(FetchF7_4, a_line_has_no_escapes_whatever_a_server_calls_itself) {
    auto state = some_state();
    state.lanes = {{"evil\x1b[2J\n", 0, 1, 1s, "x\u202e"}};
    const auto line = render_line(state, ProgressEstimate());
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(line.find("\u202e"), std::string::npos);
}

TEST(FetchF7_6, the_rate_forgets_half_in_ten_seconds) {
    SmoothedRate rate;
    std::uint64_t total = 0;
    auto now = SteadyTime(0s);
    for (int i = 0; i < 600; ++i) rate.update(total += 1000, now += 1s);
    EXPECT_NEAR(rate.per_second(), 1000, 1);
    for (int i = 0; i < 10; ++i) rate.update(total, now += 1s);
    EXPECT_NEAR(rate.per_second(), 500, 20);
}

TEST(FetchF7_6, a_clock_that_stands_still_is_no_division_by_zero) {
    SmoothedRate rate;
    for (int i = 0; i < 3; ++i) rate.update(1000, SteadyTime(1s));
    EXPECT_EQ(rate.per_second(), 0);
}

TEST(FetchF7_6, the_end_is_told_from_the_fifth_second_and_not_while_input_is_open) {
    auto state = some_state();
    const auto estimate = steady(state, 60);
    state.elapsed = 4999ms;
    EXPECT_EQ(estimate.remaining(state), std::nullopt);
    state.elapsed = 5s;
    EXPECT_TRUE(estimate.remaining(state));
    state.total.reset();
    EXPECT_EQ(estimate.remaining(state), std::nullopt);
}

TEST(FetchF7_6, the_end_comes_from_bytes_if_nine_tenths_of_the_sizes_are_known) {
    ProgressState state;
    state.done = 100;
    state.total = 200;
    state.bytes = 1'000'000;
    state.elapsed = 100s;
    const auto estimate = steady(state, 100);
    state.remaining_known = 90;
    state.remaining_bytes = 500'000;
    EXPECT_NEAR(static_cast<double>(estimate.remaining(state)->count()), 50'000, 500);
    state.remaining_known = 89;
    EXPECT_NEAR(static_cast<double>(estimate.remaining(state)->count()), 100'000, 1000);
}

TEST(FetchF7_6, when_nothing_moves_the_end_is_unknown) {
    auto state = some_state();
    ProgressEstimate estimate;
    estimate.update(state, SteadyTime(0s));
    estimate.update(state, SteadyTime(10s));
    EXPECT_EQ(estimate.remaining(state), std::nullopt);
}

TEST(FetchF7_5, json_is_an_object_with_the_twenty_busiest_lanes) {
    auto state = some_state();
    for (std::uint64_t i = 0; i < 30; ++i) state.lanes.push_back({"lane" + std::to_string(i), i, 0, {}, ""});
    state.lanes[29].waiting = 1500ms;
    state.lanes[29].reason = "rate 5/s";
    const auto object = boost::json::parse(render_json(state, ProgressEstimate())).as_object();
    EXPECT_EQ(object.at("done").as_int64(), 1204);
    EXPECT_EQ(object.at("total").as_int64(), 5000);
    EXPECT_TRUE(object.at("eta").is_null());
    const auto& lanes = object.at("lanes").as_array();
    ASSERT_EQ(lanes.size(), 20U);
    EXPECT_EQ(lanes[0].at("lane").as_string(), "lane29");
    EXPECT_EQ(lanes[0].at("waiting_ms").as_int64(), 1500);
    for (const auto* name : {"t", "failed", "skipped", "moving", "queued", "bytes", "rate"})
        EXPECT_TRUE(object.contains(name)) << name;
}

ProgressState crowded_state() {
    auto state = some_state();
    for (std::uint64_t i = 0; i < 50; ++i)
        state.transfers.push_back(
            {"https://example.org/a/very/long/path/世界/" + std::to_string(i) + "\x1b[31m.bin", i * 1'000'000,
             i % 3 == 0 ? std::nullopt : std::optional<std::uint64_t>(60'000'000), std::chrono::seconds(i),
             i % 2 == 0 ? 1U : 2U});
    for (std::uint64_t i = 0; i < 20; ++i)
        state.lanes.push_back(
            {"https://lane" + std::to_string(i) + ".example:443", 1, 100, 12s, "Retry-After (429)"});
    return state;
}

TEST(FetchF7_3, a_block_fits_any_screen) {
    const auto state = crowded_state();
    for (std::size_t columns = 1; columns <= 200; columns += 3) {
        for (const std::size_t rows : {1U, 2U, 3U, 4U, 10U, 24U, 100U}) {
            for (const bool utf8 : {true, false}) {
                const auto lines = render_block(state, ProgressEstimate(), {columns, rows, utf8, false});
                EXPECT_LE(lines.size(), std::max<std::size_t>(1, rows - 1));
                for (const auto& line : lines) {
                    EXPECT_LE(display_width(line), columns) << columns << ": " << line;
                    EXPECT_EQ(line.find('\x1b'), std::string::npos);
                }
            }
        }
    }
}

TEST(FetchF7_2, the_largest_remaining_comes_first_and_lanes_beyond_the_screen_are_one_line) {
    auto state = crowded_state();
    state.transfers[40].size_bytes = 900'000'000;
    const auto lines = render_block(state, ProgressEstimate(), {120, 20, true, false});
    ASSERT_EQ(lines.size(), 19U);
    EXPECT_NE(lines[0].find("1204/5000 done, 3 failed, 18 moving"), std::string::npos);
    EXPECT_NE(lines[1].find("/40"), std::string::npos) << lines[1];
    EXPECT_NE(lines[18].find("15 more lanes waiting"), std::string::npos) << lines[18];
    EXPECT_NE(lines[17].find("12 s: Retry-After (429)"), std::string::npos) << lines[17];
}

TEST(FetchF7_2, no_bar_goes_above_a_hundred_percent) {
    ProgressState state;
    state.transfers = {{"x", 300, 200, 1s, 2}};
    const auto lines = render_block(state, ProgressEstimate(), {80, 10, false, false});
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_NE(lines[1].find("100%"), std::string::npos) << lines[1];
    EXPECT_NE(lines[1].find("try 2"), std::string::npos) << lines[1];
}

TEST(FetchF7_8, colour_is_written_only_where_it_is_wanted) {
    const auto state = crowded_state();
    std::string all;
    for (const auto& line : render_block(state, ProgressEstimate(), {100, 24, true, true})) all += line;
    EXPECT_NE(all.find("\x1b[31m3 failed\x1b[0m"), std::string::npos);
    EXPECT_EQ(all.find("\x1b[31m.bin"), std::string::npos);

    EXPECT_TRUE(wants_color(ColorMode::automatic, true, "", "", "xterm"));
    EXPECT_FALSE(wants_color(ColorMode::automatic, true, "1", "", "xterm"));
    EXPECT_FALSE(wants_color(ColorMode::automatic, false, "", "", "xterm"));
    EXPECT_FALSE(wants_color(ColorMode::automatic, true, "", "", "dumb"));
    EXPECT_TRUE(wants_color(ColorMode::automatic, false, "", "1", "xterm"));
    EXPECT_TRUE(wants_color(ColorMode::always, false, "1", "", ""));
    EXPECT_FALSE(wants_color(ColorMode::never, true, "", "1", "xterm"));
}

TEST(FetchF7_1, a_bar_needs_a_terminal_and_silence_needs_none) {
    FetchOptions options;
    EXPECT_EQ(progress_mode(options, true, "xterm"), ProgressMode::bar);
    EXPECT_EQ(progress_mode(options, false, "xterm"), ProgressMode::line);
    EXPECT_EQ(progress_mode(options, true, "dumb"), ProgressMode::line);
    options.progress = ProgressMode::bar;
    EXPECT_EQ(progress_mode(options, false, "xterm"), ProgressMode::line);
    options.progress = ProgressMode::json;
    EXPECT_EQ(progress_mode(options, true, "xterm"), ProgressMode::json);
    options.quiet = true;
    EXPECT_EQ(progress_mode(options, true, "xterm"), ProgressMode::none);
}

/// A terminal that only knows what `Terminal` uses: lines, cursor up, erase to the end of line and screen.
class FakeTerminal {
public:
    void write(std::string_view text) {
        ++writes;
        for (std::size_t at = 0; at < text.size();) {
            if (text[at] == '\x1b') {
                const auto end = text.find_first_of("ABCDHJKhlm", at + 2);
                control(text.substr(at + 2, end - at - 2), text[end]);
                at = end + 1;
            } else if (text[at] == '\n') {
                next_line();
                ++at;
            } else if (text[at] == '\r') {
                column = 0;
                ++at;
            } else {
                auto& line = lines[row];
                line.resize(std::max(line.size(), column + 1), ' ');
                line[column++] = text[at++];
            }
        }
    }

    std::vector<std::string> lines = {""};
    std::size_t row = 0;
    std::size_t column = 0;
    int writes = 0;
    bool cursor_hidden = false;

private:
    void next_line() {
        if (++row == lines.size()) lines.emplace_back();
        column = 0;
    }

    void control(std::string_view argument, char verb) {
        if (verb == 'A') row -= std::stoul(std::string(argument));
        if (verb == 'K') lines[row].resize(std::min(lines[row].size(), column));
        if (verb == 'J') {
            lines.resize(row + 1);
            lines[row].resize(std::min(lines[row].size(), column));
        }
        if (argument == "?25") cursor_hidden = verb == 'l';
    }
};

TEST(FetchF7_3, the_block_is_redrawn_in_place_and_messages_pass_above_it) {
    FakeTerminal screen;
    Terminal terminal([&](std::string_view text) { screen.write(text); });
    EXPECT_TRUE(terminal.draw({"one", "two", "three"}, SteadyTime(1s)));
    EXPECT_TRUE(terminal.draw({"four", "5"}, SteadyTime(2s)));
    EXPECT_EQ(screen.lines, (std::vector<std::string>{"four", "5", ""}));
    terminal.print("a message");
    EXPECT_EQ(screen.lines, (std::vector<std::string>{"a message", "four", "5", ""}));
    EXPECT_TRUE(terminal.draw({"six", "7"}, SteadyTime(3s)));
    EXPECT_EQ(screen.lines, (std::vector<std::string>{"a message", "six", "7", ""}));
    EXPECT_TRUE(screen.cursor_hidden);
    terminal.finish();
    EXPECT_EQ(screen.lines, (std::vector<std::string>{"a message", ""}));
    EXPECT_FALSE(screen.cursor_hidden);
    EXPECT_EQ(screen.writes, 5);
}

TEST(FetchF7_3, ten_frames_per_second_at_most_and_none_if_nothing_changed) {
    int frames = 0;
    Terminal terminal([&](std::string_view) { ++frames; });
    for (int ms = 0; ms < 1000; ++ms)
        terminal.draw({std::to_string(ms)}, SteadyTime(std::chrono::milliseconds(ms)));
    EXPECT_EQ(frames, 10);
    EXPECT_FALSE(terminal.draw({"900"}, SteadyTime(2s)));
    EXPECT_FALSE(terminal.draw({"900"}, SteadyTime(3s)));
    EXPECT_TRUE(terminal.draw({"new"}, SteadyTime(3s)));
}

TEST(FetchF7_3, the_cursor_comes_back_when_the_terminal_object_goes) {
    FakeTerminal screen;
    {
        Terminal terminal([&](std::string_view text) { screen.write(text); });
        terminal.draw({"x"}, SteadyTime(1s));
        EXPECT_TRUE(screen.cursor_hidden);
    }
    EXPECT_FALSE(screen.cursor_hidden);
}

}  // namespace
}  // namespace tandem::cli
