#include <tandem/http/server_connection_internal.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/base/failure.hpp>
#include <tandem/http/dates.hpp>
#include <tandem/http/errors.hpp>
#include <tandem/http/server_body_internal.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>

#include <cxxabi.h>

#include <algorithm>
#include <chrono>

namespace tandem::inline v1::http {
namespace {

using namespace std::chrono_literals;

constexpr auto linger_limit = 2s;
constexpr auto watch_after = 200ms;

HttpLimits without_body_limit(HttpLimits limits) {
    limits.max_body_bytes.reset();
    return limits;
}

}  // namespace

ServerShared::ServerShared(Handler the_handler, ServerOptions the_options)
    : handler(std::move(the_handler)),
      options(std::move(the_options)),
      parser_limits(without_body_limit(options.limits())) {}

std::string_view ServerShared::date_field(EventLoop& loop) {
    const TimePoint now = loop.turn_time();
    if (now >= date_until_) {
        const auto wall = loop.clock().date();
        const auto second = std::chrono::floor<std::chrono::seconds>(wall);
        date_field_ = "Date: ";
        append_http_date(date_field_, second);
        date_field_ += "\r\n";
        date_until_ = saturating_add(now, second + 1s - wall);
    }
    return date_field_;
}

void ServerShared::start_draining() noexcept {
    draining = true;
    for (Drainable* one = connections.front(); one; one = connections.next_of(*one)) one->start_draining();
}

ServerConnection::ServerConnection(ServerShared& shared, std::unique_ptr<io::ByteStream> stream)
    : shared_(shared),
      stream_(std::move(stream)),
      loop_(this_loop()),
      parser_(H1Role::request, shared.parser_limits),
      buffer_(std::make_unique_for_overwrite<char[]>(buffer_bytes)) {
    is_tls_ = stream_->extra("tls.version").has_value();
    shared_.connections.push_back(*this);
}

ServerConnection::~ServerConnection() {
    shared_.connections.remove(*this);
    loop_.timers().remove(*this);
    if (body_) body_->detach();
}

Task<void> ServerConnection::run() {
    std::exception_ptr fatal;
    {
        ScopeGuard guard;
        scope_ = &guard;
        if (shared_.draining)
            start_draining();
        else
            enter(Phase::head, shared_.options.head_deadline());
        try {
            co_await exchange();
        } catch (const Cancelled&) {
            if (!guard.absorbs()) fatal = std::current_exception();
        } catch (const Interrupted&) {
            fatal = std::current_exception();
        } catch (const SystemExit&) {
            fatal = std::current_exception();
        } catch (const abi::__forced_unwind&) {
            throw;
        } catch (...) {
            ending_ = End::abort;  // the stream failed: the peer is gone, and there is nobody to tell
        }
        scope_ = nullptr;
    }
    loop_.timers().remove(*this);
    if (watch_) co_await stop_watch();
    if (request_) note_access();
    request_.reset();
    if (fatal || ending_ == End::abort) stream_->abort();
    if (fatal) std::rethrow_exception(fatal);
    co_await say_goodbye();
}

/// The life of a connection: one request after the other.
Task<void> ServerConnection::exchange() {
    std::optional<Response> response;
    for (;;) {
        for (auto head = parse_head(); head != HeadState::complete; head = parse_head()) {
            if (head == HeadState::refused) co_return;
            const std::size_t count = co_await stream_->read_some(room());
            if (count == 0) co_return;  // P57
            end_ += count;
        }
        response.reset();
        const Endpoint* const endpoint = open_request(response);
        if (ending_ == End::refuse) co_return;

        std::exception_ptr failure;
        if (endpoint) {
            enter(Phase::handling, watch_after);
            try {
                if (endpoint->plain) {
                    response.emplace(endpoint->plain(*request_));
                } else {
                    Response made = co_await endpoint->coroutine(*request_);
                    response.emplace(std::move(made));
                }
            } catch (...) {
                failure = caught_failure();
            }
            if (watch_) co_await stop_watch();
        }
        if (failure && !answer_failure(failure, response)) co_return;
        failure = nullptr;
        if (!discard_buffered()) co_await read_away();
        prepare(response);
        enter(Phase::writing, shared_.options.write_stall());
        if (whole_in_out_)
            co_await stream_->write_all(out_);
        else
            co_await write_body(*response);
        if (!finish_exchange()) co_return;
        // Who asks for much at once has his turn as everybody has (row V9).
        if (!unread().empty()) co_await checkpoint();
    }
}

/// Takes what is there. The first bytes of a head start its deadline.
ServerConnection::HeadState ServerConnection::parse_head() {
    const H1Step step = parser_.feed(unread());
    begin_ += step.consumed;
    if (step.event == H1Event::head) return HeadState::complete;
    if (step.event == H1Event::error) {
        refuse(parser_.error().status);
        return HeadState::refused;
    }
    if (phase_ != Phase::head && phase_ != Phase::idle) enter(Phase::idle, shared_.options.idle());
    if (phase_ == Phase::idle && parser_.started()) enter(Phase::head, shared_.options.head_deadline());
    return HeadState::incomplete;
}

/// Makes the request of the head that was read and finds who answers. Null: `response` is the answer already,
/// or the request is refused.
const Endpoint* ServerConnection::open_request(std::optional<Response>& response) {
    started_ = first_byte_ = loop_.turn_time();
    status_ = 0;
    bytes_out_ = 0;
    over_limit_ = false;
    waited_ = Duration::zero();
    window_ = 15s;
    window_bytes_ = 0;
    keep_ = parser_.keep_alive();
    if (!make_request() || !take_expectation()) return nullptr;
    ++shared_.counts.requests;

    const auto& method = request_->method();
    is_head_ = method == "HEAD";
    if (method == "TRACE" || method == "CONNECT") {
        if (method == "TRACE" && parser_.framing() != Framing::none) {
            refuse(400);
        } else {
            response = Response::text("405 Method Not Allowed\n", 405);
            response->header("Allow", "GET, HEAD, OPTIONS");
            keep_ = keep_ && method == "TRACE";
        }
        return nullptr;
    }
    const Endpoint* const endpoint = shared_.handler.dispatcher().choose(*request_, response);
    return admit_body(endpoint) ? endpoint : nullptr;
}

bool ServerConnection::make_request() {
    RequestHead head = parser_.take_request();
    version_ = head.version;
    std::string text;
    if (head.target.starts_with('/') || head.target == "*" || head.method == "CONNECT") {
        text = is_tls_ ? "https://" : "http://";
        const auto host = head.headers.get("Host");
        text += host ? *host : std::string_view("localhost");
        text += head.target.starts_with('/') ? std::string_view(head.target) : std::string_view("/");
    } else {
        text = head.target;
    }
    auto url = Url::try_parse(text);
    if (!url) {
        refuse(400);
        return false;
    }
    Body body;
    if (parser_.framing() != Framing::none) {
        auto source = std::make_unique<RequestBody>(*this);
        body_ = source.get();
        body = Body(std::unique_ptr<BodySource>(std::move(source)));
    }
    if (remote_.empty()) remote_ = stream_->peer_address();
    request_.emplace(std::move(head), std::move(*url), std::move(body));
    request_->remote(remote_);
    return true;
}

/// H157. HTTP/1.0 has no expectations.
bool ServerConnection::take_expectation() {
    expects_continue_ = false;
    const auto expected = request_->headers().get("Expect");
    if (!expected || version_ == HttpVersion::http_1_0) return true;
    if (!equals_ignoring_case(*expected, "100-continue")) {
        refuse(417);
        return false;
    }
    expects_continue_ = !parser_.body_complete();
    return true;
}

/// H158: what says that it is too long is refused before anybody has seen it.
bool ServerConnection::admit_body(const Endpoint* endpoint) {
    max_body_ = shared_.options.limits().max_body_bytes;
    if (endpoint && endpoint->options.body_limit != RouteOptions::BodyLimit::servers) {
        max_body_.reset();
        if (endpoint->options.body_limit == RouteOptions::BodyLimit::own)
            max_body_ = endpoint->options.max_body_bytes;
    }
    const auto length = parser_.content_length();
    if (!endpoint || !max_body_ || !length || *length <= *max_body_) return true;
    refuse(413);
    return false;
}

/// False if nothing but the end of the connection is left. H159.
bool ServerConnection::answer_failure(const std::exception_ptr& failure, std::optional<Response>& response) {
    if (broken_) {
        ending_ = End::abort;
        return false;
    }
    if (over_limit_) {
        refuse(413);
        return false;
    }
    if (parser_failed()) {
        refuse(parser_.error().status);
        return false;
    }
    ++shared_.counts.failures;
    report("exception in the handler of a request", failure);
    response = Response::text("500 Internal Server Error\n", 500);
    return true;
}

/// True if another request may follow.
bool ServerConnection::finish_exchange() {
    note_access();
    request_.reset();
    if (body_) body_->detach();  // the handler has put its request away
    is_head_ = false;
    if (!keep_) {
        if (ending_ == End::quiet && (begin_ != end_ || !parser_.body_complete())) ending_ = End::linger;
        return false;
    }
    offset_before_ = parser_.offset();
    parser_.reset();
    return true;
}

void ServerConnection::report(const char* what, const std::exception_ptr& failure) const noexcept {
    try {
        auto message = std::string(what);
        if (request_) {
            message.append(": ").append(escape_excerpt(request_->method())).append(" ");
            message.append(escape_excerpt(request_->target(), 200)).append(" of ").append(remote_);
        }
        const auto task = current_task();
        loop_.call_exception_handler({message, failure, task ? task->name : std::string(),
                                      task ? task->spawned_at : SourceLocation(), Severity::error});
    } catch (...) {  // a report less
    }
}

void ServerConnection::note_access() const {
    const auto& log = shared_.options.access_log();
    if (!log || !request_) return;
    const auto target = request_->target();
    AccessRecord record;
    record.peer = remote_;
    record.method = request_->method();
    record.target = target;
    record.status = status_;
    record.bytes_in = parser_.offset() - offset_before_;
    record.bytes_out = bytes_out_;
    record.first_byte = first_byte_ - started_;
    record.total = loop_.time() - started_;
    record.tls = is_tls_;
    log(record);
}

/// What is still to be said when no more requests are read, each with its own limit of time.
Task<void> ServerConnection::say_goodbye() {
    ScopeGuard guard(shared_.options.write_stall() ? Deadline(*shared_.options.write_stall()) : Deadline());
    try {
        if (ending_ == End::refuse) {
            write_refusal();
            co_await stream_->write_all(out_);
        }
        if (ending_ == End::refuse || ending_ == End::linger) co_await linger();
        co_await stream_->close();
    } catch (const Cancelled&) {
        stream_->abort();
        if (!guard.absorbs()) throw;
    } catch (...) {
        static_cast<void>(caught_failure());
        stream_->abort();
    }
}

/// Goes on reading until the peer has our answer: closing with bytes unread would send a reset that overtakes
/// it.
Task<void> ServerConnection::linger() {
    ScopeGuard guard(linger_limit);
    try {
        if (stream_->can_shutdown_write()) co_await stream_->shutdown_write();
        for (;;) {
            begin_ = end_ = 0;
            const std::size_t count = co_await stream_->read_some(room());
            if (count == 0) co_return;
        }
    } catch (const Cancelled&) {
        if (!guard.absorbs()) throw;
    }
}

}  // namespace tandem::inline v1::http
