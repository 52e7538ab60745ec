#pragma once

#include <tandem/http/client_dialer.hpp>
#include <tandem/io/memory_stream.hpp>
#include <tandem/task/task_handle.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tandem::inline v1::http {

/// For tests: the server's end of a connection, which says what its script says.
class ScriptedPeer {
public:
    ScriptedPeer(io::MemoryStream stream, std::size_t number, DialTarget target)
        : stream_(std::move(stream)), number_(number), target_(std::move(target)) {}

    /// Reads one request, as far as its empty line; "" at the end of the connection.
    Task<std::string> request() {
        std::string text;
        char byte[1];
        while (!text.ends_with("\r\n\r\n")) {
            const std::size_t count = co_await stream_.read_some(byte);
            if (count == 0) co_return text;
            text += byte[0];
        }
        co_return text;
    }
    Task<std::string> read(std::size_t bytes) {
        std::string text(bytes, '\0');
        std::size_t have = 0;
        while (have < bytes) {
            const std::size_t count =
                co_await stream_.read_some(MutableBytes(text.data() + have, bytes - have));
            if (count == 0) break;
            have += count;
        }
        text.resize(have);
        co_return text;
    }
    Task<void> say(std::string text) { co_await stream_.write_all(text); }
    Task<void> close() { co_await stream_.close(); }
    /// Until the client goes away.
    Task<void> wait_for_the_end() {
        char byte[64];
        std::size_t count = 1;
        while (count > 0) count = co_await stream_.read_some(byte);
    }
    /// 0 for the first connection of the dialer.
    [[nodiscard]] std::size_t number() const { return number_; }
    [[nodiscard]] const DialTarget& target() const { return target_; }
    [[nodiscard]] io::MemoryStream& stream() { return stream_; }

private:
    io::MemoryStream stream_;
    std::size_t number_;
    DialTarget target_;
};

/// For tests: connections in memory, each with a peer that follows a script.
class ScriptedDialer final : public Dialer, public std::enable_shared_from_this<ScriptedDialer> {
public:
    using Script = std::function<Task<void>(ScriptedPeer&)>;

    explicit ScriptedDialer(Script script, std::size_t buffer_bytes = 64 * 1024)
        : script_(std::move(script)), buffer_bytes_(buffer_bytes) {}

    Task<Dialed> dial(DialTarget target) override {
        Dialed dialed;
        auto pair = io::stream_pair(buffer_bytes_);
        dialed.stream = std::make_unique<io::MemoryStream>(std::move(pair.first));
        dialed.info.remote = target.host();
        dialed.info.tls = target.tls();
        create_task(play(shared_from_this(), std::move(pair.second), dials_++, std::move(target)));
        co_return dialed;
    }

    [[nodiscard]] std::size_t dials() const { return dials_; }
    [[nodiscard]] std::size_t open() const { return open_; }
    [[nodiscard]] std::size_t most_open() const { return most_open_; }

private:
    static Task<void> play(std::shared_ptr<ScriptedDialer> self, io::MemoryStream stream, std::size_t number,
                           DialTarget target) {
        ScriptedPeer peer(std::move(stream), number, std::move(target));
        self->open_ += 1;
        self->most_open_ = std::max(self->most_open_, self->open_);
        try {
            co_await self->script_(peer);
        } catch (const std::system_error&) {  // the client was faster
        }
        self->open_ -= 1;
    }

    Script script_;
    std::size_t buffer_bytes_;
    std::size_t dials_ = 0;
    std::size_t open_ = 0;
    std::size_t most_open_ = 0;
};

/// "HTTP/1.1 200 OK" with a length.
[[nodiscard]] inline std::string ok_response(const std::string& body, const std::string& fields = {}) {
    return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
}

/// The error of type `E` that `task` throws, or nothing if it succeeds.
template <class E, class T>
Task<std::optional<E>> caught(Task<T> task) {
    try {
        co_await std::move(task);
    } catch (const E& error) {
        co_return error;
    }
    co_return std::nullopt;
}

/// The same answer to every request of a connection.
[[nodiscard]] inline ScriptedDialer::Script always(std::string answer) {
    return [answer](ScriptedPeer& peer) -> Task<void> {
        for (;;) {
            const std::string request = co_await peer.request();
            if (request.empty()) co_return;
            co_await peer.say(answer);
        }
    };
}

}  // namespace tandem::inline v1::http
