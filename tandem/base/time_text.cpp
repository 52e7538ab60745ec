#include <tandem/base/time_text.hpp>

#include <chrono>
#include <cstdio>

namespace tandem::inline v1 {

std::string time_text(Duration time) {
    char text[32];
    const double seconds = std::chrono::duration<double>(time).count();
    if (seconds >= 1)
        std::snprintf(text, sizeof text, "%.1f s", seconds);
    else if (seconds >= 0.001)
        std::snprintf(text, sizeof text, "%.0f ms", seconds * 1e3);
    else
        std::snprintf(text, sizeof text, "%.0f us", seconds * 1e6);
    return text;
}

}  // namespace tandem::inline v1
