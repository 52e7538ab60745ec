#include <tandem/testing/crawl_site.hpp>

#include <tandem/task/sleep.hpp>
#include <tandem/testing/demo_world_internal.hpp>

#include <algorithm>

namespace tandem::inline v1::testing {
namespace {

/// Links by a page's number that lead away from the pages.
std::string_view special_link(int page) {
    switch (page) {
        case 5:
            return "http://elsewhere.example/";
        case 10:
            return "/moved/1";
        case 20:
            return "/moved/2";
        case 30:
            return "/moved/4";
        case 40:
            return "/broken/1";
        case 60:
            return "/broken/2";
        case 70:
            return "//other.example/page/1";
        default:
            return {};
    }
}

constexpr int moved_to_page = 7;

std::string text_of(int page) {
    std::string text = "<!doctype html>\n<title>Page " + std::to_string(page) + "</title>\n";
    const auto link = [&text](std::string_view to) {
        text.append("<a href=\"").append(to).append("\">there</a>\n");
    };
    for (const int next : {2 * page, 2 * page + 1, page / 2, page * 7 % CrawlSite::page_count + 1}) {
        if (next >= 1 && next <= CrawlSite::page_count) link(CrawlSite::page_path(next));
    }
    if (const auto special = special_link(page); !special.empty()) link(special);
    return text;
}

}  // namespace

class CrawlSite::State {
public:
    explicit State(Duration every_delay) : delay(every_delay) {}

    http::Response page(const http::Request& request) {
        const auto number = number_from(request.path_value("number"));
        if (!number || *number < 1 || *number > page_count)
            return http::Response::text("404 Not Found\n", 404);
        const auto& pages = flaky();
        if (std::find(pages.begin(), pages.end(), *number) != pages.end() && requests_to(request.path()) < 3)
            return http::Response::text("503 Service Unavailable\n", 503);
        return http::Response::html(text_of(*number));
    }
    static http::Response moved(const http::Request& request) {
        const auto from = number_from(request.path_value("number")).value_or(0);
        if (from == 2) return http::Response::redirect("/moved/3");
        if (from == 4) return http::Response::redirect("5");  // relative
        if (from == 5) return http::Response::redirect("/moved/4", 301);
        return http::Response::redirect(page_path(moved_to_page));
    }
    std::uint64_t requests_to(std::string_view path) {
        const std::lock_guard lock(mutex);
        const auto found = by_path.find(path);
        return found == by_path.end() ? 0 : found->second;
    }

    const Duration delay;
    std::mutex mutex;  // guards what follows
    DemoCounts counts;
    std::map<std::string, std::uint64_t, std::less<>> by_path;
};

CrawlSite::CrawlSite(Duration delay) : state_(std::make_shared<State>(delay)) {}

http::Router CrawlSite::routes() const {
    http::Router routes;
    const auto site = state_;
    const auto answer = [&routes, site](std::string_view pattern, auto make) {
        routes.get(pattern, [site, make](http::Request& request) -> Task<http::Response> {
            const DemoVisit<State> visit(site, request.path());
            if (site->delay > Duration::zero()) co_await sleep(site->delay);
            co_return make(request);
        });
    };
    answer("/page/{number}", [site](http::Request& request) { return site->page(request); });
    answer("/moved/{number}", [](http::Request& request) { return State::moved(request); });
    answer("/broken/{number}",
           [](http::Request&) { return http::Response::text("500 Internal Server Error\n", 500); });
    return routes;
}

std::string CrawlSite::page_path(int page) { return "/page/" + std::to_string(page); }

const std::vector<int>& CrawlSite::flaky() {
    static const std::vector<int> pages = {110, 130, 150};
    return pages;
}

DemoCounts CrawlSite::counts() const {
    const std::lock_guard lock(state_->mutex);
    return state_->counts;
}

std::uint64_t CrawlSite::requests_to(std::string_view path) const { return state_->requests_to(path); }

}  // namespace tandem::inline v1::testing
