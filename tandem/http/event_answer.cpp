// The server's side of server-sent events: a generator's events as a body.
#include <tandem/http/event_source.hpp>

#include <tandem/sync/channel.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace tandem::inline v1::http {
namespace {

/// The generator runs in a task of its own, so that a heartbeat can go out while it waits.
class EventBody final : public BodySource {
public:
    EventBody(AsyncGenerator<ServerEvent> events, Duration heartbeat)
        : events_(std::move(events)), heartbeat_(heartbeat) {}
    EventBody(const EventBody&) = delete;
    EventBody& operator=(const EventBody&) = delete;
    ~EventBody() override {
        if (pulling_) pulling_.cancel("the client of its events has gone");
    }

    Task<std::size_t> read_some(MutableBytes buffer) override {
        std::size_t count = 0;
        if (buffer.empty() || over_) co_return count;
        if (!pulling_) start();
        if (given_out_ == text_.size()) co_await next_text();
        count = std::min(buffer.size(), text_.size() - given_out_);
        std::memcpy(buffer.data(), text_.data() + given_out_, count);
        given_out_ += count;
        co_return count;
    }

private:
    void start() {
        auto [sender, receiver] = Channel<std::string>(1);
        texts_.emplace(std::move(receiver));
        pulling_ = create_task(pull(std::move(events_), std::move(sender)), {.name = "events"});
    }
    static Task<void> pull(AsyncGenerator<ServerEvent> events, Sender<std::string> texts) {
        while (auto event = co_await events.next()) co_await texts.send(serialise(*event));
    }
    /// Nothing at the end.
    Task<void> next_text() {
        given_out_ = 0;
        text_ = ":\n\n";
        auto taken = co_await move_on_after(heartbeat_, texts_->receive());
        if (!taken) co_return;
        if (*taken) {
            text_ = std::move(**taken);
            co_return;
        }
        text_.clear();
        over_ = true;
        co_await pulling_;  // throws the generator's error
    }

    AsyncGenerator<ServerEvent> events_;
    Duration heartbeat_;
    TaskHandle<void> pulling_;
    std::optional<Receiver<std::string>> texts_;
    std::string text_;
    std::size_t given_out_ = 0;
    bool over_ = false;
};

}  // namespace

Response answer_with_events(AsyncGenerator<ServerEvent> events, const EventAnswerOptions& options) {
    if (options.heartbeat <= Duration::zero())
        throw std::invalid_argument("EventAnswerOptions: heartbeat must be above zero");
    auto answer = Response::stream(std::make_unique<EventBody>(std::move(events), options.heartbeat),
                                   "text/event-stream");
    answer.header("Cache-Control", "no-store");
    return answer;
}

}  // namespace tandem::inline v1::http
