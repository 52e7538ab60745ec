#include <tandem/net/system_lookup_internal.hpp>

#include <tandem/bridge/to_thread.hpp>
#include <tandem/net/address_internal.hpp>
#include <tandem/task/task_handle.hpp>

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>
#include <vector>

namespace tandem::inline v1::net {
namespace {

// The thread's job: owns all it needs, for its caller may be gone.
DnsAnswer ask_on_thread(DnsQuestion question) {
    DnsAnswer answer = getaddrinfo_stand_in ? getaddrinfo_stand_in(question) : ask_getaddrinfo(question);
    answer.by_system = true;
    return answer;
}

}  // namespace

DnsAnswer (*getaddrinfo_stand_in)(const DnsQuestion& question) = nullptr;

DnsAnswer ask_getaddrinfo(const DnsQuestion& question) noexcept {
    DnsAnswer answer;
    addrinfo hints{};
    hints.ai_family = question.family == AddressFamily::v6 ? AF_INET6 : AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(question.name.c_str(), nullptr, &hints, &found);
    if (error == EAI_NONAME || error == EAI_NODATA || error == EAI_ADDRFAMILY) {
        answer.failure = DnsError::Kind::not_found;
        answer.reason = "neither name servers nor the system know it";
    } else if (error != 0) {
        answer.failure = DnsError::Kind::failed;
        answer.reason =
            std::string("getaddrinfo: ") +
            (error == EAI_SYSTEM ? std::generic_category().message(errno) : ::gai_strerror(error));
    }
    for (const auto* node = error == 0 ? found : nullptr; node != nullptr; node = node->ai_next) {
        const auto address = from_raw(node->ai_addr, node->ai_addrlen);
        if (address && std::ranges::find(answer.addresses, address) == answer.addresses.end())
            answer.addresses.push_back(address);
    }
    if (error == 0) ::freeaddrinfo(found);
    return answer;
}

std::shared_ptr<DnsQuery> SystemQueries::ask(const DnsQuestion& question) {
    if (const auto running = queries_.find(question); running != queries_.end()) return running->second;
    auto query = std::make_shared<DnsQuery>(question);
    this_loop().create_task(run(shared_from_this(), query),
                            TaskOptions{.name = "getaddrinfo", .housekeeping = true});
    queries_.emplace(question, query);
    return query;
}

Task<void> SystemQueries::run(std::shared_ptr<SystemQueries> self, std::shared_ptr<DnsQuery> query) {
    DnsAnswer answer;
    try {
        answer = co_await to_thread(ToThreadOptions().abandon_on_cancel(), ask_on_thread, query->question);
    } catch (const std::exception& error) {  // no thread to be had
        answer.failure = DnsError::Kind::failed;
        answer.reason = std::string("getaddrinfo: ") + error.what();
        answer.by_system = true;
    }
    self->store_(query->question, answer, this_loop().time());
    self->queries_.erase(query->question);
    const auto lookups = std::move(query->lookups);
    query->answer = std::move(answer);
    for (const auto& lookup : lookups) lookup->changed.notify_all();
}

}  // namespace tandem::inline v1::net
