#pragma once

#include <cli/entry.hpp>
#include <cli/sha256.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tandem::cli {

/// Appends records to a file, stdout (`-`) or a descriptor (`fd:3`): one `write()` each, so that lines of
/// two processes never mix and a reader never sees half a line.
///
/// Errors      `FetchError` (`file_write`, `disk_full`) naming the path.
/// Threads     one at a time.
/// Lifetime    closes what it opened.
class ReportWriter {
public:
    explicit ReportWriter(const std::string& target);
    ReportWriter(const ReportWriter&) = delete;
    ReportWriter& operator=(const ReportWriter&) = delete;
    ~ReportWriter();

    /// `line` ends in `\n`.
    void write(std::string_view line);

private:
    std::string target_;
    int descriptor_ = -1;
    bool owned_ = false;
};

/// Reads a report and keeps what `--retry-failed` wants: entries whose last record is failed or cancelled
/// (F1.5), in the order of their first appearance. Memory grows with the failures only.
///
/// Errors      none: a line that is no record (cut off by a kill, or of a format to come) is counted.
/// Threads     one at a time.
/// Lifetime    owns what it keeps.
class FailedEntries {
public:
    void add_line(std::string_view line);

    /// Once all lines were added: the next entry, until there are none.
    [[nodiscard]] std::optional<Entry> take();

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
    [[nodiscard]] std::uint64_t unreadable_lines() const noexcept { return unreadable_; }

private:
    std::map<std::uint64_t, Entry> entries_;  // by order of appearance
    std::unordered_map<EntryId, std::uint64_t> positions_;
    std::uint64_t records_ = 0;
    std::uint64_t unreadable_ = 0;
    std::uint64_t next_position_ = 0;
};

}  // namespace tandem::cli
