#include <tandem/backend/backend.hpp>

#include <tandem/backend/factories.hpp>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace tandem::inline v1 {
namespace {

BackendChoice choice_from_environment() {
    const char* const text = std::getenv("TANDEM_BACKEND");
    const std::string_view wanted = text == nullptr ? "" : text;
    if (wanted.empty() || wanted == "auto") return BackendChoice::automatic;
    if (wanted == "uring") return BackendChoice::uring;
    if (wanted == "epoll") return BackendChoice::epoll;
    throw BackendUnavailable("TANDEM_BACKEND is '" + std::string(wanted) +
                             "', known are uring, epoll and auto");
}

}  // namespace

// The only place that knows which backends exist. The environment is read before any probe: some sandboxes
// kill a process for the system call itself (termux-packages#16734), and with `epoll` no io_uring call is
// ever made.
ChosenBackend choose_backend(BackendChoice choice) {
    if (choice == BackendChoice::automatic) choice = choice_from_environment();
    if (choice == BackendChoice::epoll) return {.backend = make_epoll_backend(), .fallback_reason = {}};

    auto uring = make_uring_backend();
    if (uring.backend) return {.backend = std::move(uring.backend), .fallback_reason = {}};
    if (choice == BackendChoice::uring) {
        throw BackendUnavailable(uring.reason + "; TANDEM_BACKEND=epoll or auto does without it");
    }
    return {.backend = make_epoll_backend(), .fallback_reason = std::move(uring.reason)};
}

}  // namespace tandem::inline v1
