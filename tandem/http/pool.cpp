#include <tandem/http/pool_internal.hpp>

#include <tandem/http/errors.hpp>
#include <tandem/http/pool_line_internal.hpp>

#include <algorithm>
#include <utility>

namespace tandem::inline v1::http {

Pool::ConnectJob::~ConnectJob() {
    if (connecting_)
        done(Dialed(), std::make_exception_ptr(ClientClosed("the client was closed while connecting")));
}

void Pool::ConnectJob::done(Dialed dialed, std::exception_ptr error) {
    pool_->connected(*std::exchange(connecting_, nullptr), std::move(dialed), std::move(error));
}

const Origin& Pool::ConnectJob::origin() const noexcept { return *connecting_->origin; }

Origin::Origin() : waiters(std::make_unique<Waiters>()) {}
Origin::~Origin() = default;

ReadBuffer::~ReadBuffer() {
    if (bytes_) pool_->return_buffer(std::move(bytes_));
}

void Lease::give_back(bool reusable) noexcept {
    if (!connection_) return;
    Connection& connection = *std::exchange(connection_, nullptr);
    if (reusable)
        pool_->give_back(connection);
    else
        pool_->retire(connection);
}

void Lease::cut() noexcept {
    if (connection_) pool_->cut(*std::exchange(connection_, nullptr));
}

ReadBuffer Pool::borrow_buffer() {
    if (buffers_.empty())
        return ReadBuffer(shared_from_this(), std::make_unique_for_overwrite<char[]>(ReadBuffer::size));
    auto buffer = std::move(buffers_.back());
    buffers_.pop_back();
    return ReadBuffer(shared_from_this(), std::move(buffer));
}

void Pool::return_buffer(std::unique_ptr<char[]> buffer) noexcept {
    constexpr std::size_t kept = 512;
    if (closed_ || buffers_.size() >= kept) return;
    try {
        buffers_.push_back(std::move(buffer));
    } catch (const std::bad_alloc&) {  // then it is simply freed
    }
}

Origin& Pool::origin(const Url& url) {
    // Without user and password the text up to the path is the key as it stands.
    const std::string_view href = url.href();
    const auto before_path = href.substr(0, static_cast<std::size_t>(url.path().data() - href.data()));
    std::string assembled;
    std::string_view key = before_path;
    if (url.has_credentials()) key = assembled = url.origin();
    if (last_origin_ && last_origin_->key == key) return *last_origin_;

    auto found = origins_.find(key);
    if (found == origins_.end()) {
        auto origin = std::make_unique<Origin>();
        origin->key = key;
        origin->host = url.host_for_lookup();
        origin->host_line = "Host: " + std::string(url.host_header()) + "\r\n";
        origin->port = url.port_or_default();
        origin->tls = url.scheme() == "https";
        found = origins_.emplace(origin->key, std::move(origin)).first;
    }
    last_origin_ = found->second.get();
    return *last_origin_;
}

bool Pool::full() const noexcept { return limits_.max_connections && open_ >= *limits_.max_connections; }
bool Pool::at_limit(const Origin& origin) const noexcept {
    return limits_.max_per_origin && origin.connections >= *limits_.max_per_origin;
}

Task<Connection*> Pool::take(Origin& origin, Freshness freshness, CallTimer& timer) {
    const bool any = freshness == Freshness::any;
    struct Stays {
        explicit Stays(Origin& which) : origin(which) { ++origin.takers; }
        ~Stays() { --origin.takers; }
        Origin& origin;
    };
    while (any && !origin.idle.empty()) {
        const Stays stays(origin);
        Connection& idle = *origin.idle.front();
        remove_idle(idle);
        in_use_.push_back(idle);
        Lease lease(shared_from_this(), idle);
        const bool alive = co_await end_watch(idle);
        if (!alive) continue;  // the lease closes it
        idle.calls += 1;
        co_return &lease.release();
    }
    SlotWaiter waiter(*this, origin, freshness, timer);
    std::exception_ptr cancelled;
    try {
        co_return co_await waiter;
    } catch (const Cancelled&) {
        if (!waiter.given_up()) throw;
        cancelled = std::current_exception();
    }
    const ScopeGuard shield(Deadline(), ScopeGuard::Shield::shielded);
    co_await waiter.given_up().join_only();
    std::rethrow_exception(cancelled);
}

void Pool::enqueue(SlotWaiter& waiter) {
    waiter.sequence_ = ++sequence_;
    waiting_ += 1;
    waiter.origin_.waiters->line.push_back(waiter);
    lines_->blocked.push_back(waiter);
    dispatch();
}

void Pool::leave_line(SlotWaiter& waiter) noexcept {
    waiting_ -= 1;
    waiter.origin_.waiters->line.remove(waiter);
    lines_->blocked.remove(waiter);
    if (Connecting* own = std::exchange(waiter.own_, nullptr)) {
        if (!pass_on(*own) && waiter.cancelled_) {
            waiter.given_up_ = own->task;
            own->task.cancel("the call that needed this connection was cancelled");
        }
    }
}

bool Pool::pass_on(Connecting& connecting) noexcept {
    connecting.beneficiary = nullptr;
    auto& line = connecting.origin->waiters->line;
    for (SlotWaiter* next = line.front(); next; next = line.next_of(*next)) {
        if (next->own_) continue;
        next->own_ = &connecting;
        connecting.beneficiary = next;
        lines_->blocked.remove(*next);
        return true;
    }
    return false;
}

void Pool::hand(SlotWaiter& waiter, Connection& connection) noexcept {
    waiter.connection_ = &connection;
    connection.calls += 1;
    if (!connection.in_use.linked) in_use_.push_back(connection);
    leave_line(waiter);
    waiter.task().wake();
}

void Pool::fail(SlotWaiter& waiter, std::exception_ptr error) noexcept {
    waiter.error_ = std::move(error);
    leave_line(waiter);
    waiter.task().wake();
}

bool Pool::make_room_for(const SlotWaiter& waiter) noexcept {
    const Origin& origin = waiter.origin_;
    if (at_limit(origin)) {
        // Its own idle connections are of no use only to a waiter that wants a fresh one.
        if (origin.idle.empty() || !waiter.fresh_only_) return false;
        retire(*origin.idle.front());
    }
    if (!full()) return true;
    if (idle_.empty()) return false;
    retire(*idle_.front());
    return true;
}

void Pool::dispatch() noexcept {
    auto& blocked = lines_->blocked;
    if (dispatching_ || closed_) return;  // making room frees slots, which comes back here
    dispatching_ = true;
    for (SlotWaiter* next = blocked.front(); next;) {
        SlotWaiter& waiter = *next;
        next = blocked.next_of(waiter);
        if (full() && idle_.empty()) break;
        if (!make_room_for(waiter)) continue;
        try {
            start_connecting(waiter);
        } catch (const std::exception&) {  // the waiter has been told by its job
        }
        next = blocked.front();
    }
    dispatching_ = false;
}

void Pool::start_connecting(SlotWaiter& waiter) {
    Connecting& connecting = *new Connecting;  // connected() takes it over, called by the job in every case
    connecting.origin = &waiter.origin_;
    connecting.beneficiary = &waiter;
    lines_->connecting.push_back(connecting);
    lines_->blocked.remove(waiter);
    waiter.own_ = &connecting;
    waiter.timer_.leave();
    open_ += 1;
    connecting_ += 1;
    waiter.origin_.connections += 1;
    connecting.task = loop().create_task(connect(ConnectJob(shared_from_this(), connecting)),
                                         TaskOptions{.name = "http connect", .housekeeping = true});
}

void Pool::connected(Connecting& connecting, Dialed dialed, std::exception_ptr error) {
    const std::unique_ptr<Connecting> owned(&connecting);
    Origin& origin = *connecting.origin;
    lines_->connecting.remove(connecting);
    connecting_ -= 1;
    SlotWaiter* const beneficiary = connecting.beneficiary;
    if (beneficiary) beneficiary->own_ = nullptr;

    if (!error && closed_)
        error = std::make_exception_ptr(ClientClosed("the client was closed while connecting"));
    if (error) {
        if (beneficiary) fail(*beneficiary, std::move(error));
        free_slot(origin);
        return;
    }
    auto connection = std::make_unique<Connection>(std::move(dialed), http_limits_);
    connection->origin = &origin;
    SlotWaiter* const first = origin.waiters->line.front();
    if (first && first != beneficiary && beneficiary) {
        // The first in line takes it, and waits no longer for its own: that is the beneficiary's now.
        if (Connecting* own = std::exchange(first->own_, beneficiary->own_)) {
            own->beneficiary = beneficiary;
            beneficiary->own_ = own;
        } else {
            lines_->blocked.push_front(*beneficiary);
        }
    }
    if (first)
        hand(*first, *connection.release());
    else
        place(*connection.release());
    dispatch();
}

void Pool::give_back(Connection& connection) noexcept {
    if (closed_) return cut(connection);
    auto& line = connection.origin->waiters->line;
    SlotWaiter* first = line.front();
    while (first && first->fresh_only_) first = line.next_of(*first);
    if (first) {
        const SlotWaiter* const oldest = full() ? lines_->blocked.front() : nullptr;
        // Whoever waits longest gets the slot, be it by closing another origin's connection: nobody starves.
        if (oldest && oldest->sequence_ < first->sequence_ && &oldest->origin_ != connection.origin &&
            !at_limit(oldest->origin_))
            return retire(connection);
        return hand(*first, connection);
    }
    place(connection);
    if (lines_->blocked.front()) dispatch();
}

void Pool::cut(Connection& connection) noexcept {
    connection.stream->abort();
    forget(connection);
}

void Pool::free_slot(Origin& origin) noexcept {
    open_ -= 1;
    origin.connections -= 1;
    if (origin.connections == 0 && origin.takers == 0 && origin.waiters->line.empty()) {
        if (last_origin_ == &origin) last_origin_ = nullptr;
        origins_.erase(origins_.find(std::string_view(origin.key)));
    }
    dispatch();
}

void Pool::forget(Connection& connection) noexcept {
    const std::unique_ptr<Connection> owned(&connection);
    if (connection.in_idle.linked) remove_idle(connection);
    in_use_.remove(connection);
    if (connection.watch) {
        connection.watch->connection = nullptr;
        connection.watch->task.cancel("its connection is closed");
    }
    free_slot(*connection.origin);
}

}  // namespace tandem::inline v1::http
