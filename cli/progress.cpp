#include <cli/progress.hpp>

#include <cli/json_writer.hpp>
#include <cli/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace tandem::cli {
namespace {

constexpr double half_life_seconds = 10;
constexpr std::chrono::seconds first_eta{5};
constexpr std::size_t lanes_in_json = 20;

std::string totals_of(const ProgressState& state) {
    return state.total ? fmt::format("{}/{}", state.done, *state.total) : std::to_string(state.done);
}

std::string eta_of(const ProgressState& state, const ProgressEstimate& estimate) {
    const auto remaining = estimate.remaining(state);
    return remaining ? whole_seconds(*remaining) : "-";
}

/// Longest wait first, since that is what people ask about.
std::vector<const LaneView*> waiting_lanes(const ProgressState& state) {
    std::vector<const LaneView*> lanes;
    for (const auto& lane : state.lanes) {
        if (!lane.reason.empty()) lanes.push_back(&lane);
    }
    std::sort(lanes.begin(), lanes.end(), [](const LaneView* left, const LaneView* right) {
        const auto left_wait = left->waiting.value_or(std::chrono::milliseconds(0));
        const auto right_wait = right->waiting.value_or(std::chrono::milliseconds(0));
        return left_wait != right_wait ? left_wait > right_wait : left < right;
    });
    return lanes;
}

std::vector<const TransferView*> largest_remaining_first(const ProgressState& state) {
    std::vector<const TransferView*> transfers;
    for (const auto& transfer : state.transfers) transfers.push_back(&transfer);
    const auto remaining = [](const TransferView& transfer) {
        return transfer.size_bytes && *transfer.size_bytes > transfer.done_bytes
                   ? *transfer.size_bytes - transfer.done_bytes
                   : 0;
    };
    std::sort(transfers.begin(), transfers.end(), [&](const TransferView* left, const TransferView* right) {
        if (remaining(*left) != remaining(*right)) return remaining(*left) > remaining(*right);
        // Among equals the slowest is the interesting one.
        return left->age != right->age ? left->age > right->age : left < right;
    });
    return transfers;
}

std::string with_color(std::string_view text, std::string_view code, const Screen& screen) {
    return screen.color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

/// `columns` wide, the part `filled` of it full; eighths where there is UTF-8.
std::string bar(double filled, std::size_t columns, bool utf8) {
    static constexpr std::array<std::string_view, 8> eighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    filled = std::clamp(filled, 0.0, 1.0);
    std::string text;
    if (!utf8) {
        const auto full = static_cast<std::size_t>(filled * static_cast<double>(columns));
        return std::string(full, '#') + std::string(columns - full, '-');
    }
    const auto units = static_cast<std::size_t>(filled * static_cast<double>(columns) * 8);
    for (std::size_t i = 0; i < units / 8; ++i) text += "█";
    std::size_t used = units / 8;
    if (units % 8 != 0) {
        text += eighths[units % 8];
        ++used;
    }
    for (; used < columns; ++used) text += "·";
    return text;
}

/// For a size nobody knows: a mark that goes to and fro with the bytes.
std::string moving_mark(std::uint64_t bytes, std::size_t columns, bool utf8) {
    const std::size_t mark = std::min<std::size_t>(3, columns);
    const auto places = 2 * (columns - mark) + 1;
    auto at = static_cast<std::size_t>(bytes / 16384) % places;
    if (at > columns - mark) at = places - 1 - at;
    std::string text;
    for (std::size_t i = 0; i < columns; ++i) {
        const bool inside = i >= at && i < at + mark;
        text += utf8 ? (inside ? "█" : "·") : (inside ? "#" : "-");
    }
    return text;
}

std::string padded(std::string text, std::size_t columns) {
    const auto width = display_width(text);
    if (width < columns) text.append(columns - width, ' ');
    return text;
}

std::string transfer_line(const TransferView& transfer, const Screen& screen) {
    std::string right;
    if (transfer.size_bytes) {
        const auto done = std::min(transfer.done_bytes, *transfer.size_bytes);  // never above 100 %
        const auto percent =
            *transfer.size_bytes == 0
                ? 100.0
                : std::floor(100.0 * static_cast<double>(done) / static_cast<double>(*transfer.size_bytes));
        right =
            fmt::format("{:>9} {:>3.0f}%", human_bytes(static_cast<double>(*transfer.size_bytes)), percent);
    } else {
        right = fmt::format("{:>9}    ?", human_bytes(static_cast<double>(transfer.done_bytes)));
    }
    right += fmt::format(" {:>7}", human_duration(transfer.age));
    if (transfer.attempt > 1) right += fmt::format(" try {}", transfer.attempt);

    constexpr std::size_t smallest_bar = 8;
    if (screen.columns < right.size() + smallest_bar + 8)
        return shortened(right, screen.columns, screen.utf8);
    const auto left = screen.columns - right.size() - 2;
    const auto bar_columns = std::max(smallest_bar, left / 3);
    const auto name_columns = left - bar_columns - 2;
    const auto name = shortened(escaped_for_terminal(transfer.name), name_columns, screen.utf8);
    const double part =
        transfer.size_bytes && *transfer.size_bytes > 0
            ? static_cast<double>(transfer.done_bytes) / static_cast<double>(*transfer.size_bytes)
            : 1.0;
    const auto picture = transfer.size_bytes ? bar(part, bar_columns, screen.utf8)
                                             : moving_mark(transfer.done_bytes, bar_columns, screen.utf8);
    return fmt::format("  {} {} {}", padded(name, name_columns), with_color(picture, "36", screen), right);
}

std::string lane_line(const LaneView& lane, const Screen& screen) {
    const auto wait =
        lane.waiting
            ? whole_seconds(*lane.waiting).insert(whole_seconds(*lane.waiting).size() - 1, " ") + ": "
            : std::string();
    const auto text =
        fmt::format("  {} {} {}{} ({} queued)", screen.utf8 ? "…" : "~", escaped_for_terminal(lane.lane),
                    wait, escaped_for_terminal(lane.reason), lane.queued);
    return with_color(shortened(text, screen.columns, screen.utf8), "33", screen);
}

std::string head_line(const ProgressState& state, const ProgressEstimate& estimate, const Screen& screen) {
    const auto failed = fmt::format("{} failed", state.failed);
    const auto before = totals_of(state) + " done, ";
    const auto after =
        fmt::format(", {} moving, {}/s, {}, eta {}", state.moving, human_bytes(estimate.bytes_per_second()),
                    human_bytes(static_cast<double>(state.bytes)), eta_of(state, estimate));
    if (display_width(before + failed + after) > screen.columns)
        return shortened(before + failed + after, screen.columns, screen.utf8);
    return before + (state.failed > 0 ? with_color(failed, "31", screen) : failed) + after;
}

}  // namespace

void SmoothedRate::update(std::uint64_t total, SteadyTime now) noexcept {
    if (last_) {
        const auto seconds = std::chrono::duration<double>(now - *last_).count();
        if (seconds <= 0) return;
        const auto kept = std::exp2(-seconds / half_life_seconds);
        const auto growth = total > last_total_ ? static_cast<double>(total - last_total_) : 0.0;
        weighted_growth_ = weighted_growth_ * kept + growth;
        weighted_seconds_ = weighted_seconds_ * kept + seconds;
    }
    last_ = now;
    last_total_ = total;
}

double SmoothedRate::per_second() const noexcept {
    return weighted_seconds_ > 0 ? weighted_growth_ / weighted_seconds_ : 0;
}

void ProgressEstimate::update(const ProgressState& state, SteadyTime now) noexcept {
    bytes_.update(state.bytes, now);
    entries_.update(state.done, now);
}

std::optional<std::chrono::milliseconds> ProgressEstimate::remaining(
    const ProgressState& state) const noexcept {
    if (!state.total || state.elapsed < first_eta) return std::nullopt;
    const auto left = *state.total > state.done ? *state.total - state.done : 0;
    if (left == 0) return std::chrono::milliseconds(0);

    const bool by_bytes = state.remaining_known * 10 >= left * 9;
    const auto speed = by_bytes ? bytes_.per_second() : entries_.per_second();
    const auto work = static_cast<double>(by_bytes ? state.remaining_bytes : left);
    constexpr double longest = 1e12;  // 31 years: nothing moves, so nothing is known
    if (speed <= 0 || work / speed > longest / 1000) return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(1000 * work / speed));
}

std::vector<std::string> render_block(const ProgressState& state, const ProgressEstimate& estimate,
                                      const Screen& screen) {
    std::vector<std::string> lines;
    if (screen.rows == 0 || screen.columns == 0) return lines;
    lines.push_back(head_line(state, estimate, screen));

    // The last row stays free: a line end in it would scroll the block away.
    const auto room = screen.rows > 2 ? screen.rows - 2 : 0;
    const auto waiting = waiting_lanes(state);
    const auto transfers = largest_remaining_first(state);
    const auto lane_room =
        std::min(waiting.size(), std::max(room / 3, room - std::min(room, transfers.size())));
    const auto transfer_room = std::min(transfers.size(), room - lane_room);

    for (std::size_t i = 0; i < transfer_room; ++i) lines.push_back(transfer_line(*transfers[i], screen));
    const bool all_lanes = waiting.size() <= lane_room;
    const auto shown_lanes = all_lanes || lane_room == 0 ? lane_room : lane_room - 1;
    for (std::size_t i = 0; i < shown_lanes; ++i) lines.push_back(lane_line(*waiting[i], screen));
    if (!all_lanes && lane_room > 0) {
        const auto text =
            fmt::format("  {} {} more lanes waiting", screen.utf8 ? "…" : "~", waiting.size() - shown_lanes);
        lines.push_back(with_color(shortened(text, screen.columns, screen.utf8), "33", screen));
    }
    return lines;
}

std::string render_line(const ProgressState& state, const ProgressEstimate& estimate) {
    auto line = fmt::format("fetch: {} done, {} failed, {} moving, {}/s, {}, eta {}", totals_of(state),
                            state.failed, state.moving, human_bytes(estimate.bytes_per_second()),
                            human_bytes(static_cast<double>(state.bytes)), eta_of(state, estimate));
    const auto waiting = waiting_lanes(state);
    if (waiting.empty()) return line;

    const auto& lane = *waiting.front();
    line += ", waiting " + escaped_for_terminal(lane.lane);
    if (lane.waiting) line += " " + whole_seconds(*lane.waiting);
    line += " " + escaped_for_terminal(lane.reason);
    if (waiting.size() > 1) line += fmt::format(" and {} more", waiting.size() - 1);
    return line;
}

std::string render_json(const ProgressState& state, const ProgressEstimate& estimate) {
    std::string text;
    JsonWriter json(text);
    json.begin_object();
    json.key("t").fixed3(static_cast<double>(state.elapsed.count()) / 1000);
    json.key("done").number(state.done);
    json.key("failed").number(state.failed);
    json.key("skipped").number(state.skipped);
    json.key("total");
    state.total ? json.number(*state.total) : json.null();
    json.key("moving").number(state.moving);
    json.key("queued").number(state.queued);
    json.key("bytes").number(state.bytes);
    json.key("rate").number(static_cast<std::uint64_t>(estimate.bytes_per_second()));
    json.key("eta");
    const auto remaining = estimate.remaining(state);
    remaining ? json.fixed3(static_cast<double>(remaining->count()) / 1000) : json.null();

    std::vector<const LaneView*> lanes;
    for (const auto& lane : state.lanes) lanes.push_back(&lane);
    std::sort(lanes.begin(), lanes.end(), [](const LaneView* left, const LaneView* right) {
        const auto left_load = left->moving + left->queued;
        const auto right_load = right->moving + right->queued;
        return left_load != right_load ? left_load > right_load : left < right;
    });
    if (lanes.size() > lanes_in_json) lanes.resize(lanes_in_json);
    json.key("lanes").begin_array();
    for (const auto* lane : lanes) {
        json.begin_object();
        json.key("lane").string(lane->lane);
        json.key("moving").number(lane->moving);
        json.key("queued").number(lane->queued);
        if (lane->waiting) json.key("waiting_ms").number(lane->waiting->count());
        if (!lane->reason.empty()) json.key("reason").string(lane->reason);
        json.end_object();
    }
    json.end_array();
    json.end_object();
    return text;
}

}  // namespace tandem::cli
