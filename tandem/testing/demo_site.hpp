#pragma once

#include <tandem/base/time.hpp>
#include <tandem/http/router.hpp>
#include <tandem/task/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::inline v1::testing {

/// How large and how slow the demo world is.
class DemoOptions {
public:
    DemoOptions() {}
    DemoOptions(const DemoOptions&) = default;
    DemoOptions(DemoOptions&&) = default;
    DemoOptions& operator=(const DemoOptions&) = default;
    DemoOptions& operator=(DemoOptions&&) = default;
    ~DemoOptions() {}

    DemoOptions& pages(int value) { return pages_ = value, *this; }
    /// Times the pages' own delays of 2 to 60 ms; 0: none.
    DemoOptions& delay_scale(double value) { return delay_scale_ = value, *this; }
    DemoOptions& stories(int value) { return stories_ = value, *this; }
    /// Before every item of the news API.
    DemoOptions& item_delay(Duration value) { return item_delay_ = value, *this; }
    /// The port of 127.0.0.1 to serve on; 0: any.
    DemoOptions& port(std::uint16_t value) { return port_ = value, *this; }

    int pages() const { return pages_; }
    double delay_scale() const { return delay_scale_; }
    int stories() const { return stories_; }
    Duration item_delay() const { return item_delay_; }
    std::uint16_t port() const { return port_; }

private:
    int pages_ = 1'000;
    double delay_scale_ = 1.0;
    int stories_ = 20;
    Duration item_delay_ = std::chrono::milliseconds(5);
    std::uint16_t port_ = 0;
};

/// What the demo world was asked so far.
struct DemoCounts {
    std::uint64_t requests = 0;
    std::size_t simultaneous = 0;       ///< under way now
    std::size_t most_simultaneous = 0;  ///< at any time
    std::size_t connections = 0;        ///< open now
    std::uint64_t connections_accepted = 0;
};

/// What is served, always the same for the same options, and with every number known in advance:
///
/// - `/`, `/page/<n>`: pages that link to each other, each of 0.5 to 64 KiB and with a delay of 2 to 60 ms of
/// its own;
/// - `/v0/topstories.json` and new, best, ask, show, job, `/v0/item/<id>.json`, `/v0/user/<name>.json`,
///   `/v0/maxitem.json`, `/v0/updates.json`, also as an event stream: news in the shape of the Hacker News
///   API, stories with trees of comments and one item of each other kind, `null` for what does not exist;
/// - `/delay/<seconds>`, `/get?a=<n>`, `/ip` and `/query`, both also with `?delay=<seconds>`, `/error`,
/// `/redirect/<n>`: small answers for tests.
///
/// Threads     the counts may be read from any thread, everything else is constant.
/// Lifetime    copies are the same world.
class DemoWorld {
public:
    explicit DemoWorld(const DemoOptions& options = DemoOptions());

    /// Items that stand in no story's tree.
    static constexpr int ask = 121'003;
    static constexpr int job = 192'327;
    static constexpr int poll = 126'809;
    static constexpr int poll_option = 126'810;
    static constexpr int deleted_comment = 126'822;
    /// How many events the stream of updates has, numbered from 1; the first connection ends after two.
    static constexpr int live_updates = 5;

    http::Router routes() const;

    int page_count() const;
    static std::string page_path(int page);
    std::size_t page_bytes(int page) const;
    Duration page_delay(int page) const;
    /// The page itself, for comparing.
    std::string page_text(int page) const;
    std::vector<int> links_of(int page) const;

    /// Ids, best story first.
    const std::vector<int>& stories() const;
    /// How many comments stand below a story, at any depth.
    int comment_count(int story) const;
    /// Stories and comments.
    int item_count() const;
    /// The item as it is served; "null" if there is none.
    std::string item_json(int id) const;
    const std::vector<int>& kids_of(int id) const;

    DemoCounts counts() const;
    /// How often a path was asked for, without its query.
    std::uint64_t requests_to(std::string_view path) const;
    void reset_counts();

private:
    friend class DemoSite;
    class State;
    std::shared_ptr<State> state_;
};

/// The demo world on a port of loopback, served by the loop that starts it.
///
///     testing::DemoSite site;
///     co_await site.start();
///     auto reply = co_await http::get(site.url("/page/7"));
///     co_await site.stop();
///
/// Errors      `start()`: `net::listen`'s.
/// Cancelling  `stop()`: what was still being answered is cut off.
/// Threads     its loop's.
/// Lifetime    destroyed while it serves, its connections are cancelled.
class DemoSite {
public:
    explicit DemoSite(const DemoOptions& options = DemoOptions());
    DemoSite(const DemoSite&) = delete;
    DemoSite& operator=(const DemoSite&) = delete;
    ~DemoSite();

    [[nodiscard]] Task<void> start();
    [[nodiscard]] Task<void> stop(Deadline deadline = std::chrono::seconds(1));

    std::uint16_t port() const;
    /// "http://127.0.0.1:4711" and `path`.
    std::string url(std::string_view path = "/") const;
    const DemoWorld& world() const;
    DemoCounts counts() const;

private:
    class State;
    std::unique_ptr<State> state_;
};

/// The same on a thread and a loop of its own, for programs that have none yet: serving when the constructor
/// returns.
///
///     testing::DemoServer server;
///     std::string page = http::get(server.url("/page/7")).get().text().get();
///
/// Errors      the constructor: what kept it from serving.
/// Threads     any, also several.
/// Lifetime    the destructor stops serving and joins the thread.
class DemoServer {
public:
    explicit DemoServer(const DemoOptions& options = DemoOptions());
    DemoServer(const DemoServer&) = delete;
    DemoServer& operator=(const DemoServer&) = delete;
    ~DemoServer();

    std::uint16_t port() const;
    std::string url(std::string_view path = "/") const;
    const DemoWorld& world() const;
    /// Without the connections, which only the server's own thread may count: they are 0.
    DemoCounts counts() const;
    /// Idempotent.
    void stop() noexcept;

private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::inline v1::testing
