#include <tandem/http/event_source.hpp>

#include <tandem/http/errors.hpp>
#include <tandem/http/headers.hpp>
#include <tandem/loop/random_seed.hpp>
#include <tandem/task/sleep.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <exception>
#include <random>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

namespace tandem::inline v1::http {
namespace {

constexpr std::string_view event_stream = "text/event-stream";

/// The type alone, whatever its parameters and case.
bool is_event_stream(std::string_view type) {
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
    return equals_ignoring_case(type, event_stream);
}

}  // namespace

NotAnEventStream::NotAnEventStream(const std::string& url, const std::string& type)
    : Error(std::make_error_code(std::errc::bad_message), Reached::processed,
            "events of " + url + ": the answer is " + (type.empty() ? "of no type" : type) + ", not " +
                std::string(event_stream)) {}

class EventSource::State {
public:
    State(Client& client, std::string url, const EventSourceOptions& options)
        : client_(client), url_(std::move(url)), options_(options), parser_(options.limits) {
        if (options.retry <= Duration::zero() || options.max_retry <= Duration::zero())
            throw std::invalid_argument("EventSourceOptions: a pause must be above zero");
    }

    Task<std::optional<ServerEvent>> next() {
        if (failure_) std::rethrow_exception(failure_);
        while (events_.empty() && !over_) {
            if (!response_) {
                co_await pause();
                co_await connect();
                continue;
            }
            co_await read();
        }
        if (failure_) std::rethrow_exception(failure_);
        if (events_.empty()) co_return std::nullopt;
        std::optional<ServerEvent> event(std::move(events_.front()));
        events_.pop_front();
        id_ = event->id;
        co_return event;
    }

    const std::string& last_event_id() const noexcept { return id_; }
    std::size_t connections() const noexcept { return connections_; }

private:
    /// Before a connection that is not the first.
    Task<void> pause() {
        if (!waits_) co_return;
        const auto usual = parser_.retry().value_or(options_.retry);
        const auto longest = std::max(options_.max_retry, usual);
        auto wait = usual;
        for (int i = 0; i < failures_ && wait < longest; ++i) wait = std::min(wait * 2, longest);
        if (failures_ > 0) wait += std::chrono::nanoseconds(jitter_(random_) * (wait.count() / 1'000));
        co_await sleep(wait);
        waits_ = false;
    }

    Task<void> connect() {
        Options how;
        how.header("Accept", event_stream).header("Cache-Control", "no-store").timeout(std::nullopt);
        if (!parser_.last_id().empty()) how.header("Last-Event-ID", parser_.last_id());
        ++connections_;
        bool lost = false;
        try {
            Response response = co_await client_.get(url_, std::move(how));
            response_.emplace(std::move(response));
        } catch (const ClientClosed&) {
            throw;
        } catch (const std::exception&) {
            if (!answered_) throw;
            lost = true;
        }
        if (lost) {
            lose();
            ++failures_;
            co_return;
        }
        look_at_head();
    }

    void look_at_head() {
        if (response_->status() == 204) {
            over_ = true;
            response_.reset();
            return;
        }
        const std::string type(response_->headers().get("Content-Type").value_or(""));
        if (response_->status() != 200)
            fail(std::make_exception_ptr(
                StatusError(response_->status(), response_->reason(), response_->method(), url_)));
        else if (!is_event_stream(type))
            fail(std::make_exception_ptr(NotAnEventStream(url_, type)));
        else
            answered_ = true;
    }

    Task<void> read() {
        std::array<char, 4'096> piece;
        std::size_t count = 0;
        bool cancelled = true;
        struct Leave {
            State& state;
            const bool& cancelled;
            ~Leave() {
                if (cancelled) state.forget_connection();
            }
        } leave{*this, cancelled};
        try {
            const std::size_t got = co_await response_->read_some(MutableBytes(piece.data(), piece.size()));
            count = got;
        } catch (const ClientClosed&) {
            throw;
        } catch (const std::exception&) {
            count = 0;
        }
        cancelled = false;
        if (count == 0) {
            lose();
            co_return;
        }
        failures_ = 0;
        try {
            for (auto& event : parser_.feed(std::string_view(piece.data(), count)))
                events_.push_back(std::move(event));
        } catch (const LimitExceeded&) {
            fail(std::current_exception());
        }
    }

    void forget_connection() {
        response_.reset();
        parser_.restart();
    }
    void lose() {
        forget_connection();
        waits_ = true;
    }
    void fail(std::exception_ptr error) {
        failure_ = std::move(error);
        over_ = true;
        response_.reset();
    }

    Client& client_;
    std::string url_;
    EventSourceOptions options_;
    EventParser parser_;
    std::optional<Response> response_;
    std::deque<ServerEvent> events_;
    std::string id_;  // of the last event that was given out
    std::exception_ptr failure_;
    std::size_t connections_ = 0;
    int failures_ = 0;  // connections in a row that were not made
    bool answered_ = false;
    bool waits_ = false;  // a connection was lost, and no pause was made since
    bool over_ = false;
    std::minstd_rand random_{static_cast<std::minstd_rand::result_type>(random_seed())};
    std::uniform_int_distribution<int> jitter_{0, 250};  // thousandths of a pause
};

EventSource::EventSource(Client& client, std::string url, const EventSourceOptions& options)
    : state_(std::make_unique<State>(client, std::move(url), options)) {}
EventSource::EventSource(EventSource&&) noexcept = default;
EventSource& EventSource::operator=(EventSource&&) noexcept = default;
EventSource::~EventSource() = default;

Task<std::optional<ServerEvent>> EventSource::next() { return state_->next(); }
const std::string& EventSource::last_event_id() const noexcept { return state_->last_event_id(); }
std::size_t EventSource::connections() const noexcept { return state_->connections(); }

}  // namespace tandem::inline v1::http
