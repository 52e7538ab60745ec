#include <tandem/http/client_call_internal.hpp>

#include <tandem/http/client_body_internal.hpp>

#include <algorithm>
#include <span>
#include <utility>

namespace tandem::inline v1::http {

/// Fills in what only a client knows of a response.
class ResponseMaker {
public:
    static Response make(ResponseHead head, const Connection& connection, Quirks quirks) {
        Response response(std::move(head), Body());
        response.connection_ = connection.info;
        response.quirks_ = quirks;
        return response;
    }
    static void set_length(Response& response, std::optional<std::uint64_t> length, bool known) {
        response.content_length_ = length;
        response.length_known_ = known;
    }
    static void set_journey(Response& response, Journey& journey) {
        response.url_ = std::move(journey.url);
        response.method_ = std::move(journey.method);
        response.history_ = std::move(journey.history);
    }
    static void set_figures(Response& response, const Timings& timings, const ByteCounts& counts,
                            std::optional<std::uint64_t> max_body_bytes) {
        response.timings_ = timings;
        response.counts_ = counts;
        response.max_body_bytes_ = max_body_bytes;
    }
};

namespace {

constexpr std::size_t short_body_bytes = 16 * 1024;  // goes out with the head

Url parse(const ClientOptions& settings, CallTarget& target) {
    if (auto* url = std::get_if<Url>(&target)) return std::move(*url);
    const std::string& text = std::get<std::string>(target);
    return settings.base_url() ? Url(text, *settings.base_url()) : Url(text);
}

std::optional<Timeouts> own_limits(const ClientOptions& settings, const Options& options) {
    if (!options.timeouts && !options.total) return std::nullopt;
    Timeouts limits = options.timeouts.value_or(settings.timeouts());
    if (options.total) limits.total = *options.total;
    limits.validate();
    return limits;
}

BodyFraming framing_of(const Body& body, std::string_view method) {
    if (body.present()) {
        const auto length = body.length();
        return length ? BodyFraming::bytes(*length) : BodyFraming::chunked();
    }
    const bool expects_one = method == "POST" || method == "PUT" || method == "PATCH";
    return expects_one ? BodyFraming::bytes(0) : BodyFraming::none();
}

}  // namespace

Call::Call(ClientState& state, std::string method, CallTarget& target, Options& options)
    : state_(state),
      pool_(*state.pool),
      loop_(pool_.loop()),
      options_(options),
      own_limits_(own_limits(state.settings, options)),
      limits_(own_limits_ ? *own_limits_ : state.settings.timeouts()),
      called_(loop_.time()),
      total_due_(limits_.total ? saturating_add(called_, *limits_.total) : TimePoint::max()),
      decompress_(options.decompress.value_or(state.settings.decompress())),
      follows_(options.follow_redirects.value_or(state.settings.follow_redirects())),
      journey_(std::move(method), parse(state.settings, target), options),
      timer_(loop_, total_due_, limits_.total) {}

Connection* Call::take_idle() {
    hop_began_ = begun_ = std::max(called_, loop_.turn_time());
    timings_ = {};
    counts_ = {};
    return freshness_ == Pool::Freshness::any ? pool_.take_idle(pool_.origin(journey_.url)) : nullptr;
}

Origin& Call::wait_for_slot() {
    Origin& origin = pool_.origin(journey_.url);
    peer_ = origin.host + ":" + std::to_string(origin.port);
    reached_ = Reached::not_sent;
    begun_ = TimePoint::max();
    timer_.enter(CallTimer::Phase::pool, limits_.pool, loop_.time());
    return origin;
}

void Call::begin(Connection& connection) {
    lease_ = Lease(state_.pool, connection);
    reused_ = connection.calls > 1;
    if (begun_ == TimePoint::max()) begun_ = loop_.time();
    if (!reused_) {
        timings_.resolve = connection.resolve;
        timings_.connect = connection.connect;
        timings_.tls = connection.tls;
    }
    timings_.queued =
        std::max(Duration(), begun_ - hop_began_ - timings_.resolve - timings_.connect - timings_.tls);

    HeadParts parts;
    parts.method = journey_.method;
    parts.url = &journey_.url;
    parts.origin = connection.origin;
    parts.headers = &options_.headers;
    parts.authorization = journey_.authorization;
    parts.user_fields = journey_.left_origin ? UserFields::any_origin_only : UserFields::all;
    parts.framing = framing_ = framing_of(options_.body, journey_.method);
    parts.decompress = decompress_;
    connection.out.clear();
    try {
        state_.heads.write(connection.out, parts);
    } catch (...) {
        lease_.give_back(true);  // nothing was sent
        throw;
    }
    asks_to_close_ = state_.heads.asks_to_close(parts);
    long_body_ = !options_.body.is_in_memory() || options_.body.in_memory().size() > short_body_bytes;
    if (!long_body_) connection.out += options_.body.in_memory();

    connection.parser.expect(journey_.method);
    offset_ = connection.parser.offset();
    counts_.sent = connection.out.size();
    reached_ = Reached::maybe_processed;
    sending_failed_ = answered_ = whole_ = false;
    timer_.enter(CallTimer::Phase::write_idle, limits_.write_idle, begun_);
}

void Call::begin_reading() {
    sent_ = std::max(begun_, loop_.turn_time());
    timings_.send = sent_ - begun_;
    buffer_ = pool_.borrow_buffer();
    if (limits_.response)
        timer_.enter(CallTimer::Phase::response, limits_.response, sent_);
    else
        timer_.enter(CallTimer::Phase::read_idle, limits_.read_idle, sent_);
}

bool Call::take(std::size_t count) {
    H1Parser& parser = lease_->parser;
    if (count == 0) {
        if (parser.finish_eof().event == H1Event::error) parser.throw_error();
        return true;
    }
    end_ = count;
    for (at_ = 0;;) {
        const auto step = parser.feed(std::span<const char>(buffer_.data() + at_, end_ - at_));
        at_ += step.consumed;
        if (step.event == H1Event::error) parser.throw_error();
        if (step.event == H1Event::need_more) break;
        if (step.event != H1Event::head) continue;
        answered_ = true;
        break;
    }
    if (!answered_) {
        if (!limits_.response)
            timer_.enter(CallTimer::Phase::read_idle, limits_.read_idle, loop_.turn_time());
        return false;
    }
    reached_ = Reached::processed;
    freshness_ = Pool::Freshness::any;
    timer_.leave();
    head_done_ = std::max(sent_, loop_.turn_time());
    timings_.wait = head_done_ - sent_;
    timings_.first_byte = timings_.total = head_done_ - called_;
    head_bytes_ += parser.head_bytes();
    coded_ = is_coded();
    if (!coded_) take_whole_body();
    counts_.received = parser.offset() - offset_;
    counts_.body = counts_.decoded = parser.body_bytes();
    return true;
}

bool Call::is_coded() const {
    const H1Parser& parser = lease_->parser;
    if (!decompress_ || parser.framing() == Framing::none || journey_.method == "HEAD") return false;
    return parser.headers().contains("Content-Encoding");
}

/// A body that has come along with its head needs no further read.
void Call::take_whole_body() {
    H1Parser& parser = lease_->parser;
    const auto rest = std::string_view(buffer_.data() + at_, end_ - at_);
    body_.clear();
    if (parser.framing() == Framing::until_close) return;
    if (parser.framing() == Framing::length && parser.content_length().value_or(0) > rest.size()) return;
    if (parser.framing() == Framing::chunked && !rest.ends_with("0\r\n\r\n")) return;
    while (!whole_) {
        const auto step = parser.feed(std::span<const char>(buffer_.data() + at_, end_ - at_));
        at_ += step.consumed;
        if (step.event == H1Event::error) parser.throw_error();
        if (step.event == H1Event::need_more) return;  // what looked like the last chunk was none
        if (step.event == H1Event::trailers) return;   // they belong to a source
        if (step.event == H1Event::body) body_.append(step.body.data(), step.body.size());
        whole_ = step.event == H1Event::end;
    }
    if (at_ < end_) parser.note(Quirk::extra_bytes);
}

void Call::reading_failed(const std::exception& error) {
    if (!lease_->parser.started()) return;
    throw IncompleteBody(lease_->parser.offset() - offset_, std::nullopt,
                         std::string("within the head of the response: ") + error.what());
}

void Call::repeat() {
    if (pool_.closed())
        throw ClientClosed("the client was closed while a request was under way", Reached::maybe_processed);
    lease_.cut();
    buffer_ = ReadBuffer();
    const bool may = reused_ && state_.settings.retry_stale() && freshness_ == Pool::Freshness::any &&
                     is_idempotent(journey_.method) && options_.body.rewind();
    if (!may) {
        throw ServerDisconnected(
            journey_.url.host(),
            reused_ ? ServerDisconnected::Connection::reused : ServerDisconnected::Connection::fresh,
            Reached::maybe_processed);
    }
    freshness_ = Pool::Freshness::fresh;
}

bool Call::follow() {
    H1Parser& parser = lease_->parser;
    const int status = parser.response().status;
    if (!follows_ || !is_redirect(status)) return false;
    const auto location = parser.headers().get("Location");
    if (!location) return false;
    if (const auto& most = state_.settings.limits().max_redirect_header_bytes; most && head_bytes_ > *most)
        throw LimitExceeded("heads of all hops", "HttpLimits::max_redirect_header_bytes", *most, head_bytes_);
    const std::string next(*location);
    if (whole_) {
        const bool keep =
            !asks_to_close_ && !sending_failed_ && parser.keep_alive() && parser.quirks().empty();
        parser.reset();
        lease_.give_back(keep);
    } else {
        lease_.cut();  // reading the rest away may cost more than a connection
    }
    buffer_ = ReadBuffer();
    journey_.follow(status, next, state_.settings, head_done_ - hop_began_);
    return true;
}

Response Call::respond() {
    H1Parser& parser = lease_->parser;
    std::optional<ContentDecoder> decoder;
    if (coded_) {
        const auto codings = parser.headers().combined("Content-Encoding");
        decoder.emplace(ContentDecoder::create(codings.value_or(""), state_.settings.decode_limits()));
        if (decoder->is_identity()) decoder.reset();
    }
    const Framing framing = parser.framing();
    Response response = ResponseMaker::make(parser.take_response(), *lease_, parser.quirks());
    ResponseMaker::set_length(response, parser.content_length(), framing != Framing::until_close);
    ResponseMaker::set_journey(response, journey_);
    ResponseMaker::set_figures(response, timings_, counts_, state_.settings.max_body_bytes());
    if (whole_) {
        const bool keep =
            !asks_to_close_ && !sending_failed_ && parser.keep_alive() && parser.quirks().empty();
        parser.reset();
        lease_.give_back(keep);
        response.body(Body(std::move(body_)));
    } else {
        response.body(Body(streamed_body(std::move(decoder))));
    }
    return response;
}

std::unique_ptr<BodySource> Call::streamed_body(std::optional<ContentDecoder> decoder) {
    ClientBody::Start start;
    start.lease = std::move(lease_);
    start.buffer = std::move(buffer_);
    start.at = at_;
    start.end = end_;
    start.prefix = std::move(body_);
    start.decoder = std::move(decoder);
    start.reusable = !asks_to_close_ && !sending_failed_;
    start.called = called_;
    start.head_done = head_done_;
    start.total_due = total_due_;
    start.total = limits_.total;
    start.read_idle = limits_.read_idle;
    start.counts = counts_;
    start.offset = offset_;
    return std::make_unique<ClientBody>(std::move(start));
}

TimeoutError Call::timeout_error() const {
    const std::string peer = peer_.empty() ? std::string(journey_.url.host()) : peer_;
    const bool sent = reached_ != Reached::not_sent;
    std::string detail = peer + (sent ? " sent nothing" : " has no connection for this call yet");
    if (sent && timer_.phase() == CallTimer::Phase::write_idle)
        detail = peer + " takes no byte of the request";
    return timer_.error(detail, reached_);
}

}  // namespace tandem::inline v1::http
