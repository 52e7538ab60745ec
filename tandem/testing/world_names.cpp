// What names mean to a simulated machine.
#include <tandem/testing/world_internal.hpp>

#include <tandem/task/sleep.hpp>

#include <chrono>
#include <utility>

namespace tandem::inline v1::testing {
namespace {

using namespace std::chrono_literals;

// How long a name server that does not answer is asked.
constexpr auto name_patience = 5s;

/// Knows the hosts' names.
class WorldResolver final : public net::Resolver {
public:
    /// What is known now, and how long it takes to say so.
    struct Answer {
        std::vector<net::SocketAddress> addresses;
        std::optional<net::DnsError::Kind> failure;
        Duration after{};
    };
    explicit WorldResolver(std::function<Answer(const std::string&)> look_up)
        : look_up_(std::move(look_up)) {}

    Task<std::vector<net::SocketAddress>> resolve(std::string host, std::uint16_t port,
                                                  net::AddressFamily family) override {
        if (const auto literal = net::SocketAddress::try_ip(host, port))
            co_return std::vector<net::SocketAddress>(1, *literal);
        auto answer = look_up_(host);
        if (answer.after > Duration::zero()) co_await sleep(answer.after);
        if (answer.failure)
            throw net::DnsError(*answer.failure, host, "resolve " + host + ": as the test planned");
        std::vector<net::SocketAddress> found;
        for (const auto& address : answer.addresses) {
            if (family == net::AddressFamily::any || address.family() == family)
                found.push_back(address.with_port(port));
        }
        if (found.empty()) {
            throw net::DnsError(net::DnsError::Kind::not_found, host,
                                "resolve " + host + ": the simulated world has no such name");
        }
        co_return found;
    }

private:
    std::function<Answer(const std::string&)> look_up_;
};

WorldResolver::Answer look_up(const std::vector<std::string>& addresses, Duration latency) {
    WorldResolver::Answer answer;
    for (const auto& address : addresses) answer.addresses.push_back(net::SocketAddress::ip(address, 0));
    answer.after = latency;
    return answer;
}

WorldResolver::Answer failure(net::DnsError::Kind kind, Duration latency) {
    WorldResolver::Answer answer;
    answer.failure = kind;
    answer.after = kind == net::DnsError::Kind::timeout ? Duration(name_patience) : latency;
    return answer;
}

}  // namespace

std::shared_ptr<net::Resolver> World::Machine::make_resolver() {
    return std::make_shared<WorldResolver>([state = world, machine = sim](const std::string& name) {
        const auto latency = state->name_latency;
        if (const auto planned = state->name_failures.find(name); planned != state->name_failures.end()) {
            const auto kind = planned->second.kind;
            if (--planned->second.left <= 0) state->name_failures.erase(planned);
            state->sim->note("no name for " + name);
            return failure(kind, latency);
        }
        const auto struck = state->sim->strike(*machine, SimPoint::look_up);
        if (struck.mishap == SimMishap::failed) return failure(net::DnsError::Kind::failed, latency);
        if (struck.mishap == SimMishap::lost) return failure(net::DnsError::Kind::timeout, latency);
        const auto takes = struck ? latency + struck.delay() : latency;
        const auto known = state->names.find(name);
        if (known != state->names.end()) return look_up(known->second, takes);
        if (name == "localhost") return look_up({"127.0.0.1"}, Duration::zero());
        return look_up({}, takes);
    });
}

}  // namespace tandem::inline v1::testing
