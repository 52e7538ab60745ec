#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/base/time.hpp>
#include <tandem/http/client_dialer.hpp>
#include <tandem/http/client_options.hpp>
#include <tandem/http/client_timer_internal.hpp>
#include <tandem/http/h1_parser.hpp>
#include <tandem/http/url.hpp>
#include <tandem/io/byte_stream.hpp>
#include <tandem/io/wait_list.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/wait.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tandem::inline v1::http {

class Pool;
class SlotWaiter;
struct Origin;
struct IdleWatch;
struct Connecting;

/// One HTTP/1 connection: idle in a pool, or leased to one call.
class Connection {
public:
    Connection(Dialed dialed, const HttpLimits& limits)
        : stream(std::move(dialed.stream)),
          info(std::make_shared<const ConnectionInfo>(std::move(dialed.info))),
          parser(H1Role::response, limits),
          resolve(dialed.resolve),
          connect(dialed.connect),
          tls(dialed.tls) {}

    std::unique_ptr<io::ByteStream> stream;
    std::shared_ptr<const ConnectionInfo> info;
    H1Parser parser;
    std::string out;  // the head being sent; kept for its memory
    Origin* origin = nullptr;
    std::uint64_t calls = 0;  // that got it so far
    TimePoint idle_since{};
    std::shared_ptr<IdleWatch> watch;  // while idle for long: reads, so that the end is seen at once
    Duration resolve;
    Duration connect;
    Duration tls;
    ListLink<Connection> in_origin;  // idle: the last used first
    ListLink<Connection> in_idle;    // idle, of all origins: the longest unused first
    ListLink<Connection> in_use;
};

/// What connections of a client are interchangeable for (H42; the rest of that key is the client's own).
struct Origin {
    std::string key;        // "https://example.org:8443"
    std::string host;       // to look up
    std::string host_line;  // "Host: example.org:8443\r\n"
    std::uint16_t port = 0;
    bool tls = false;
    std::size_t connections = 0;  // open and being opened
    std::size_t takers = 0;  // calls that look at idle ones: it stays, though the last of these has ended
    IntrusiveList<Connection, &Connection::in_origin> idle;
    struct Waiters;
    std::unique_ptr<Waiters> waiters;

    Origin();
    ~Origin();
};

/// A part of memory that responses are read into; goes back to its pool.
class ReadBuffer {
public:
    static constexpr std::size_t size = 16 * 1024;

    ReadBuffer() noexcept = default;
    ReadBuffer(std::shared_ptr<Pool> pool, std::unique_ptr<char[]> bytes)
        : pool_(std::move(pool)), bytes_(std::move(bytes)) {}
    ReadBuffer(ReadBuffer&&) noexcept = default;
    ReadBuffer& operator=(ReadBuffer&& other) noexcept {
        std::swap(pool_, other.pool_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~ReadBuffer();
    [[nodiscard]] char* data() const noexcept { return bytes_.get(); }
    explicit operator bool() const noexcept { return bytes_ != nullptr; }

private:
    std::shared_ptr<Pool> pool_;
    std::unique_ptr<char[]> bytes_;
};

/// A connection in use. Destroyed, it cuts the connection off and frees its slot.
class Lease {
public:
    Lease() noexcept = default;
    Lease(std::shared_ptr<Pool> pool, Connection& connection) noexcept
        : pool_(std::move(pool)), connection_(&connection) {}
    Lease(Lease&& other) noexcept
        : pool_(std::move(other.pool_)), connection_(std::exchange(other.connection_, nullptr)) {}
    Lease& operator=(Lease&& other) noexcept {
        std::swap(pool_, other.pool_);
        std::swap(connection_, other.connection_);
        return *this;
    }
    ~Lease() { cut(); }

    explicit operator bool() const noexcept { return connection_ != nullptr; }
    Connection* operator->() const noexcept { return connection_; }
    Connection& operator*() const noexcept { return *connection_; }
    [[nodiscard]] const std::shared_ptr<Pool>& pool() const noexcept { return pool_; }

    /// The message was read to its end: the connection serves others, or says goodbye.
    void give_back(bool reusable) noexcept;
    void cut() noexcept;
    [[nodiscard]] Connection& release() noexcept { return *std::exchange(connection_, nullptr); }

private:
    std::shared_ptr<Pool> pool_;
    Connection* connection_ = nullptr;
};

/// A client's connections (2.5), on one loop.
///
/// A call that finds no idle connection waits in its origin's line; beside it a task of the pool connects, if
/// the limits allow one more. Whatever connection comes first, fresh or given back, goes to the first in
/// line.
class Pool : public std::enable_shared_from_this<Pool> {
public:
    enum class Freshness : std::uint8_t { any, fresh };

    explicit Pool(const ClientOptions& options);
    ~Pool();

    /// Makes the running loop the pool's, if it has none. Errors: `WrongLoop`, `ClientClosed`.
    void bind();
    [[nodiscard]] EventLoop& loop() const noexcept { return *loop_.load(std::memory_order_relaxed); }
    [[nodiscard]] Origin& origin(const Url& url);
    /// An idle connection that looks alive, without waiting; the one used last. Null: wait.
    [[nodiscard]] Connection* take_idle(Origin& origin) noexcept;
    /// Waits for a connection. Errors: what the dialer throws; `TimeoutError` of `connect`; `ClientClosed`.
    /// Cancelling: when it is over, no connection is being opened for this call any more.
    [[nodiscard]] Task<Connection*> take(Origin& origin, Freshness freshness, CallTimer& timer);
    void give_back(Connection& connection) noexcept;
    /// Closes with a goodbye, in the background.
    void retire(Connection& connection) noexcept;
    /// Closes at once.
    void cut(Connection& connection) noexcept;

    [[nodiscard]] ReadBuffer borrow_buffer();
    void return_buffer(std::unique_ptr<char[]> buffer) noexcept;

    /// Fails everything that waits; cuts what is in use; says goodbye to the rest in the background. From any
    /// thread.
    void shut_down();
    [[nodiscard]] Task<void> close();
    [[nodiscard]] bool closed() const noexcept { return closed_ || ending_; }
    /// The loop has told the client and the running task at once that it ends: what a call meets then is no
    /// failure of it.
    [[nodiscard]] bool ends_with_its_loop() const { return closed() && is_cancelled(); }
    [[nodiscard]] bool bound() const noexcept { return loop_.load(std::memory_order_relaxed) != nullptr; }
    [[nodiscard]] std::size_t idle() const noexcept { return idle_count_; }
    [[nodiscard]] std::size_t in_use() const noexcept { return open_ - idle_count_ - connecting_; }
    [[nodiscard]] std::size_t connecting() const noexcept { return connecting_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }

private:
    friend class SlotWaiter;
    class Janitor;
    class Background;
    class ConnectJob;
    class Keeper;

    void enqueue(SlotWaiter& waiter);
    void leave_line(SlotWaiter& waiter) noexcept;
    /// The waiter goes without its connection: who could use it instead? Nobody: it joins the pool when it is
    /// there.
    bool pass_on(Connecting& connecting) noexcept;
    void hand(SlotWaiter& waiter, Connection& connection) noexcept;
    void fail(SlotWaiter& waiter, std::exception_ptr error) noexcept;
    /// Starts connections for as many waiters as slots are free or can be freed.
    void dispatch() noexcept;
    [[nodiscard]] bool make_room_for(const SlotWaiter& waiter) noexcept;
    void start_connecting(SlotWaiter& waiter);
    static Task<void> connect(ConnectJob job);
    void connected(Connecting& connecting, Dialed dialed, std::exception_ptr error);
    void place(Connection& connection) noexcept;
    void remove_idle(Connection& connection) noexcept;
    void forget(Connection& connection) noexcept;
    void free_slot(Origin& origin) noexcept;
    Task<bool> end_watch(Connection& connection);
    static Task<void> say_goodbye(Background background, std::unique_ptr<io::ByteStream> stream);
    static Task<void> watch(Background background, std::shared_ptr<IdleWatch> watch);
    void tend_idle() noexcept;
    void rest_janitor() noexcept;
    static Task<void> keep(Keeper keeper);
    void fail_all() noexcept;
    void unbind() noexcept;
    [[nodiscard]] bool at_limit(const Origin& origin) const noexcept;
    [[nodiscard]] bool full() const noexcept;

    const PoolLimits limits_;
    const HttpLimits http_limits_;
    const std::optional<Duration> connect_limit_;
    const std::shared_ptr<Dialer> dialer_;
    std::mutex binding_;  // guards the change of loop_, so that another thread can still reach the loop
    std::atomic<EventLoop*> loop_ = nullptr;
    TaskHandle<void> keeper_;
    bool closed_ = false;
    bool ending_ = false;  // the loop ends: nothing is kept any more
    bool dispatching_ = false;

    struct KeyHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view key) const noexcept {
            return std::hash<std::string_view>()(key);
        }
    };
    std::unordered_map<std::string, std::unique_ptr<Origin>, KeyHash, std::equal_to<>> origins_;
    Origin* last_origin_ = nullptr;  // most calls go where the one before went
    std::size_t open_ = 0;           // connections open and being opened
    std::size_t idle_count_ = 0;
    std::size_t connecting_ = 0;
    std::size_t waiting_ = 0;
    std::uint64_t sequence_ = 0;
    IntrusiveList<Connection, &Connection::in_idle> idle_;
    IntrusiveList<Connection, &Connection::in_use> in_use_;
    struct Lines;
    std::unique_ptr<Lines> lines_;
    std::unique_ptr<Janitor> janitor_;
    std::vector<std::unique_ptr<char[]>> buffers_;
    std::size_t background_ = 0;  // tasks of ours that live
    io::WaitList quiet_;          // told when there are none
};

/// Held by every task that the pool starts, so that its end is known.
class Pool::Background {
public:
    explicit Background(std::shared_ptr<Pool> pool) noexcept : pool_(std::move(pool)) {
        pool_->background_ += 1;
    }
    Background(Background&&) noexcept = default;
    Background& operator=(Background&&) = delete;
    ~Background() {
        if (pool_ && --pool_->background_ == 0) pool_->quiet_.notify_all();
    }
    Pool* operator->() const noexcept { return pool_.get(); }

private:
    std::shared_ptr<Pool> pool_;
};

/// What a connecting task holds: a task that is cancelled before its first step never runs, but its arguments
/// die.
class Pool::ConnectJob {
public:
    ConnectJob(std::shared_ptr<Pool> pool, Connecting& connecting) noexcept
        : pool_(std::move(pool)), connecting_(&connecting) {}
    ConnectJob(ConnectJob&& other) noexcept
        : pool_(std::move(other.pool_)), connecting_(std::exchange(other.connecting_, nullptr)) {}
    ConnectJob& operator=(ConnectJob&&) = delete;
    ~ConnectJob();
    void done(Dialed dialed, std::exception_ptr error);
    [[nodiscard]] const Pool& pool() const noexcept { return *pool_.operator->(); }
    [[nodiscard]] const Origin& origin() const noexcept;

private:
    Background pool_;
    Connecting* connecting_;
};

/// What the keeping task holds; the last thing a loop does for its pool.
class Pool::Keeper {
public:
    explicit Keeper(std::shared_ptr<Pool> pool) noexcept : pool_(std::move(pool)) {}
    Keeper(Keeper&&) noexcept = default;
    Keeper& operator=(Keeper&&) = delete;
    ~Keeper() {
        if (pool_) pool_->unbind();
    }
    Pool* operator->() const noexcept { return pool_.get(); }

private:
    std::shared_ptr<Pool> pool_;
};

}  // namespace tandem::inline v1::http
