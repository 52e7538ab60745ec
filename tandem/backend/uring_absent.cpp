#include <tandem/backend/factories.hpp>

namespace tandem::inline v1 {

// Stands in for uring.cpp where liburing is missing.
MadeBackend make_uring_backend(const UringOptions&) {
    return {.backend = nullptr,
            .reason = "io_uring: tandem was built without liburing (apt-get install liburing-dev)"};
}

}  // namespace tandem::inline v1
