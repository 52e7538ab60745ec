#include <tandem/testing/backends.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>

#include <cstdlib>

namespace tandem::inline v1::testing {

std::string_view name_of(BackendChoice backend) {
    switch (backend) {
        case BackendChoice::uring:
            return "uring";
        case BackendChoice::sim:
            return "sim";
        default:
            return "epoll";
    }
}

bool wanted(BackendChoice backend) {
    const char* const variable = std::getenv("TANDEM_BACKEND");
    const std::string_view only = variable ? variable : "";
    return only.empty() || only == "auto" || only == name_of(backend);
}

std::vector<BackendChoice> backends() {
    std::vector<BackendChoice> found;
    for (const auto backend : {BackendChoice::uring, BackendChoice::epoll, BackendChoice::sim}) {
        if (!wanted(backend)) continue;
        try {
            const EventLoop loop({.backend = backend});
            found.push_back(backend);
        } catch (const BackendUnavailable&) {
            continue;  // and an ASYNC_TEST says so
        }
    }
    return found;
}

}  // namespace tandem::inline v1::testing
