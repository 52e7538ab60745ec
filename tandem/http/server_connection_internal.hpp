#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/http/h1_parser.hpp>
#include <tandem/http/server.hpp>
#include <tandem/io/byte_stream.hpp>
#include <tandem/io/wait_list.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/task_group.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tandem::inline v1::http {

/// What a draining server tells its connections.
class Drainable {
public:
    ListLink<Drainable> link;
    virtual void start_draining() noexcept = 0;

protected:
    Drainable() = default;
    Drainable(const Drainable&) = delete;
    Drainable& operator=(const Drainable&) = delete;
    ~Drainable() = default;
};

/// Written by the loop's thread alone, read by any: no locked instruction for each request.
class LoopCount {
public:
    void operator++() noexcept { set(get() + 1); }
    void operator--() noexcept { set(get() - 1); }
    std::size_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    void set(std::size_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
    std::atomic<std::size_t> value_ = 0;
};

/// What the connections of one server share. It lives as long as the last of them.
class ServerShared {
public:
    ServerShared(Handler the_handler, ServerOptions the_options);
    ServerShared(const ServerShared&) = delete;
    ServerShared& operator=(const ServerShared&) = delete;
    ~ServerShared() = default;

    /// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", from a clock read once per second (H154).
    std::string_view date_field(EventLoop& loop);
    void start_draining() noexcept;

    const Handler handler;
    const ServerOptions options;
    const HttpLimits parser_limits;  // the body's limit is the route's, so it is not the parser's
    struct {
        LoopCount connections;
        LoopCount connections_accepted;
        LoopCount requests;
        LoopCount failures;
    } counts;
    bool draining = false;
    IntrusiveList<Drainable, &Drainable::link> connections;

private:
    std::string date_field_;
    TimePoint date_until_ = TimePoint::min();
};

/// One HTTP/1 connection from its first byte to its last: reads heads, calls handlers, writes answers, in
/// this order.
///
/// All limits of time are one timer that is only ever moved when it is due or too late: a busy connection
/// costs no heap operation per request. When one has passed, the scope around all work is cancelled, and what
/// is left to say is said outside of it.
class ServerConnection final : private Timer, public Drainable {
public:
    ServerConnection(ServerShared& shared, std::unique_ptr<io::ByteStream> stream);
    ~ServerConnection();

    /// Until either side ends it. Throws only the caller's own cancellation.
    Task<void> run();
    void start_draining() noexcept override;

private:
    class RequestBody;
    enum class Phase : std::uint8_t { idle, head, handling, body, writing };
    enum class End : std::uint8_t { quiet, refuse, linger, abort };
    enum class HeadState : std::uint8_t { complete, incomplete, refused };

    static constexpr std::size_t buffer_bytes =
        std::size_t{16} * 1024;  // also what is read ahead at most (L16)

    // server_connection.cpp
    Task<void> exchange();
    HeadState parse_head();
    const Endpoint* open_request(std::optional<Response>& response);
    bool make_request();
    bool take_expectation();
    bool admit_body(const Endpoint* endpoint);
    bool answer_failure(const std::exception_ptr& failure, std::optional<Response>& response);
    bool finish_exchange();
    void report(const char* what, const std::exception_ptr& failure) const noexcept;
    void note_access() const;
    Task<void> say_goodbye();
    Task<void> linger();

    // server_body.cpp
    Task<std::size_t> read_body(MutableBytes buffer);
    Task<std::size_t> read_more(MutableBytes room);
    std::optional<std::size_t> take_body(MutableBytes buffer);
    void check_body_limit();
    bool discard_buffered();
    Task<void> read_away();
    Task<void> discard_rest();

    // server_response.cpp
    void prepare(std::optional<Response>& response);
    void write_head(Response& response);
    void append_date(const Headers& headers);
    Task<void> write_body(Response& response);
    Task<void> write_rest(Bytes rest);
    Task<void> write_stream(Body& body);
    void write_refusal();

    // server_watch.cpp: time, and peers that go away
    void enter(Phase phase, std::optional<Duration> limit);
    void due() noexcept override;
    void stop(End end, int status, const char* reason) noexcept;
    void start_watch() noexcept;
    Task<void> watch();
    Task<void> stop_watch();
    void leave_body_wait(std::size_t count);
    void enter_body_wait();

    MutableBytes room() noexcept;
    bool parser_failed() const noexcept { return !parser_.error().rule.empty(); }
    std::string_view unread() const noexcept { return {buffer_.get() + begin_, end_ - begin_}; }
    void refuse(int status) noexcept {
        refusal_ = status_ = status;
        ending_ = End::refuse;
    }

    class Watchers final : public ChildGroup {
        void child_ended(TaskNode& child) noexcept override { child.observe(); }
    };

    ServerShared& shared_;
    std::unique_ptr<io::ByteStream> stream_;
    EventLoop& loop_;
    ScopeGuard* scope_ = nullptr;  // around all that may be cut short; null outside
    Watchers watchers_;
    TaskHandle<void> watch_;  // empty while nobody watches
    H1Parser parser_;
    std::unique_ptr<char[]> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::string out_;
    std::string remote_;
    bool is_tls_ = false;

    Phase phase_ = Phase::head;
    End ending_ = End::quiet;
    int refusal_ = 0;
    TimePoint deadline_ = TimePoint::max();

    // Of the request under way:
    std::optional<Request> request_;
    RequestBody* body_ = nullptr;  // the handler's view of it, while it lives
    std::optional<std::uint64_t> max_body_;
    HttpVersion version_ = HttpVersion::http_1_1;
    bool is_head_ = false;
    bool keep_ = false;
    bool expects_continue_ = false;  // and it was not sent yet
    bool over_limit_ = false;
    bool broken_ = false;        // reading failed: nothing can be said any more
    bool whole_in_out_ = false;  // nothing of the answer but out_ is to be written
    bool has_body_ = false;      // of the answer
    Framing out_framing_ = Framing::none;
    int status_ = 0;
    std::uint64_t offset_before_ = 0;
    std::uint64_t bytes_out_ = 0;
    TimePoint started_{};
    TimePoint first_byte_{};

    // How fast the body comes (L11), over the time that it was waited for:
    TimePoint wait_began_{};
    Duration waited_{};
    Duration window_{};
    std::uint64_t window_bytes_ = 0;
};

}  // namespace tandem::inline v1::http
