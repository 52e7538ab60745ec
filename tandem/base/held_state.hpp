#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

namespace tandem::inline v1 {

/// Text as a template's argument.
template <std::size_t size>
struct FixedText {
    consteval FixedText(const char (&from)[size]) { std::copy_n(from, size, text); }
    char text[size];
};

/// Errors: `InvalidStateError`.
[[noreturn]] void throw_used_after_move(const char* kind);

/// What the copies of a handle share. Whoever uses a handle that was moved from gets an error with the name
/// of its kind, and not a crash.
template <class State, FixedText kind>
class HeldState {
public:
    HeldState(std::shared_ptr<State> state) : state_(std::move(state)) {}

    State* operator->() const { return shared().get(); }
    State& operator*() const { return *shared(); }
    const std::shared_ptr<State>& shared() const {
        if (!state_) [[unlikely]]
            throw_used_after_move(kind.text);
        return state_;
    }
    std::shared_ptr<State> take() && {
        static_cast<void>(shared());
        return std::move(state_);
    }
    explicit operator bool() const noexcept { return state_ != nullptr; }
    bool operator==(const HeldState&) const = default;

private:
    std::shared_ptr<State> state_;
};

}  // namespace tandem::inline v1
