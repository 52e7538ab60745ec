#include <tandem/net/name_info.hpp>

#include <tandem/bridge/to_thread.hpp>
#include <tandem/net/address_internal.hpp>
#include <tandem/net/resolver.hpp>

#include <netdb.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace tandem::inline v1::net {
namespace {

NameInfo look_up(const SocketAddress& address) {
    const RawAddress raw = to_raw(address);
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> service{};
    const auto ask = [&](int flags) {
        return ::getnameinfo(raw.data(), raw.size, host.data(), host.size(), service.data(), service.size(),
                             flags);
    };
    int error = ask(0);
    if (error == EAI_AGAIN || error == EAI_FAIL || error == EAI_NONAME) error = ask(NI_NUMERICHOST);
    if (error != 0)
        throw DnsError(
            DnsError::Kind::failed, address.host(),
            "cannot look up the name of " + address.to_string() + ": " +
                (error == EAI_SYSTEM ? std::generic_category().message(errno) : ::gai_strerror(error)));
    return {host.data(), service.data()};
}

}  // namespace

Task<NameInfo> name_info(SocketAddress address) {
    if (address.family() != AddressFamily::v4 && address.family() != AddressFamily::v6)
        throw std::invalid_argument("name_info() was given '" + address.to_string() +
                                    "', which is no IP address: only those have names");
    co_return co_await to_thread(look_up, std::move(address));
}

}  // namespace tandem::inline v1::net
