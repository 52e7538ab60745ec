// What happens to connections that nobody uses: reuse, watching, goodbye.
#include <tandem/http/pool_internal.hpp>

#include <tandem/backend/sockets.hpp>
#include <tandem/http/pool_line_internal.hpp>

#include <sys/socket.h>

#include <cerrno>

namespace tandem::inline v1::http {
namespace {

constexpr Duration unwatched = std::chrono::milliseconds(50);

/// Whether an idle connection has nothing to say: neither bytes nor its end.
bool is_quiet(const Connection& connection) noexcept {
    if (!connection.stream->is_open()) return false;
    const int fd = connection.stream->native_handle();
    if (fd < 0 || connection.info->tls) return true;  // TLS may have something to say that is not for us
    char byte;
    const auto count = sockets_of(fd).receive(fd, &byte, 1, MSG_PEEK);
    return count == -EAGAIN || count == -EINTR;
}

}  // namespace

/// One timer for all idle connections: those of a busy client never reach it.
class Pool::Janitor final : private Timer {
public:
    explicit Janitor(Pool& pool) : pool_(pool) {}
    void call_at(TimePoint when) noexcept {
        if (armed() && this->when() <= when) return;
        stop();
        pool_.loop().timers().add(*this, when);
    }
    void stop() noexcept { pool_.loop().timers().remove(*this); }

private:
    void due() noexcept override { pool_.tend_idle(); }
    Pool& pool_;
};

Pool::Pool(const ClientOptions& options)
    : limits_(options.pool()),
      http_limits_(options.limits()),
      connect_limit_(options.timeouts().connect),
      dialer_(options.dialer() ? options.dialer() : network_dialer(options)),
      lines_(std::make_unique<Lines>()),
      janitor_(std::make_unique<Janitor>(*this)) {}

Pool::~Pool() = default;

Connection* Pool::take_idle(Origin& origin) noexcept {
    while (Connection* const connection = origin.idle.front()) {
        if (connection->watch) return nullptr;  // its reader must end first
        if (connection->idle_since != loop().turn_time() && !is_quiet(*connection)) {
            retire(*connection);
            if (idle_count_ == 0) return nullptr;  // the origin may be gone with its last connection
            continue;
        }
        remove_idle(*connection);
        in_use_.push_back(*connection);
        connection->calls += 1;
        return connection;
    }
    return nullptr;
}

void Pool::place(Connection& connection) noexcept {
    if (closed_ || ending_) return cut(connection);
    in_use_.remove(connection);
    connection.idle_since = loop().turn_time();
    connection.origin->idle.push_front(connection);
    idle_.push_back(connection);
    idle_count_ += 1;
    janitor_->call_at(connection.idle_since + unwatched);
}

void Pool::remove_idle(Connection& connection) noexcept {
    connection.origin->idle.remove(connection);
    idle_.remove(connection);
    idle_count_ -= 1;
}

void Pool::tend_idle() noexcept {
    const TimePoint now = loop().time();
    TimePoint next = TimePoint::max();
    for (Connection* connection = idle_.front(); connection;) {
        Connection& current = *connection;
        connection = idle_.next_of(current);
        const auto expiry =
            limits_.idle ? saturating_add(current.idle_since, *limits_.idle) : TimePoint::max();
        if (expiry <= now) {
            retire(current);
            continue;
        }
        next = std::min(next, expiry);
        if (current.watch) continue;
        if (current.idle_since + unwatched > now) {
            next = std::min(next, current.idle_since + unwatched);
            break;  // all others became idle later
        }
        try {
            auto watched = std::make_shared<IdleWatch>();
            watched->connection = &current;
            watched->task =
                loop().create_task(watch(Background(shared_from_this()), watched),
                                   TaskOptions{.name = "http idle connection", .housekeeping = true});
            current.watch = std::move(watched);
        } catch (const std::exception&) {
            retire(current);  // what cannot be watched is not kept
        }
    }
    if (next != TimePoint::max()) janitor_->call_at(next);
}

void Pool::rest_janitor() noexcept { janitor_->stop(); }

Task<void> Pool::watch(Background pool, std::shared_ptr<IdleWatch> watch) {
    char byte[1];
    if (!watch->connection) co_return;
    try {
        co_await watch->connection->stream->read_some(byte);
    } catch (const Cancelled&) {
        co_return;
    } catch (...) {  // broken either way
    }
    watch->broken = true;
    if (watch->connection && watch->connection->in_idle.linked) pool->retire(*watch->connection);
}

Task<bool> Pool::end_watch(Connection& connection) {
    const auto ending = std::exchange(connection.watch, nullptr);
    if (ending) {
        ending->task.cancel("its connection is needed");
        co_await ending->task.join_only();
        if (ending->broken) co_return false;
    }
    co_return is_quiet(connection);  // a watch that was cancelled before its first step has seen nothing
}

Task<void> Pool::say_goodbye(Background, std::unique_ptr<io::ByteStream> stream) {
    try {
        co_await stream->close();
    } catch (const std::exception&) {  // the peer was faster
    }
}

void Pool::retire(Connection& connection) noexcept {
    auto stream = std::move(connection.stream);
    forget(connection);
    if (ending_ || !stream->is_open()) return;
    try {
        loop().create_task(say_goodbye(Background(shared_from_this()), std::move(stream)),
                           TaskOptions{.name = "http goodbye", .housekeeping = true});
    } catch (const std::exception&) {  // destroyed, it is cut off
    }
}

}  // namespace tandem::inline v1::http
