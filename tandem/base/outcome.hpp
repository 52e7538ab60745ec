#pragma once

#include <tandem/base/errors.hpp>

#include <exception>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace tandem::inline v1 {

/// What an error was, as a value: `code()` for system errors, `what()` for all, `exception()` to rethrow it.
class Error {
public:
    explicit Error(std::exception_ptr exception) : exception_(std::move(exception)) {}

    const std::exception_ptr& exception() const noexcept { return exception_; }
    /// The code of a `std::system_error`; an empty code for every other type.
    std::error_code code() const;
    std::string what() const;
    template <class E>
    bool is() const {
        try {
            std::rethrow_exception(exception_);
        } catch (const E&) {
            return true;
        } catch (...) {
            return false;
        }
    }

private:
    std::exception_ptr exception_;
};

/// The end of a piece of work, exactly one of: a value, an error, cancelled by somebody else.
///
/// Errors      `value()` rethrows the error, or throws `TaskCancelled`.
/// Threads     a plain value.
template <class T>
class Outcome {
public:
    using value_type = T;
    using Stored =
        std::conditional_t<std::is_void_v<T>, std::monostate,
                           std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

    template <class... Args>
        requires std::is_constructible_v<Stored, Args...>
    explicit Outcome(std::in_place_t, Args&&... args)
        : state_(std::in_place_index<0>, std::forward<Args>(args)...) {}
    explicit Outcome(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
    explicit Outcome(TaskCancelled cancelled) : state_(std::in_place_index<2>, std::move(cancelled)) {}

    bool has_value() const noexcept { return state_.index() == 0; }
    bool has_error() const noexcept { return state_.index() == 1; }
    bool cancelled() const noexcept { return state_.index() == 2; }
    explicit operator bool() const noexcept { return has_value(); }

    decltype(auto) value() & { return get(*this); }
    decltype(auto) value() const& { return get(*this); }
    T value() && {
        check();
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*std::get<0>(state_));
        else if constexpr (!std::is_void_v<T>)
            return std::get<0>(std::move(state_));
    }

    /// Precondition: `has_error()`.
    const Error& error() const { return std::get<1>(state_); }
    /// The error, or `TaskCancelled`; null for a value.
    std::exception_ptr exception() const {
        if (has_error()) return error().exception();
        if (cancelled()) return std::make_exception_ptr(std::get<2>(state_));
        return nullptr;
    }

private:
    void check() const {
        if (has_error()) std::rethrow_exception(error().exception());
        if (cancelled()) throw std::get<2>(state_);
    }
    template <class Self>
    static decltype(auto) get(Self& self) {
        self.check();
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*std::get<0>(self.state_));
        else if constexpr (!std::is_void_v<T>)
            return (std::get<0>(self.state_));
    }

    std::variant<Stored, Error, TaskCancelled> state_;
};

}  // namespace tandem::inline v1
