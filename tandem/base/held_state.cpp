#include <tandem/base/held_state.hpp>

#include <tandem/base/errors.hpp>

#include <string>

namespace tandem::inline v1 {

void throw_used_after_move(const char* kind) {
    throw InvalidStateError(std::string("a ") + kind +
                            " was used that was moved from: use what it was moved to, or copy it instead");
}

}  // namespace tandem::inline v1
