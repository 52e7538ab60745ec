#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/base/unique_function.hpp>

#include <functional>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace tandem::inline v1 {

[[noreturn]] void throw_null_callable();

/// What may be kept for the call of a callback.
template <class Arg>
concept BoundArgument = !std::is_same_v<std::remove_cvref_t<Arg>, SourceLocation>;

/// A callback as it was handed to a loop: the callable with its arguments, and where that was. For the
/// library.
struct LoopCallback {
    /// Keeps `fn` and `args` by value. Errors: `std::invalid_argument` for a null callable.
    template <class F, class... Args>
    explicit LoopCallback(SourceLocation where, F&& fn, Args&&... args)
        : type(&typeid(std::decay_t<F>)), made_at(where) {
        // A function, unlike a pointer to one, is there.
        if constexpr (!std::is_function_v<std::remove_reference_t<F>> && requires { fn == nullptr; }) {
            if (fn == nullptr) throw_null_callable();
        }
        if constexpr (sizeof...(Args) == 0) {
            call = UniqueFunction<void()>(
                [kept = std::decay_t<F>(std::forward<F>(fn))]() mutable { std::invoke(kept); });
        } else {
            call = UniqueFunction<void()>(
                [kept = std::decay_t<F>(std::forward<F>(fn)),
                 bound = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)]() mutable {
                    std::apply(std::move(kept), std::move(bound));
                });
        }
    }

    UniqueFunction<void()> call;
    const std::type_info* type;  // of the callable
    SourceLocation made_at;      // line 0 if it came with arguments
};

}  // namespace tandem::inline v1
