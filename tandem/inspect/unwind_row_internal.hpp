#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace tandem::inline v1::inspect {

/// How to get from a function's frame to its caller's, at one place of the function's code: a row of the
/// table that DWARF's call frame instructions describe. For x86-64.
struct UnwindRow {
    static constexpr std::size_t registers = 17;  // the last is the return address
    static constexpr std::size_t return_address = 16;
    static constexpr std::size_t rbp = 6;
    static constexpr std::size_t rsp = 7;
    enum class Saved : std::uint8_t { not_at_all, undefined, at_offset, otherwise };
    struct Rule {
        Saved saved = Saved::not_at_all;
        std::int64_t offset = 0;  // from the frame's end
    };

    std::size_t base = rsp;     // the frame ends at this register's value
    std::int64_t distance = 8;  // plus this
    bool computed = false;      // by an expression, which is not followed
    std::array<Rule, registers> rules{};
    std::uintptr_t function = 0;  // its first instruction
};

/// Nothing if no table speaks of this address.
std::optional<UnwindRow> unwind_row_at(std::uintptr_t pc);

}  // namespace tandem::inline v1::inspect
