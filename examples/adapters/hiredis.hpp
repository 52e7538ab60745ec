// hiredis on tandem: its sockets watched by the loop, its callbacks awaited, its answers from any caller.
#pragma once

#include <hiredis/async.h>
#include <tandem/tandem.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace adapters {

/// Lets a loop drive a context, whose owner talks to hiredis as ever: callbacks run on the loop's thread.
inline void attach(redisAsyncContext& context, tandem::EventLoop& loop) {
    struct Events {
        static Events& of(void* data) { return *static_cast<Events*>(data); }
        static void add_read(void* data) {
            if (std::exchange(of(data).reading, true)) return;
            of(data).loop->add_reader(of(data).fd, [c = of(data).context] { redisAsyncHandleRead(c); });
        }
        static void add_write(void* data) {
            if (std::exchange(of(data).writing, true)) return;
            of(data).loop->add_writer(of(data).fd, [c = of(data).context] { redisAsyncHandleWrite(c); });
        }
        static void remove_read(void* data) {
            if (std::exchange(of(data).reading, false)) of(data).loop->remove_reader(of(data).fd);
        }
        static void remove_write(void* data) {
            if (std::exchange(of(data).writing, false)) of(data).loop->remove_writer(of(data).fd);
        }
        static void cleanup(void* data) {  // hiredis calls it before it closes the socket
            remove_read(data);
            remove_write(data);
            delete &of(data);
        }
        redisAsyncContext* context;
        tandem::EventLoop* loop;
        int fd;
        bool reading = false;
        bool writing = false;
    };
    context.ev = {new Events{&context, &loop, context.c.fd},
                  Events::add_read,
                  Events::remove_read,
                  Events::add_write,
                  Events::remove_write,
                  Events::cleanup};
}

struct RedisError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// An answer: an integer, a text or nothing, or a list of answers.
struct RedisReply {
    explicit RedisReply(const redisReply& reply) : integer(reply.integer) {
        if (reply.str) text.emplace(reply.str, reply.len);
        for (std::size_t i = 0; i < reply.elements; ++i) elements.emplace_back(*reply.element[i]);
    }
    long long integer;
    std::optional<std::string> text;
    std::vector<RedisReply> elements;
};

/// A connection to a Redis server, on the loop where it was made.
///
/// Errors      `RedisError`: what the server says, or that the connection is lost.
/// Cancelling  a command that was sent is waited for: a job that was popped is delivered, not lost.
/// Threads     its loop's; `redis.command(...).get()` in plain code, if it was made with `.get()`.
/// Lifetime    its copies are one connection; ends before its loop.
class Redis {
public:
    /// Without a port, `host` is the path of a Unix socket.
    static tandem::Task<Redis> connect(std::string host, int port = 0) {
        Redis redis(port != 0 ? redisAsyncConnect(host.c_str(), port) : redisAsyncConnectUnix(host.c_str()));
        co_await redis.command("PING");
        co_return redis;
    }

    template <class... Words>
    tandem::Task<RedisReply> command(Words... words) {
        std::vector<std::string> all;
        (all.emplace_back(std::move(words)), ...);
        return send(connection_, std::move(all));
    }

private:
    using Waiting = tandem::Completer<RedisReply>;
    struct Connection {
        Connection(redisAsyncContext* c, tandem::EventLoop& l) : context(c), loop(l) {}
        ~Connection() {
            if (!context) return;
            context->data = nullptr;
            if (tandem::this_loop_or_null() == &loop)
                redisAsyncFree(context);
            else
                loop.call_soon_threadsafe([c = context] { redisAsyncFree(c); });
        }
        redisAsyncContext* context;  // null once it is lost: hiredis frees it then
        tandem::EventLoop& loop;
    };

    explicit Redis(redisAsyncContext* context) {
        connection_ = std::make_shared<Connection>(context, tandem::this_loop());
        if (context->err) throw RedisError(std::string("connect to redis: ") + context->errstr);
        context->data = connection_.get();
        attach(*context, connection_->loop);
        redisAsyncSetConnectCallback(context, lost);
        redisAsyncSetDisconnectCallback(context, [](const redisAsyncContext* c, int) { lost(c, REDIS_ERR); });
    }
    static void lost(const redisAsyncContext* context, int status) {
        if (status != REDIS_OK && context->data) static_cast<Connection*>(context->data)->context = nullptr;
    }
    static void answered(redisAsyncContext* context, void* answer, void* waiting) {
        const std::unique_ptr<Waiting> complete(static_cast<Waiting*>(waiting));
        const auto* reply = static_cast<const redisReply*>(answer);
        if (!reply)
            complete->error(RedisError(std::string("redis: connection lost: ") + context->errstr));
        else if (reply->type == REDIS_REPLY_ERROR)
            complete->error(RedisError(reply->str));
        else
            (*complete)(RedisReply(*reply));
    }
    static tandem::Task<RedisReply> send(std::shared_ptr<Connection> connection,
                                         std::vector<std::string> words) {
        if (&tandem::this_loop() != &connection->loop)
            throw tandem::WrongLoop("a redis connection of another loop");
        if (!connection->context) throw RedisError("redis: the connection was lost");
        std::vector<const char*> starts;
        std::vector<std::size_t> lengths;
        for (const auto& word : words) {
            starts.push_back(word.data());
            lengths.push_back(word.size());
        }
        auto [answer, complete] = tandem::make_completion<RedisReply>();
        auto waiting = std::make_unique<Waiting>(std::move(complete));
        if (redisAsyncCommandArgv(connection->context, answered, waiting.get(),
                                  static_cast<int>(words.size()), starts.data(), lengths.data()) != REDIS_OK)
            throw RedisError("redis: the connection is ending");
        static_cast<void>(waiting.release());
        co_return co_await answer;
    }
    std::shared_ptr<Connection> connection_;
};

}  // namespace adapters
