#pragma once

#include <tandem/bridge/hook_table.hpp>

#include <dlfcn.h>

#include <atomic>

namespace tandem::hooks {

/// The function of this name that would have been called without us: the C library's.
template <class Function>
class Next {
public:
    explicit constexpr Next(const char* name) : name_(name) {}
    template <class... Args>
    auto operator()(Args... args) {
        Function* function = function_.load(std::memory_order_relaxed);
        if (!function) {
            function = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name_));
            function_.store(function, std::memory_order_relaxed);
        }
        return function(args...);
    }

private:
    const char* name_;
    std::atomic<Function*> function_ = nullptr;
};

/// tandem's side; null until a fiber asks for hooks.
extern std::atomic<const HookTable*> table;

/// The table if the caller runs on a fiber with hooks.
inline const HookTable* hooked() noexcept {
    const HookTable* const there = table.load(std::memory_order_acquire);
    return there && there->hooked() ? there : nullptr;
}

}  // namespace tandem::hooks
