#include <tandem/testing/bars.hpp>

#include <cstdlib>
#include <string_view>

namespace tandem::inline v1::testing {

long bar(long usual, long full) {
    const char* const wanted = std::getenv("TANDEM_BARS");
    if (!wanted || *wanted == '\0') return usual;
    return wanted == std::string_view("full") ? full : std::strtol(wanted, nullptr, 10);
}

}  // namespace tandem::inline v1::testing
