#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tandem::cli {

using SteadyTime = std::chrono::steady_clock::time_point;

/// One body that is moving.
struct TransferView {
    std::string name;  ///< URL or file, as received: rendering escapes it
    std::uint64_t done_bytes = 0;
    std::optional<std::uint64_t> size_bytes;
    std::chrono::milliseconds age{0};
    unsigned attempt = 1;
};

/// One origin, and what it waits for.
struct LaneView {
    std::string lane;
    std::uint64_t moving = 0;
    std::uint64_t queued = 0;
    std::optional<std::chrono::milliseconds> waiting;  ///< how long still
    std::string reason;  ///< `Retry-After (429)`, `rate 5/s`, `breaker`, `paused`
};

/// All a display may show, as plain values. Times are told, never asked for.
struct ProgressState {
    std::uint64_t done = 0;  ///< with an outcome, whatever it is
    std::uint64_t failed = 0;
    std::uint64_t skipped = 0;
    std::uint64_t moving = 0;
    std::uint64_t queued = 0;
    std::optional<std::uint64_t> total;  ///< absent while input is open
    std::uint64_t bytes = 0;             ///< body bytes received in all
    std::uint64_t remaining_known = 0;   ///< how many of those to come have known sizes
    std::uint64_t remaining_bytes = 0;   ///< what these still have to bring
    std::chrono::milliseconds elapsed{0};
    std::vector<TransferView> transfers;
    std::vector<LaneView> lanes;
};

/// How fast something grows, with a half-life of 10 s: what was 10 s ago counts half.
class SmoothedRate {
public:
    void update(std::uint64_t total, SteadyTime now) noexcept;
    [[nodiscard]] double per_second() const noexcept;

private:
    std::optional<SteadyTime> last_;
    std::uint64_t last_total_ = 0;
    double weighted_growth_ = 0;
    double weighted_seconds_ = 0;
};

/// Rates of a run, and when it will end (F7.6).
class ProgressEstimate {
public:
    void update(const ProgressState& state, SteadyTime now) noexcept;

    [[nodiscard]] double bytes_per_second() const noexcept { return bytes_.per_second(); }
    /// From bytes if 90 % of what remains has known sizes, else from counts; nothing before the 5th second
    /// and while input is open.
    [[nodiscard]] std::optional<std::chrono::milliseconds> remaining(
        const ProgressState& state) const noexcept;

private:
    SmoothedRate bytes_;
    SmoothedRate entries_;
};

struct Screen {
    std::size_t columns = 80;
    std::size_t rows = 24;
    bool utf8 = true;
    bool color = false;
};

/// The block of a terminal, line by line, never more lines than the screen has, none wider (F7.2).
[[nodiscard]] std::vector<std::string> render_block(const ProgressState& state,
                                                    const ProgressEstimate& estimate, const Screen& screen);

/// `fetch: 1204/5000 done, 3 failed, 18 moving, 42.1 MB/s, 12.4 GB, eta 190s, waiting api.example 12s
/// Retry-After`, without escapes or line end (F7.4).
[[nodiscard]] std::string render_line(const ProgressState& state, const ProgressEstimate& estimate);

/// One object of F7.5, without line end. At most 20 lanes, the busiest.
[[nodiscard]] std::string render_json(const ProgressState& state, const ProgressEstimate& estimate);

}  // namespace tandem::cli
