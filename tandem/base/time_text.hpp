#pragma once

#include <tandem/base/time.hpp>

#include <string>

namespace tandem::inline v1 {

/// For people: "1.5 s", "120 ms", "40 us".
std::string time_text(Duration time);

}  // namespace tandem::inline v1
