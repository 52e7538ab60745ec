// Row H15: the Hacker News API as data, one document of each kind, and its live updates. What is judged
// stands in examples/hacker_news.
#include <examples/hacker_news/api.hpp>
#include <examples/hacker_news/json.hpp>
#include <tandem/tandem.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/demo_site.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using namespace hacker_news;
using Site = tandem::testing::DemoSite;
using World = tandem::testing::DemoWorld;

namespace {

using Ids = std::vector<long>;

/// A document as the site serves it.
Item served(int id) { return item_from(World().item_json(id)).value(); }

}  // namespace

TEST(H15, a_story_and_a_comment_are_read_field_by_field) {
    const World world;
    const int id = world.stories().at(0);
    const auto story = served(id);
    const auto comment = served(world.kids_of(id).at(0));

    EXPECT_EQ(story.id, id);
    EXPECT_EQ(story.type, "story");
    EXPECT_EQ(story.title, "Story " + std::to_string(id));
    EXPECT_EQ(story.url, "https://stories.example/" + std::to_string(id));
    EXPECT_EQ(story.descendants, world.comment_count(id));
    EXPECT_EQ(story.kids, Ids(world.kids_of(id).begin(), world.kids_of(id).end()));
    EXPECT_EQ(story.time, 1'700'000'000);
    EXPECT_TRUE(story.by.starts_with("user"));
    EXPECT_FALSE(story.parent || story.poll || story.deleted || story.dead);
    EXPECT_EQ(comment.type, "comment");
    EXPECT_EQ(comment.parent, id);
    EXPECT_EQ(comment.text.find("Comment \"" + std::to_string(comment.id) + "\" &mdash;"), 0U);
    EXPECT_EQ(comment.title, "");
}

TEST(H15, an_ask_a_job_a_poll_and_its_option_are_read_field_by_field) {
    const auto ask = served(World::ask);
    EXPECT_EQ(ask.type, "story");
    EXPECT_EQ(ask.title, "Ask HN: The Arc Effect");
    EXPECT_EQ(ask.text, "<i>or</i> the next iteration<p>What do you think?");
    EXPECT_EQ(ask.url, "");
    EXPECT_EQ(ask.by, "tel");
    EXPECT_EQ(ask.score, 25);
    EXPECT_EQ(ask.descendants, 16);
    EXPECT_EQ(ask.time, 1'203'647'620);
    EXPECT_EQ(ask.kids, (Ids{121'016, 121'109, 121'168}));
    const auto job = served(World::job);
    EXPECT_EQ(job.type, "job");
    EXPECT_EQ(job.title, "Looking for an engineer");
    EXPECT_EQ(job.score, 6);
    EXPECT_EQ(job.kids, Ids{});
    const auto poll = served(World::poll);
    EXPECT_EQ(poll.type, "poll");
    EXPECT_EQ(poll.title, "Poll: \"yes\" or \xE2\x80\x9Cno\xE2\x80\x9D?");
    EXPECT_EQ(poll.parts, (Ids{World::poll_option, 126'811}));
    EXPECT_EQ(poll.descendants, 54);
    const auto option = served(World::poll_option);
    EXPECT_EQ(option.type, "pollopt");
    EXPECT_EQ(option.poll, World::poll);
    EXPECT_EQ(option.text, "Yes \xF0\x9F\x91\x8D");
    EXPECT_EQ(option.score, 335);
}

TEST(H15, what_is_deleted_missing_unknown_or_wrong) {
    const auto deleted = served(World::deleted_comment);
    EXPECT_TRUE(deleted.deleted);
    EXPECT_EQ(deleted.by, "");
    EXPECT_EQ(deleted.parent, World::poll);
    EXPECT_TRUE(item_from(R"({"id":1,"dead":true})").value().dead);
    EXPECT_FALSE(item_from("null").has_value());
    EXPECT_FALSE(user_from(" null ").has_value());
    EXPECT_EQ(item_from(R"({"id":7,"new":{"list":[1,[2,{}]],"x":null},"type":"job"})").value().type, "job");
    EXPECT_THROW(item_from(R"({"id":"seven"})"), JsonError);
    for (const char* broken :
         {"", "{", R"({"id")", R"({"id":1,})", "[1 2]", "\"\\x\"", "\"\\u12\"", "nul", "1 1", R"({"id":1}})"})
        EXPECT_THROW(item_from(broken), JsonError) << broken;
    EXPECT_THROW(item_from(std::string(100'000, '[')), JsonError);
}

ASYNC_TEST_NETWORK(H15, the_lists_the_users_and_the_updates_are_read_from_the_site) {
    Site site;
    co_await site.start();
    http::Client client;
    Api api(client, site.url(""));
    const auto& stories = site.world().stories();
    const Ids all(stories.begin(), stories.end());
    const auto top = co_await api.stories(Stories::top);
    const auto newest = co_await api.stories(Stories::newest);
    const auto best = co_await api.stories(Stories::best);
    const auto show = co_await api.stories(Stories::show);
    const auto ask = co_await api.stories(Stories::ask);
    const auto job = co_await api.stories(Stories::job);
    const auto last = co_await api.max_item();
    const auto user = co_await api.user("user9");
    const auto nobody = co_await api.user("nobody");
    const auto missing = co_await api.item(1);
    const auto newest_item = co_await api.item(last);
    const auto updates = co_await api.updates();
    co_await client.close();
    co_await site.stop();

    for (const auto& list : {top, newest, best, show}) EXPECT_EQ(list, all);
    EXPECT_EQ(ask, Ids{World::ask});
    EXPECT_EQ(job, Ids{World::job});
    EXPECT_EQ(newest_item.value().id, last);
    EXPECT_FALSE(missing.has_value());
    EXPECT_EQ(user.value().id, "user9");
    EXPECT_EQ(user.value().karma, 85);
    EXPECT_EQ(user.value().created, 1'600'000'000);
    EXPECT_EQ(user.value().about, "It is me, user9");
    EXPECT_EQ(user.value().submitted, Ids{World::ask});
    EXPECT_FALSE(nobody.has_value());
    EXPECT_EQ(updates.items, all);
    EXPECT_EQ(updates.profiles, (std::vector<std::string>{"user1", "user2"}));
}

ASYNC_TEST_NETWORK(H15, five_live_updates_come_over_one_reconnection_and_none_is_lost) {
    Site site;
    co_await site.start();
    http::Client client;
    Api api(client, site.url(""));
    auto live = api.live_updates();
    std::vector<std::string> ids;
    std::vector<std::string> types;
    std::vector<std::string> profiles;
    for (int i = 0; i < World::live_updates; ++i) {
        const auto event = co_await live.next();
        TANDEM_CO_ASSERT_TRUE(event.has_value());
        ids.push_back(event->id);
        types.push_back(event->type);
        const auto update = live_update_from(*event);
        profiles.insert(profiles.end(), update.profiles.begin(), update.profiles.end());
    }
    const auto connections = live.connections();
    const auto requests = site.world().requests_to("/v0/updates.json");
    const auto after = co_await live.next();
    co_await client.close();
    co_await site.stop();

    EXPECT_EQ(ids, (std::vector<std::string>{"1", "2", "3", "4", "5"}));
    EXPECT_EQ(types, std::vector<std::string>(5, "put"));
    EXPECT_EQ(profiles, (std::vector<std::string>{"user1", "user2", "user3", "user4", "user5"}));
    EXPECT_EQ(connections, 2U);
    EXPECT_EQ(requests, 2U);
    EXPECT_FALSE(after.has_value());
}
