// H15: the news as data, and what changes while one looks.
#include <examples/hacker_news/api.hpp>
#include <examples/hacker_news/news.hpp>

#include <cstdio>

using namespace tandem;
using hacker_news::Api;
using hacker_news::Stories;

namespace {

Task<void> print_item(Api& api, long id) {
    const auto item = co_await api.item(id);
    if (!item) {
        std::printf("%ld: null\n", id);
        co_return;
    }
    std::printf("%ld: a %s%s by %s at %ld, %ld points, %zu kids", id, item->deleted ? "deleted " : "",
                item->type.c_str(), item->by.empty() ? "nobody" : item->by.c_str(), item->time, item->score,
                item->kids.size());
    if (item->parent) std::printf(", parent %ld", *item->parent);
    if (item->poll) std::printf(", of poll %ld", *item->poll);
    if (!item->parts.empty()) std::printf(", %zu parts", item->parts.size());
    std::printf("%s%s\n", item->title.empty() ? "" : ": ", item->title.c_str());
}

Task<void> print_lists(Api& api) {
    const auto top = co_await api.stories(Stories::top);
    const auto newest = co_await api.stories(Stories::newest);
    const auto best = co_await api.stories(Stories::best);
    const auto ask = co_await api.stories(Stories::ask);
    const auto show = co_await api.stories(Stories::show);
    const auto job = co_await api.stories(Stories::job);
    std::printf("stories: %zu top, %zu new, %zu best, %zu ask, %zu show, %zu job\n", top.size(),
                newest.size(), best.size(), ask.size(), show.size(), job.size());
}

Task<void> print_user(Api& api) {
    const auto user = co_await api.user("user7");
    const auto nobody = co_await api.user("nobody");
    if (user) std::printf("%s, karma %ld: %s\n", user->id.c_str(), user->karma, user->about.c_str());
    std::printf("nobody: %s\n", nobody ? "somebody" : "null");
}

Task<void> print_live_updates(Api& api) {
    auto live = api.live_updates();
    while (auto event = co_await live.next()) {
        const auto update = hacker_news::live_update_from(*event);
        for (const auto& profile : update.profiles)
            std::printf("update %s: item %ld, %s\n", event->id.c_str(), update.items.at(0), profile.c_str());
    }
    std::printf("%zu connections, the last to hear that this was all\n", live.connections());
}

Task<void> read_everything(const testing::DemoServer& site) {
    using World = testing::DemoWorld;
    http::Client client;
    Api api(client, site.url(""));
    const long story = site.world().stories().at(0);
    for (const long id :
         {story, static_cast<long>(site.world().kids_of(static_cast<int>(story)).at(0)),
          static_cast<long>(World::ask), static_cast<long>(World::job), static_cast<long>(World::poll),
          static_cast<long>(World::poll_option), static_cast<long>(World::deleted_comment), 1L})
        co_await print_item(api, id);
    const long last = co_await api.max_item();
    std::printf("the last item is %ld\n", last);
    co_await print_lists(api);
    co_await print_user(api);
    const auto updates = co_await api.updates();
    std::printf("updates: %zu items, %zu profiles\n", updates.items.size(), updates.profiles.size());
    co_await print_live_updates(api);
}

}  // namespace

void news_as_data(const testing::DemoServer& site) {
    std::puts("H15");
    run(read_everything(site));
}
