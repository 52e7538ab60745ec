#pragma once

#include <type_traits>

namespace tandem::inline v1 {

/// What keeps a result of type R between two stacks.
template <class R>
using KeptResult = std::conditional_t<
    std::is_void_v<R>, bool,
    std::conditional_t<std::is_reference_v<R>, std::remove_reference_t<R>*, std::remove_cv_t<R>>>;

}  // namespace tandem::inline v1
