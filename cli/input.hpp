#pragma once

#include <cli/entry.hpp>
#include <cli/options.hpp>
#include <cli/report.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace tandem::cli {

/// Cuts bytes that come in pieces into lines of a limited size. A byte order mark is dropped, `\r\n` ends a
/// line as `\n` does, the last line may lack both.
class LineSplitter {
public:
    explicit LineSplitter(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

    struct Line {
        std::string text;  ///< of a line that is too long: its beginning
        bool too_long = false;
        std::uint64_t number = 0;
    };

    void feed(std::string_view bytes);
    void finish();
    [[nodiscard]] std::optional<Line> next();
    void set_max_line_bytes(std::size_t max_line_bytes) noexcept { max_line_bytes_ = max_line_bytes; }

    /// Bytes that wait for their line's end, or in lines not taken yet.
    [[nodiscard]] std::size_t held_bytes() const noexcept { return waiting_.size() - taken_; }

private:
    void drop_mark();

    std::size_t max_line_bytes_;
    std::string waiting_;
    std::size_t taken_ = 0;     // of waiting_: already handed out
    std::size_t searched_ = 0;  // of waiting_: known to hold no line end
    std::uint64_t number_ = 0;
    bool at_start_ = true;
    bool ended_ = false;
    bool skipping_ = false;  // the rest of a line that was too long
};

/// Makes entries out of one list, whose bytes the caller brings as they come: feed, take entries until
/// there are none, feed again. What is not taken is not asked for, so a pipe is read only as fast as
/// entries are used (F5.1).
///
///     while (auto bytes = co_await file.read())
///         for (input.feed(*bytes); auto entry = input.next();)
///             co_await queue.put(std::move(*entry));
///
/// Lines are data (F5.5): neither options nor globs. A line that is too long or no URL is an entry with a
/// problem, not the end. A report is read to its end before its first entry comes out.
///
/// Errors      none: they are problems of entries.
/// Threads     one at a time.
/// Lifetime    keeps at most what was fed last and one line; of a report, what failed.
class InputReader {
public:
    static constexpr std::size_t max_url_line_bytes = 64 * 1024;
    static constexpr std::size_t max_report_line_bytes = 4 * 1024 * 1024;

    /// `name` is for messages. `automatic` looks at the first line: a JSON object begins a report.
    InputReader(InputFormat format, std::string name);

    void feed(std::string_view bytes) { lines_.feed(bytes); }
    /// No more bytes will come.
    void finish();
    [[nodiscard]] std::optional<Entry> next();

    /// Of a report: lines that were no records.
    [[nodiscard]] std::uint64_t unreadable_lines() const noexcept { return failed_.unreadable_lines(); }

private:
    std::optional<Entry> entry_of(LineSplitter::Line& line);

    InputFormat format_;
    std::string name_;
    LineSplitter lines_;
    FailedEntries failed_;
    bool ended_ = false;
};

/// Numbers the entries of all inputs, and says which are to be fetched: `--skip`, `--limit`, `--dedupe`.
class Intake {
public:
    enum class Verdict { take, before_skip, over_limit, duplicate };

    explicit Intake(const FetchOptions& options)
        : skip_(options.skip), limit_(options.limit), dedupe_(options.dedupe) {}

    /// The position of the entry that comes now, from 1 (R3).
    [[nodiscard]] std::uint64_t count_one() noexcept { return ++seen_; }

    /// What to do with it. `id` is absent for entries that are no URL: these are never duplicates.
    [[nodiscard]] Verdict judge(std::uint64_t position, const std::optional<EntryId>& id);

    /// Whether nothing that could still come would be taken.
    [[nodiscard]] bool is_full() const noexcept {
        return limit_ && seen_ >= skip_ && seen_ - skip_ >= *limit_;
    }

private:
    std::uint64_t skip_;
    std::optional<std::uint64_t> limit_;
    bool dedupe_;
    std::uint64_t seen_ = 0;
    std::unordered_set<EntryId> ids_;
};

}  // namespace tandem::cli
