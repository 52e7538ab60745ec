#pragma once

#include <cli/record.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::cli {

/// What stands at the end of a run (F1.4): counts by outcome, failures grouped by code and lane, and the
/// line to type next. Memory is bounded: 1,000 groups, then "others".
///
/// Errors      none.
/// Threads     one at a time.
/// Lifetime    keeps no records, only one sample URL per group.
class Summary {
public:
    static constexpr std::size_t max_groups = 1000;
    static constexpr std::size_t shown_groups = 10;

    void add(const Record& record, std::string_view lane);

    struct Context {
        std::chrono::milliseconds elapsed{0};
        std::optional<std::string> report;  ///< its path, if there is one that can be read back
        bool color = false;
    };
    /// Lines with their ends, safe for a terminal.
    [[nodiscard]] std::string text(const Context& context) const;

    [[nodiscard]] std::uint64_t count(Outcome outcome) const noexcept {
        return counts_[static_cast<std::size_t>(outcome)];
    }
    [[nodiscard]] int exit_code() const noexcept { return exit_code_.value(); }

private:
    struct Group {
        std::uint64_t count = 0;
        std::string sample_url;
        std::string sample_message;
    };
    using Key = std::pair<std::string, std::string>;  // what happened, where

    [[nodiscard]] std::vector<std::pair<Key, Group>> largest_groups() const;

    std::uint64_t counts_[4] = {};
    std::uint64_t bytes_ = 0;
    std::map<Key, Group> groups_;
    Group others_;
    ExitCode exit_code_;
};

}  // namespace tandem::cli
