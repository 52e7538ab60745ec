#pragma once

#include <source_location>

namespace tandem::inline v1 {

/// A place in source code: one pointer to constant data, so that keeping one per frame costs eight bytes.
using SourceLocation = std::source_location;

}  // namespace tandem::inline v1
