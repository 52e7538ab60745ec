#include <tandem/net/connect.hpp>

#include <tandem/backend/sockets.hpp>
#include <tandem/base/unique_fd.hpp>
#include <tandem/io/wait_list.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/net/address_internal.hpp>
#include <tandem/net/hosts_file_internal.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/task_group.hpp>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <stdexcept>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace tandem::inline v1::net {
namespace {

std::string target(const std::string& host, std::uint16_t port) {
    if (host.starts_with("unix:")) return host;
    const bool bare_v6 = host.find(':') != std::string::npos && !host.starts_with('[');
    return (bare_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

/// These say something about us or the way there, not about the server: a reason of the other kind tells
/// more.
bool is_about_the_way(const std::error_code& error) {
    return error == std::errc::network_unreachable || error == std::errc::host_unreachable ||
           error == std::errc::address_not_available || error == std::errc::address_family_not_supported;
}

std::error_code most_telling(const std::vector<ConnectAttempt>& attempts) {
    for (const auto& attempt : attempts) {
        if (attempt.error && !is_about_the_way(attempt.error)) return attempt.error;
    }
    return attempts.empty() ? std::make_error_code(std::errc::address_not_available) : attempts.front().error;
}

std::string reason_text(const std::error_code& error) {
    if (error == std::errc::connection_refused) return "connection refused by ";
    if (error == std::errc::timed_out) return "no answer in time from ";
    if (error == std::errc::network_unreachable) return "no network to ";
    if (error == std::errc::host_unreachable) return "no route to ";
    if (error == std::errc::operation_not_permitted) return "not allowed to contact ";
    auto text = error.message();
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text + " for ";
}

/// "connection refused by A and B; no route to C"
std::string all_reasons(const std::vector<ConnectAttempt>& attempts) {
    std::string text;
    std::vector<std::error_code> told;
    for (const auto& attempt : attempts) {
        if (std::ranges::find(told, attempt.error) != told.end()) continue;
        told.push_back(attempt.error);
        std::vector<std::string> places;
        for (const auto& other : attempts) {
            if (other.error == attempt.error) places.push_back(other.address.to_string());
        }
        text += (text.empty() ? "" : "; ") + reason_text(attempt.error);
        for (std::size_t i = 0; i < places.size(); ++i)
            text += (i == 0 ? "" : i + 1 == places.size() ? " and " : ", ") + places[i];
    }
    return text.empty() ? "there is no address to try" : text;
}

/// A descriptor that this loop may know: it is forgotten before it is closed.
class LoopFd {
public:
    LoopFd() = default;
    explicit LoopFd(UniqueFd fd) : loop_(&this_loop()), fd_(std::move(fd)) {}
    LoopFd(LoopFd&&) noexcept = default;
    LoopFd& operator=(LoopFd other) noexcept {
        std::swap(loop_, other.loop_);
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~LoopFd() {
        if (fd_) loop_->backend().forget(fd_.get());
    }
    int get() const { return fd_.get(); }
    explicit operator bool() const { return static_cast<bool>(fd_); }
    UniqueFd release() { return std::move(fd_); }

private:
    EventLoop* loop_ = nullptr;
    UniqueFd fd_;
};

/// Errors: `std::system_error`.
LoopFd open_socket(const SocketAddress& address, int family, const ConnectOptions& options) {
    const auto check = [](int result) {
        if (result < 0) throw std::system_error(-result, std::generic_category());
    };
    const int opened = this_loop().backend().open_socket(family, SOCK_STREAM);
    check(opened);
    LoopFd socket{UniqueFd(opened)};
    auto& calls = sockets_of(opened);
    const int on = 1;
    const bool is_ip = address.family() != AddressFamily::local;
    if (is_ip && options.no_delay())
        check(calls.set_option(opened, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    if (const auto& from = options.local_address()) {
        const RawAddress raw = to_raw(from);
        // Else each connection would take a port of its own, whoever it goes to.
        if (is_ip && from.port() == 0)
            calls.set_option(opened, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        check(calls.bind(opened, raw.data(), raw.size));
    }
    if (options.socket_hook()) options.socket_hook()(socket.get());
    return socket;
}

/// 0 and a connected socket in `to`, or an errno.
Task<int> try_address(SocketAddress address, const ConnectOptions* options, LoopFd* to) {
    RawAddress raw = to_raw(address);
    LoopFd socket;
    if (options->address_guard() && !options->address_guard()(address)) co_return EPERM;
    try {
        socket = open_socket(address, raw.family(), *options);
    } catch (const std::system_error& error) {
        co_return error.code().value();
    }
    const std::int32_t result = co_await OperationWait(OpCode::connect, socket.get(), raw.data(), raw.size);
    if (result < 0) co_return -result;
    *to = std::move(socket);
    co_return 0;
}

std::error_code to_code(int error) { return {error, std::generic_category()}; }

/// Several addresses, one socket. Lives in the frame of `race()`; the attempts are its children.
struct Race {
    explicit Race(const ConnectOptions& how) : options(&how) {}

    const ConnectOptions* options;
    std::deque<SocketAddress> left;
    std::vector<ConnectAttempt> attempts;  // an empty error: under way
    std::size_t running = 0;
    LoopFd winner;
    bool stagger_over = false;
    io::WaitList changed;
};

Task<void> attempt(Race* race, std::size_t index) {
    const SocketAddress address = race->attempts[index].address;
    LoopFd socket;
    const int error = co_await try_address(address, race->options, &socket);
    --race->running;
    race->attempts[index].error = to_code(error);
    if (error == 0 && !race->winner) race->winner = std::move(socket);
    race->changed.notify_all();
}

Task<void> run_race(TaskGroup& group, Race* race) {
    EventLoop& loop = this_loop();
    while (!race->winner && (!race->left.empty() || race->running > 0)) {
        TimerHandle timer;
        if (!race->left.empty()) {
            race->attempts.push_back({race->left.front(), {}});
            race->left.pop_front();
            ++race->running;
            group.create_task(attempt(race, race->attempts.size() - 1));
            race->stagger_over = false;
            timer = loop.call_later(race->options->stagger(), [race] {
                race->stagger_over = true;
                race->changed.notify_all();
            });
        }
        struct CallOff {
            explicit CallOff(TimerHandle& which) : handle(which) {}
            ~CallOff() { handle.cancel(); }
            TimerHandle& handle;
        } const call_off(timer);
        // The next one starts after a failure, or when this one has had its time alone.
        const auto running = race->running;
        while (!race->winner && race->running == running && (race->left.empty() || !race->stagger_over))
            co_await race->changed.wait("a connection");
    }
    group.cancel("another address has answered");
}

/// An address of one family after one of the other, beginning with the first one's (RFC 8305, section 4).
std::deque<SocketAddress> interleave(const std::vector<SocketAddress>& addresses) {
    std::deque<SocketAddress> first;
    std::deque<SocketAddress> second;
    for (const auto& address : addresses)
        (address.family() == addresses.front().family() ? first : second).push_back(address);
    std::deque<SocketAddress> mixed;
    while (!first.empty() || !second.empty()) {
        for (auto* from : {&first, &second}) {
            if (from->empty()) continue;
            mixed.push_back(from->front());
            from->pop_front();
        }
    }
    return mixed;
}

/// What an attempt to connect knows; it outlives a time limit, so that the error can tell.
struct Progress {
    Progress(std::string to_host, std::uint16_t to_port, ConnectOptions how)
        : host(std::move(to_host)), port(to_port), options(std::move(how)), race(options) {}
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    std::string host;
    std::uint16_t port;
    ConnectOptions options;
    Race race;
};

Task<LoopFd> connect_one_of(Progress* progress, std::vector<SocketAddress> addresses) {
    auto& race = progress->race;
    const auto& options = progress->options;
    std::erase_if(addresses, [&](const SocketAddress& address) {
        const bool wrong_family =
            options.family() != AddressFamily::any && address.family() != options.family();
        return wrong_family ||
               (options.local_address() && address.family() != options.local_address().family());
    });
    if (addresses.size() == 1) {
        // Nobody to race with: no group, no timer.
        race.attempts.push_back({addresses.front(), {}});
        const int error = co_await try_address(addresses.front(), &options, &race.winner);
        race.attempts.front().error = to_code(error);
    } else if (!addresses.empty()) {
        race.left = interleave(addresses);
        co_await with_task_group(run_race, &race);
    }
    if (!race.winner) throw ConnectError(progress->host, progress->port, race.attempts);
    co_return std::move(race.winner);
}

Task<LoopFd> resolve_and_connect(Progress* progress) {
    const auto& options = progress->options;
    std::vector<SocketAddress> addresses;
    if (const auto* given = options.resolved(progress->host, progress->port)) {
        addresses = *given;
        for (auto& address : addresses) {
            if (address.port() == 0) address = address.with_port(progress->port);
        }
    } else {
        const auto resolver = options.resolver() ? options.resolver() : default_resolver();
        addresses = co_await resolver->resolve(progress->host, progress->port, options.family());
    }
    co_return co_await connect_one_of(progress, std::move(addresses));
}

/// What the time limit left: every attempt that was under way timed out.
[[noreturn]] void throw_timed_out(Progress& progress) {
    auto& race = progress.race;
    if (race.attempts.empty()) {
        throw DnsError(DnsError::Kind::timeout, progress.host,
                       "resolve " + progress.host + ": no answer within the time for connecting");
    }
    for (auto& attempt : race.attempts) {
        if (!attempt.error) attempt.error = std::make_error_code(std::errc::timed_out);
    }
    for (const auto& address : race.left)
        race.attempts.push_back({address, std::make_error_code(std::errc::timed_out)});
    throw ConnectError(progress.host, progress.port, race.attempts);
}

Task<TcpStream> within_time(Progress* progress, Task<LoopFd> work) {
    CancelScope scope(progress->options.timeout());
    auto socket = co_await scope.run(std::move(work));
    if (!socket) throw_timed_out(*progress);
    co_return TcpStream(socket->release());
}

}  // namespace

ConnectError::ConnectError(std::string host, std::uint16_t port, std::vector<ConnectAttempt> attempts)
    : std::system_error(most_telling(attempts)),
      host_(std::move(host)),
      port_(port),
      attempts_(std::move(attempts)),
      message_("connect " + target(host_, port_) + ": " + all_reasons(attempts_)) {}

ConnectOptions& ConnectOptions::resolve(std::string host, std::uint16_t port,
                                        std::vector<SocketAddress> addresses) {
    overrides_.push_back({lower_case(host), port, std::move(addresses)});
    return *this;
}

const std::vector<SocketAddress>* ConnectOptions::resolved(std::string_view host, std::uint16_t port) const {
    if (overrides_.empty()) return nullptr;
    const auto name = lower_case(host);
    // The last one given counts.
    for (auto place = overrides_.rbegin(); place != overrides_.rend(); ++place) {
        if (place->port == port && place->host == name) return &place->addresses;
    }
    return nullptr;
}

Task<TcpStream> connect(std::string host, std::uint16_t port, ConnectOptions options) {
    Progress progress(std::move(host), port, std::move(options));
    auto work = resolve_and_connect(&progress);
    co_return co_await within_time(&progress, std::move(work));
}

Task<TcpStream> connect(SocketAddress address, ConnectOptions options) {
    if (!address) throw std::invalid_argument("connect: the address is empty");
    const auto host = address.family() == AddressFamily::local ? address.to_string() : address.host();
    Progress progress(host, address.port(), std::move(options));
    auto work = connect_one_of(&progress, std::vector<SocketAddress>(1, address));
    co_return co_await within_time(&progress, std::move(work));
}

}  // namespace tandem::inline v1::net
