#include <tandem/backend/sim_network_internal.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace tandem::inline v1 {

bool SimAddress::read(const void* raw, std::uint32_t size, SimAddress& to) {
    sockaddr_storage storage{};
    if (raw == nullptr || size < sizeof(sa_family_t) || size > sizeof storage) return false;
    std::memcpy(&storage, raw, size);
    to = {};
    to.family = storage.ss_family;
    if (storage.ss_family == AF_INET && size >= sizeof(sockaddr_in)) {
        sockaddr_in v4{};
        std::memcpy(&v4, &storage, sizeof v4);
        std::memcpy(to.bytes.data(), &v4.sin_addr, 4);
        to.port = ntohs(v4.sin_port);
        return true;
    }
    if (storage.ss_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &storage, sizeof v6);
        to.port = ntohs(v6.sin6_port);
        std::memcpy(to.bytes.data(), &v6.sin6_addr, 16);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            to.family = AF_INET;
            std::copy_n(to.bytes.begin() + 12, 4, to.bytes.begin());
            std::fill(to.bytes.begin() + 4, to.bytes.end(), std::uint8_t{0});
        }
        return true;
    }
    if (storage.ss_family == AF_UNIX) {
        const auto offset = offsetof(sockaddr_un, sun_path);
        const auto* const path = reinterpret_cast<const char*>(&storage) + offset;
        to.path.assign(path, size > offset ? size - offset : 0);
        if (!to.path.empty() && to.path[0] != '\0') to.path.resize(std::strlen(to.path.c_str()));
        return true;
    }
    return false;
}

bool SimAddress::parse(const std::string& text, SimAddress& to) {
    to = {};
    to.family = AF_INET;
    if (::inet_pton(AF_INET, text.c_str(), to.bytes.data()) == 1) return true;
    to.family = AF_INET6;
    return ::inet_pton(AF_INET6, text.c_str(), to.bytes.data()) == 1;
}

int SimAddress::write(void* raw, std::uint32_t* size) const {
    sockaddr_storage storage{};
    std::uint32_t length = sizeof(sa_family_t);
    storage.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&v4.sin_addr, bytes.data(), 4);
        std::memcpy(&storage, &v4, length = sizeof v4);
    } else if (family == AF_INET6) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&v6.sin6_addr, bytes.data(), 16);
        std::memcpy(&storage, &v6, length = sizeof v6);
    } else if (family == AF_UNIX) {
        const auto offset = offsetof(sockaddr_un, sun_path);
        std::memcpy(reinterpret_cast<char*>(&storage) + offset, path.data(), path.size());
        length = static_cast<std::uint32_t>(offset + path.size());
        if (path.empty()) length = sizeof(sa_family_t);
        if (!path.empty() && path[0] != '\0') ++length;  // its final zero, as the kernel counts it
    }
    std::memcpy(raw, &storage, std::min(*size, length));
    *size = length;
    return 0;
}

bool SimAddress::is_wildcard() const {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool SimAddress::is_loopback() const {
    if (family == AF_INET) return bytes[0] == 127;
    return family == AF_INET6 && bytes[15] == 1 &&
           std::all_of(bytes.begin(), bytes.begin() + 15, [](std::uint8_t byte) { return byte == 0; });
}

std::string SimAddress::text() const {
    if (family == AF_UNIX) return "unix:" + (path.empty() || path[0] != '\0' ? path : "@" + path.substr(1));
    char buffer[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(family, bytes.data(), buffer, sizeof buffer);
    return (family == AF_INET6 ? "[" + std::string(buffer) + "]" : buffer) + ":" + std::to_string(port);
}

}  // namespace tandem::inline v1
