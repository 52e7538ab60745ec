#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

template <class Signature>
class UniqueFunction;

/// A callable of one signature that is moved, never copied; small ones need no allocation.
template <class R, class... Args>
class UniqueFunction<R(Args...)> {
    static constexpr std::size_t room = 4 * sizeof(void*);

    template <class F>
    static constexpr bool fits = sizeof(F) <= room && alignof(F) <= alignof(std::max_align_t) &&
                                 std::is_nothrow_move_constructible_v<F>;

    struct Operations {
        R (*call)(void*, Args...);
        void (*move)(void* from, void* to) noexcept;  // null: not movable inline, the pointer is copied
        void (*destroy)(void*) noexcept;
    };

    template <class F>
    static F& target(void* storage) {
        if constexpr (fits<F>)
            return *std::launder(static_cast<F*>(storage));
        else
            return **static_cast<F**>(storage);
    }

    template <class F>
    static constexpr Operations operations = {[](void* storage, Args... args) -> R {
                                                  return std::invoke(target<F>(storage),
                                                                     std::forward<Args>(args)...);
                                              },
                                              [](void* from, void* to) noexcept {
                                                  if constexpr (fits<F>) {
                                                      ::new (to) F(std::move(target<F>(from)));
                                                      target<F>(from).~F();
                                                  } else {
                                                      ::new (to) F*(*static_cast<F**>(from));
                                                  }
                                              },
                                              [](void* storage) noexcept {
                                                  if constexpr (fits<F>)
                                                      target<F>(storage).~F();
                                                  else
                                                      delete *static_cast<F**>(storage);
                                              }};

public:
    UniqueFunction() = default;
    UniqueFunction(std::nullptr_t) {}
    template <class F>
        requires(!std::is_same_v<std::decay_t<F>, UniqueFunction> &&
                 std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
    UniqueFunction(F&& f) : operations_(&operations<std::decay_t<F>>) {
        using Decayed = std::decay_t<F>;
        if constexpr (fits<Decayed>)
            ::new (static_cast<void*>(storage_)) Decayed(std::forward<F>(f));
        else
            ::new (static_cast<void*>(storage_)) Decayed*(new Decayed(std::forward<F>(f)));
    }
    UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
    UniqueFunction& operator=(UniqueFunction&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~UniqueFunction() { reset(); }

    explicit operator bool() const noexcept { return operations_ != nullptr; }
    R operator()(Args... args) { return operations_->call(storage_, std::forward<Args>(args)...); }
    void reset() noexcept {
        if (auto* old = std::exchange(operations_, nullptr)) old->destroy(storage_);
    }

private:
    void take(UniqueFunction& other) noexcept {
        operations_ = std::exchange(other.operations_, nullptr);
        if (operations_) operations_->move(other.storage_, storage_);
    }

    const Operations* operations_ = nullptr;
    alignas(std::max_align_t) std::byte storage_[room];
};

}  // namespace tandem::inline v1
