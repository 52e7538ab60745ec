#include <tandem/io/readiness.hpp>

#include <string>
#include <system_error>

namespace tandem::inline v1::io {

void ReadinessWait::await_resume() {
    const int result = OperationWait::await_resume();
    if (result < 0) {
        throw std::system_error(
            -result, std::generic_category(),
            std::string("wait until descriptor ") + std::to_string(fd()) + " is " + waiting_for());
    }
}

}  // namespace tandem::inline v1::io
