#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/base/time.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tandem::inline v1 {

/// One place of plain code that calls coroutines, and what that has cost so far.
struct BridgeSite {
    const char* verb;  ///< "get()"
    SourceLocation where;
    std::uint64_t calls = 0;
    Duration blocked{};  ///< in all; a call whose result was there at once adds nothing
    Duration longest{};
    /// The functions on the stack from the one with the call to the thread's first, when it was called for
    /// the first time: none of them had to become a coroutine.
    std::size_t functions_above = 0;

    /// `get() at window.cpp:33: 1204 calls, 3.1 s blocked, longest 42 ms; 14 functions above it stay plain`
    std::string text() const;
};

/// Every `get()`, `wait()` and the like that plain code of this process has waited in, by its place; where
/// most time was spent first. Waits for what was done already are not counted where that was known without
/// waiting.
///
/// Threads     any. Calls that are under way are counted with what they have taken when they end.
std::vector<BridgeSite> bridge_report();
/// The same, a line for each.
std::string bridge_report_text();

}  // namespace tandem::inline v1
