#include <tandem/backend/backend.hpp>

#include <tandem/backend/factories.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace tandem::inline v1 {
namespace {

// Who chose it in code knows; who meets it in the environment may not.
void say_that_it_is_simulated() {
    static std::atomic<bool> said = false;
    if (!said.exchange(true))
        std::fputs("tandem: TANDEM_BACKEND=sim: time and network are simulated\n", stderr);
}

BackendChoice choice_from_environment() {
    const char* const text = std::getenv("TANDEM_BACKEND");
    const std::string_view wanted = text == nullptr ? "" : text;
    if (wanted.empty() || wanted == "auto") return BackendChoice::automatic;
    if (wanted == "uring") return BackendChoice::uring;
    if (wanted == "epoll") return BackendChoice::epoll;
    if (wanted == "sim") {
        say_that_it_is_simulated();
        return BackendChoice::sim;
    }
    throw BackendUnavailable("TANDEM_BACKEND is '" + std::string(wanted) +
                             "', known are uring, epoll, sim and auto");
}

}  // namespace

// The only place that knows which backends exist. The environment is read before any probe: some sandboxes
// kill a process for the system call itself (termux-packages#16734), and with `epoll` no io_uring call is
// ever made.
ChosenBackend choose_backend(BackendChoice choice, SimHost* host) {
    if (host != nullptr) return {.backend = make_sim_backend(host), .fallback_reason = {}};
    if (choice == BackendChoice::automatic) choice = choice_from_environment();
    if (choice == BackendChoice::sim) return {.backend = make_sim_backend(), .fallback_reason = {}};
    if (choice == BackendChoice::epoll) return {.backend = make_epoll_backend(), .fallback_reason = {}};

    auto uring = make_uring_backend();
    if (uring.backend) return {.backend = std::move(uring.backend), .fallback_reason = {}};
    if (choice == BackendChoice::uring) {
        throw BackendUnavailable(uring.reason + "; TANDEM_BACKEND=epoll or auto does without it");
    }
    return {.backend = make_epoll_backend(), .fallback_reason = std::move(uring.reason)};
}

}  // namespace tandem::inline v1
