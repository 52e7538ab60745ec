// A pool and its loop: from the first call to the end of either, and how connections are opened.
#include <tandem/http/pool_internal.hpp>

#include <tandem/http/errors.hpp>
#include <tandem/http/pool_line_internal.hpp>

#include <utility>

namespace tandem::inline v1::http {
namespace {

/// Ends only when it is cancelled.
class Forever final : public Checkpoint<Forever> {
public:
    bool try_now() const { return false; }
    void start() noexcept {}
    void result() { task().throw_cancelled(); }
    bool request_cancel() noexcept override { return true; }
    const char* waiting_for() const noexcept override { return "the client's end"; }
};

}  // namespace

void Pool::bind() {
    EventLoop* const here = this_loop_or_null();
    EventLoop* const bound = loop_.load(std::memory_order_relaxed);
    if (closed_) throw ClientClosed("the client was closed before this request");
    if (bound && bound == here && !ending_) [[likely]]
        return;
    if (bound) {
        if (bound == here) throw ClientClosed("the loop that this client belongs to is ending");
        throw WrongLoop(
            "http::Client: it belongs to another loop, where its connections are; use one client per loop");
    }
    const std::lock_guard lock(binding_);
    ending_ = false;
    loop_.store(&this_loop(), std::memory_order_relaxed);
    keeper_ = this_loop().create_task(keep(Keeper(shared_from_this())),
                                      TaskOptions{.name = "http client", .housekeeping = true});
}

Task<void> Pool::keep(Keeper pool) {
    try {
        co_await Forever();
    } catch (const Cancelled&) {
    }
    const ScopeGuard shield(std::chrono::seconds(1), ScopeGuard::Shield::shielded);
    pool->ending_ = true;
    pool->fail_all();
    try {
        while (Connection* const connection = pool->idle_.front()) {
            auto stream = std::move(connection->stream);
            pool->forget(*connection);
            co_await stream->close();
        }
        while (pool->background_ > 0) co_await pool->quiet_.wait("the client's tasks");
    } catch (...) {  // the rest is cut off
    }
}

void Pool::fail_all() noexcept {
    const auto error =
        std::make_exception_ptr(ClientClosed("the client was closed while a request was under way"));
    for (auto& [key, origin] : origins_)
        while (SlotWaiter* const waiter = origin->waiters->line.front()) fail(*waiter, error);
    auto& connecting = lines_->connecting;
    for (Connecting* next = connecting.front(); next; next = connecting.next_of(*next))
        next->task.cancel("the client is closed");
    for (Connection* next = in_use_.front(); next; next = in_use_.next_of(*next)) next->stream->abort();
}

void Pool::unbind() noexcept {
    if (!ending_) {  // the keeper was cancelled before its first step
        ending_ = true;
        fail_all();
    }
    while (Connection* const connection = idle_.front()) cut(*connection);
    rest_janitor();
    buffers_.clear();
    const std::lock_guard lock(binding_);
    keeper_ = {};
    loop_.store(nullptr, std::memory_order_relaxed);
}

void Pool::shut_down() {
    const std::lock_guard lock(binding_);
    EventLoop* const bound = loop_.load(std::memory_order_relaxed);
    const auto end = [](Pool& pool) {
        pool.closed_ = true;
        pool.fail_all();
        if (pool.keeper_) pool.keeper_.cancel("the client is closed");
    };
    if (!bound || bound == this_loop_or_null()) {
        end(*this);
        return;
    }
    try {
        bound->call_soon_threadsafe([pool = shared_from_this(), end] { end(*pool); });
    } catch (const LoopClosed&) {  // the keeper has ended with it
    }
}

Task<void> Pool::close() {
    const TaskHandle<void> keeper = keeper_;
    shut_down();
    if (keeper) co_await keeper.join_only();
}

Task<void> Pool::connect(ConnectJob job) {
    const Origin& origin = job.origin();
    const auto limit = job.pool().connect_limit_;
    const std::shared_ptr<Dialer> dialer = job.pool().dialer_;
    const std::string peer = origin.host + ":" + std::to_string(origin.port);
    std::exception_ptr error;
    Dialed dialed;
    {
        ScopeGuard guard(limit ? Deadline(*limit) : Deadline());
        DialTarget target(origin.host, origin.port,
                          origin.tls ? DialTarget::Security::tls : DialTarget::Security::plain);
        try {
            dialed = co_await dialer->dial(std::move(target));
        } catch (const Cancelled&) {
            if (guard.expired() && guard.absorbs())
                error = std::make_exception_ptr(
                    TimeoutError("connect", *limit, peer + " was not connected", Reached::not_sent));
            else
                error = std::make_exception_ptr(
                    ClientClosed("the client was closed while connecting to " + peer));
        } catch (...) {
            error = std::current_exception();
        }
    }
    job.done(std::move(dialed), std::move(error));
}

}  // namespace tandem::inline v1::http
