#include <examples/hacker_news/api.hpp>

#include <examples/hacker_news/json.hpp>

#include <utility>

using namespace tandem;

namespace hacker_news {
namespace {

std::optional<long> id_in(const Json& field) {
    if (field.is_null()) return std::nullopt;
    return field.number();
}

Updates updates_in(const Json& json) {
    Updates updates;
    updates.items = json["items"].numbers();
    for (const auto& profile : json["profiles"].list()) updates.profiles.push_back(profile.text());
    return updates;
}

const char* name_of(Stories kind) {
    switch (kind) {
        case Stories::newest:
            return "new";
        case Stories::best:
            return "best";
        case Stories::ask:
            return "ask";
        case Stories::show:
            return "show";
        case Stories::job:
            return "job";
        default:
            return "top";
    }
}

}  // namespace

std::optional<Item> item_from(std::string_view text) {
    const auto json = Json::parse(text);
    if (json.is_null()) return std::nullopt;
    Item item;
    item.id = json["id"].number();
    item.type = json["type"].text();
    item.by = json["by"].text();
    item.title = json["title"].text();
    item.text = json["text"].text();
    item.url = json["url"].text();
    item.time = json["time"].number();
    item.score = json["score"].number();
    item.descendants = json["descendants"].number();
    item.parent = id_in(json["parent"]);
    item.poll = id_in(json["poll"]);
    item.parts = json["parts"].numbers();
    item.kids = json["kids"].numbers();
    item.deleted = json["deleted"].flag();
    item.dead = json["dead"].flag();
    return item;
}

std::optional<User> user_from(std::string_view text) {
    const auto json = Json::parse(text);
    if (json.is_null()) return std::nullopt;
    User user;
    user.id = json["id"].text();
    user.about = json["about"].text();
    user.created = json["created"].number();
    user.karma = json["karma"].number();
    user.submitted = json["submitted"].numbers();
    return user;
}

Updates updates_from(std::string_view text) { return updates_in(Json::parse(text)); }
Updates live_update_from(const http::ServerEvent& event) {
    return updates_in(Json::parse(event.data)["data"]);
}

Task<std::string> Api::page(std::string path) {
    auto response = co_await client_.get(base_ + "/v0/" + path + ".json");
    response.raise_for_status();
    co_return co_await response.text();
}

Task<std::optional<Item>> Api::item(long id) {
    const auto json = co_await page("item/" + std::to_string(id));
    co_return item_from(json);
}

Task<std::optional<User>> Api::user(std::string id) {
    const auto json = co_await page("user/" + id);
    co_return user_from(json);
}

Task<long> Api::max_item() {
    const auto json = co_await page("maxitem");
    co_return Json::parse(json).number();
}

Task<std::vector<long>> Api::stories(Stories kind) {
    const auto json = co_await page(std::string(name_of(kind)) + "stories");
    co_return Json::parse(json).numbers();
}

Task<Updates> Api::updates() {
    const auto json = co_await page("updates");
    co_return updates_from(json);
}

http::EventSource Api::live_updates() { return http::EventSource(client_, base_ + "/v0/updates.json"); }

}  // namespace hacker_news
