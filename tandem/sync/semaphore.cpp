#include <tandem/sync/semaphore.hpp>

#include <tandem/base/errors.hpp>

#include <stdexcept>
#include <string>

namespace tandem::inline v1 {

void Semaphore::throw_over_released(std::size_t count, const SourceLocation& where) const {
    throw InvalidStateError(std::string("release(") + std::to_string(count) + ") of a " + kind() + " at " +
                            where.file_name() + ":" + std::to_string(where.line()) + ": only " +
                            std::to_string(bound_ - value_) + " of its " + std::to_string(bound_) +
                            " permits are taken; release what was acquired, once");
}

void Semaphore::throw_never_free(std::size_t count, const SourceLocation& where) const {
    throw std::invalid_argument(std::string("acquire(") + std::to_string(count) + ") of a " + kind() +
                                " at " + where.file_name() + ":" + std::to_string(where.line()) +
                                ": it never has more than " + std::to_string(bound_) +
                                " permits; ask for fewer, or make it with more");
}

void Semaphore::give_back(std::size_t count) noexcept {
    // Rarely on another thread; a post for each permit needs no memory of ours.
    const auto one = [](void* semaphore) noexcept { static_cast<Semaphore*>(semaphore)->add(1); };
    for (std::size_t given = 0; given < count; ++given) {
        if (!here_or_post(one, this)) continue;
        add(count - given);
        return;
    }
}

}  // namespace tandem::inline v1
