#include <tandem/net/dns_cache_internal.hpp>

#include <algorithm>
#include <utility>

namespace tandem::inline v1::net {

std::optional<DnsAnswer> DnsCache::find(const DnsQuestion& question, TimePoint now) {
    const auto place = places_.find(question);
    if (place == places_.end()) return std::nullopt;
    const auto entry = place->second;
    if (now >= entry->expires) {
        erase(entry);
        return std::nullopt;
    }
    entries_.splice(entries_.begin(), entries_, entry);
    auto answer = entry->answer;
    auto& addresses = entry->answer.addresses;
    if (addresses.size() > 1) std::ranges::rotate(addresses, addresses.begin() + 1);
    return answer;
}

void DnsCache::store(const DnsQuestion& question, DnsAnswer answer, TimePoint expires) {
    if (capacity_ == 0) return;
    if (const auto place = places_.find(question); place != places_.end()) erase(place->second);
    if (entries_.size() >= capacity_) erase(std::prev(entries_.end()));
    entries_.push_front({question, std::move(answer), expires});
    places_[question] = entries_.begin();
}

void DnsCache::clear() {
    entries_.clear();
    places_.clear();
}

void DnsCache::erase(Entries::iterator entry) {
    places_.erase(entry->question);
    entries_.erase(entry);
}

}  // namespace tandem::inline v1::net
