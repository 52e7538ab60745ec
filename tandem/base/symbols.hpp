#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::inline v1 {

/// A function of the running program.
struct Symbol {
    std::string name;   ///< as it is written in C++; empty if nothing names the address
    std::string image;  ///< the file it was loaded from, without its folder; empty for the program

    /// The name without what it returns and takes: "tandem::v1::Task<int>::get".
    std::string_view qualified() const;
};

/// Of each code address. Functions that are not exported are found in the files' symbol tables, unless these
/// have been stripped. Reads files: not for a loop's thread.
std::vector<Symbol> symbols_of(const std::vector<std::uintptr_t>& addresses);

}  // namespace tandem::inline v1
