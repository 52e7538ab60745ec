#include <tandem/testing/demo_site.hpp>

#include <tandem/http/server.hpp>
#include <tandem/io/wait_list.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/demo_world_internal.hpp>

#include <charconv>
#include <cmath>
#include <exception>
#include <future>
#include <thread>

namespace tandem::inline v1::testing {
namespace {

http::Response not_found() { return http::Response::text("404 Not Found\n", 404); }

/// What stands in the path before ".json"; nothing without it.
std::optional<std::string_view> json_name(std::string_view file) {
    constexpr std::string_view end = ".json";
    if (!file.ends_with(end)) return std::nullopt;
    return file.substr(0, file.size() - end.size());
}

std::optional<Duration> seconds_from(std::string_view text) {
    double value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stopped != end || !(value >= 0) || value > 3600) return std::nullopt;
    return to_duration(std::chrono::duration<double>(value));
}

}  // namespace

http::Router DemoWorld::routes() const {
    using Visit = DemoVisit<State>;
    http::Router routes;
    const auto world = state_;
    const auto answer = [&routes, world](std::string_view pattern, auto make) {
        routes.get(pattern, [world, make](http::Request& request) -> http::Response {
            const Visit visit(world, request.path());
            return make(request);
        });
    };

    answer("/", [world](http::Request&) {
        return http::Response::html(
            "<!doctype html>\n<title>Demo</title>\n<h1>" + std::to_string(world->options.pages()) +
            " pages</h1>\n<p><a href=\"/page/1\">page 1</a> <a href=\"/v0/topstories.json\">"
            "news</a></p>\n");
    });
    routes.get("/page/{number}", [world](http::Request& request) -> Task<http::Response> {
        const Visit visit(world, request.path());
        const auto page = number_from(request.path_value("number"));
        if (!page || *page < 1 || *page > world->options.pages()) co_return not_found();
        const auto delay = world->page_delay(*page);
        if (delay > Duration::zero()) co_await sleep(delay);
        co_return http::Response::html(world->page_text(*page));
    });

    routes.get("/v0/item/{file}", [world](http::Request& request) -> Task<http::Response> {
        const Visit visit(world, request.path());
        const auto name = json_name(request.path_value("file"));
        if (!name) co_return not_found();
        const auto delay = world->options.item_delay();
        if (delay > Duration::zero()) co_await sleep(delay);
        co_return http::Response::json(world->item_json(number_from(*name).value_or(0)));
    });
    answer("/v0/askstories.json",
           [](http::Request&) { return http::Response::json(json_list({DemoWorld::ask})); });
    answer("/v0/jobstories.json",
           [](http::Request&) { return http::Response::json(json_list({DemoWorld::job})); });
    for (const auto* kind : {"top", "new", "best", "show"}) {
        answer("/v0/" + std::string(kind) + "stories.json",
               [world](http::Request&) { return http::Response::json(json_list(world->top)); });
    }
    answer("/v0/maxitem.json",
           [world](http::Request&) { return http::Response::json(std::to_string(world->last_item())); });
    answer("/v0/updates.json", [world](http::Request& request) {
        if (request.headers().get("Accept") == "text/event-stream")
            return answer_with_updates(request, world->top);
        return http::Response::json("{\"items\":" + json_list(world->top) +
                                    ",\"profiles\":[\"user1\",\"user2\"]}");
    });
    answer("/v0/user/{file}", [](http::Request& request) {
        const auto name = json_name(request.path_value("file"));
        if (!name) return not_found();
        if (!name->starts_with("user")) return http::Response::json("null");
        return http::Response::json("{\"about\":" + json_text("It is me, " + std::string(*name)) +
                                    ",\"created\":1600000000,\"delay\":0,\"id\":" + json_text(*name) +
                                    ",\"karma\":" + std::to_string(17 * name->size()) + ",\"submitted\":[" +
                                    std::to_string(DemoWorld::ask) + "]}");
    });

    routes.get("/delay/{seconds}", [world](http::Request& request) -> Task<http::Response> {
        const Visit visit(world, request.path());
        const auto delay = seconds_from(request.path_value("seconds"));
        if (!delay) co_return not_found();
        const std::string text = "{\"delay\": " + std::string(request.path_value("seconds")) + "}";
        if (*delay > Duration::zero()) co_await sleep(*delay);
        co_return http::Response::json(text);
    });
    answer("/get", [](http::Request& request) {
        const auto a = request.param("a");
        return http::Response::json(a ? "{\"args\": {\"a\": " + json_text(*a) + "}}" : "{\"args\": {}}");
    });
    for (const std::string name : {"ip", "query"}) {
        routes.get("/" + name, [world, name](http::Request& request) -> Task<http::Response> {
            const Visit visit(world, request.path());
            const auto delay = seconds_from(request.param("delay").value_or("0"));
            if (!delay) co_return not_found();
            if (*delay > Duration::zero()) co_await sleep(*delay);
            co_return http::Response::json("{\"" + name + "\": \"10.0.0.1\"}");
        });
    }
    answer("/error", [](http::Request&) { return http::Response::text("500 Internal Server Error\n", 500); });
    answer("/redirect/{hops}", [](http::Request& request) {
        const auto hops = number_from(request.path_value("hops"));
        if (!hops) return not_found();
        if (*hops == 0) return http::Response::text("arrived\n");
        return http::Response::redirect("/redirect/" + std::to_string(*hops - 1));
    });
    return routes;
}

class DemoSite::State {
public:
    explicit State(const DemoOptions& options)
        : port(options.port()), world(options), server(world.routes()) {}

    const std::uint16_t port;
    DemoWorld world;
    http::Server server;
};

DemoSite::DemoSite(const DemoOptions& options) : state_(std::make_unique<State>(options)) {}
DemoSite::~DemoSite() = default;

Task<void> DemoSite::start() {
    net::ListenOptions where;
    where.host = "127.0.0.1";
    where.port = state_->port;
    co_await state_->server.start(where);
}

Task<void> DemoSite::stop(Deadline deadline) { co_await state_->server.shutdown(deadline); }
std::uint16_t DemoSite::port() const { return state_->server.port(); }
std::string DemoSite::url(std::string_view path) const { return state_->server.url(path); }
const DemoWorld& DemoSite::world() const { return state_->world; }

DemoCounts DemoSite::counts() const {
    auto counts = state_->world.counts();
    counts.connections = state_->server.counts().connections;
    counts.connections_accepted = state_->server.counts().connections_accepted;
    return counts;
}

class DemoServer::State {
public:
    explicit State(const DemoOptions& options) : site(options) {}

    /// The thread's whole life.
    void work() {
        try {
            EventLoop own_loop;
            loop = &own_loop;
            own_loop.run_until_complete(serve());
            own_loop.close();
        } catch (...) {
            failed(std::current_exception());
        }
    }
    Task<void> serve() {
        co_await site.start();
        url = site.url("");
        port = site.port();
        serving = true;
        started.set_value();
        while (!stopping) co_await stop_asked.wait("the end of the demo");
        co_await site.stop();
    }
    void failed(std::exception_ptr error) {
        if (!serving) started.set_exception(std::move(error));
    }

    DemoSite site;
    EventLoop* loop = nullptr;
    bool serving = false;   // the thread's
    bool stopping = false;  // the thread's
    io::WaitList stop_asked;
    std::string url;
    std::uint16_t port = 0;
    std::promise<void> started;
    std::thread thread;
};

DemoServer::DemoServer(const DemoOptions& options) : state_(std::make_unique<State>(options)) {
    auto started = state_->started.get_future();
    state_->thread = std::thread([state = state_.get()] { state->work(); });
    try {
        started.get();
    } catch (...) {
        state_->thread.join();
        throw;
    }
}

DemoServer::~DemoServer() { stop(); }

void DemoServer::stop() noexcept {
    if (!state_->thread.joinable()) return;
    state_->loop->call_soon_threadsafe([state = state_.get()] {
        state->stopping = true;
        state->stop_asked.notify_all();
    });
    state_->thread.join();
}

std::uint16_t DemoServer::port() const { return state_->port; }
std::string DemoServer::url(std::string_view path) const { return state_->url + std::string(path); }
const DemoWorld& DemoServer::world() const { return state_->site.world(); }
DemoCounts DemoServer::counts() const { return state_->site.world().counts(); }

}  // namespace tandem::inline v1::testing
