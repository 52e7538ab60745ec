// Which mutexes a fiber holds: one that it still holds when it waits is held by every task of its thread.
#include <hooks/next_function.hpp>

#include <pthread.h>

namespace tandem::hooks {
namespace {

constinit Next<decltype(::pthread_mutex_lock)> next_lock("pthread_mutex_lock");
constinit Next<decltype(::pthread_mutex_trylock)> next_trylock("pthread_mutex_trylock");
constinit Next<decltype(::pthread_mutex_unlock)> next_unlock("pthread_mutex_unlock");

int noted(int result, pthread_mutex_t* mutex, const void* place) noexcept {
    const auto* const there = table.load(std::memory_order_acquire);
    if (result == 0 && there) there->locked(mutex, place);
    return result;
}

}  // namespace
}  // namespace tandem::hooks

using namespace tandem::hooks;

extern "C" {

[[gnu::visibility("default")]] int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
    return noted(next_lock(mutex), mutex, __builtin_return_address(0));
}
[[gnu::visibility("default")]] int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
    return noted(next_trylock(mutex), mutex, __builtin_return_address(0));
}
[[gnu::visibility("default")]] int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
    const auto* const there = table.load(std::memory_order_acquire);
    if (there) there->unlocked(mutex);
    return next_unlock(mutex);
}

}  // extern "C"
