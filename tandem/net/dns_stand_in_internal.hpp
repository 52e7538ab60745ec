#pragma once

#include <tandem/base/unique_fd.hpp>
#include <tandem/io/readiness.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tandem::net {

/// A name server for tests: one UDP socket on loopback, answers from a table.
class DnsStandIn {
public:
    struct Record {
        std::vector<std::string> v4;
        std::vector<std::string> v6;
        std::uint32_t ttl = 60;
        int code = 0;                       // 2: SERVFAIL, 3: NXDOMAIN, 5: REFUSED
        std::chrono::milliseconds delay{};  // before each answer
        bool silent_v4 = false;             // questions for this family get no answer
        bool silent_v6 = false;
    };

    DnsStandIn() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size);
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
    }

    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    int questions() const { return questions_; }
    std::map<std::string, Record> records;

    /// Answers until it is cancelled.
    Task<void> serve() {
        for (;;) {
            co_await io::readable(socket_.get());
            for (;;) {
                std::string question(512, '\0');
                sockaddr_in from{};
                socklen_t size = sizeof from;
                const auto count = ::recvfrom(socket_.get(), question.data(), question.size(), 0,
                                              reinterpret_cast<sockaddr*>(&from), &size);
                if (count < 12) break;
                question.resize(static_cast<std::size_t>(count));
                ++questions_;
                co_await answer(std::move(question), from);
            }
        }
    }

private:
    static void put16(std::string& to, unsigned value) {
        to += static_cast<char>(value >> 8);
        to += static_cast<char>(value & 0xff);
    }

    Task<void> answer(std::string question, sockaddr_in to) {
        std::string name;
        std::size_t at = 12;
        while (at < question.size() && question[at] != 0) {
            const auto length = static_cast<std::size_t>(static_cast<unsigned char>(question[at]));
            if (!name.empty()) name += '.';
            name += question.substr(at + 1, length);
            at += 1 + length;
        }
        const unsigned type = static_cast<unsigned char>(question.at(at + 2));
        const auto known = records.find(name);
        const Record record =
            known == records.end() ? Record{{}, {}, 60, 3, {}, false, false} : known->second;
        if (type == 1 ? record.silent_v4 : record.silent_v6) co_return;
        if (record.delay.count() > 0) co_await sleep(record.delay);

        const auto& addresses = type == 1 ? record.v4 : record.v6;
        std::string reply = question.substr(0, 2);
        put16(reply, 0x8180U | static_cast<unsigned>(record.code));
        put16(reply, 1);
        put16(reply, static_cast<unsigned>(record.code == 0 ? addresses.size() : 0));
        put16(reply, 0);
        put16(reply, 0);
        reply += question.substr(12, at + 5 - 12);
        for (const auto& text : addresses) {
            if (record.code != 0) break;
            std::array<char, 16> bytes{};
            const std::size_t size = type == 1 ? 4 : 16;
            ::inet_pton(type == 1 ? AF_INET : AF_INET6, text.c_str(), bytes.data());
            put16(reply, 0xc00c);
            put16(reply, type);
            put16(reply, 1);
            put16(reply, record.ttl >> 16);
            put16(reply, record.ttl & 0xffff);
            put16(reply, static_cast<unsigned>(size));
            reply.append(bytes.data(), size);
        }
        ::sendto(socket_.get(), reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                 sizeof to);
    }

    UniqueFd socket_;
    std::uint16_t port_ = 0;
    int questions_ = 0;
};

}  // namespace tandem::net
