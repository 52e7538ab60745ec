#pragma once

#include <tandem/net/address.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::inline v1::net {

/// Names from a file like /etc/hosts, read again when it has changed. A file that cannot be read has no
/// names.
class HostsFile {
public:
    explicit HostsFile(std::string path) : path_(std::move(path)) {}

    /// Addresses without ports, in the file's order. `name` is in lower case.
    std::vector<SocketAddress> find(const std::string& name);

private:
    struct Stamp {
        std::int64_t seconds = -1;
        std::int64_t nanoseconds = 0;
        std::int64_t size = 0;
        std::uint64_t inode = 0;
        bool operator==(const Stamp&) const = default;
    };
    void read();

    std::string path_;
    Stamp stamp_;
    std::map<std::string, std::vector<SocketAddress>, std::less<>> names_;
};

/// ASCII only, as names are compared.
std::string lower_case(std::string_view name);

}  // namespace tandem::inline v1::net
