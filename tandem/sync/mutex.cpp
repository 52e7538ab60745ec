#include <tandem/sync/mutex.hpp>

#include <tandem/base/errors.hpp>

#include <string>

namespace tandem::inline v1 {

bool Mutex::try_lock(SourceLocation where) {
    check_here(where);
    if (locked_) return false;
    locked_ = true;
    const TaskNode* const task = current_task_node();
    holder_ = {task ? task->id() : 0, where};
    return true;
}

void Mutex::unlock(SourceLocation where) {
    check_here(where);
    if (!locked_)
        throw InvalidStateError(std::string("unlock() of a Mutex that is not locked, at ") +
                                where.file_name() + ":" + std::to_string(where.line()) +
                                ": lock() it first, and let its guard or unlock() give it back, not both");
    pass_on();
}

void Mutex::give_back() noexcept {
    const auto later = [](void* mutex) noexcept { static_cast<Mutex*>(mutex)->pass_on(); };
    if (here_or_post(later, this)) pass_on();
}

}  // namespace tandem::inline v1
