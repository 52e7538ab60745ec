#include <tandem/net/hosts_file_internal.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

#include <sys/stat.h>

namespace tandem::inline v1::net {

std::string lower_case(std::string_view name) {
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return lower;
}

std::vector<SocketAddress> HostsFile::find(const std::string& name) {
    struct stat info;
    Stamp now;
    if (::stat(path_.c_str(), &info) == 0)
        now = {info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size, info.st_ino};
    if (now != stamp_) {
        stamp_ = now;
        read();
    }
    const auto found = names_.find(name);
    return found == names_.end() ? std::vector<SocketAddress>() : found->second;
}

void HostsFile::read() {
    names_.clear();
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) {
        if (const auto comment = line.find('#'); comment != std::string::npos) line.erase(comment);
        std::istringstream words(line);
        std::string literal;
        if (!(words >> literal)) continue;
        const auto address = SocketAddress::try_ip(literal, 0);
        if (!address) continue;
        for (std::string name; words >> name;) {
            auto& addresses = names_[lower_case(name)];
            if (std::ranges::find(addresses, *address) == addresses.end()) addresses.push_back(*address);
        }
    }
}

}  // namespace tandem::inline v1::net
