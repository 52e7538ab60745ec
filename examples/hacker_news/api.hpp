// The Hacker News API as data: https://github.com/HackerNews/API.
#pragma once

#include <tandem/http/event_source.hpp>
#include <tandem/tandem.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hacker_news {

/// A story (which an "Ask HN" is too), a comment, a job, a poll or an option of one.
struct Item {
    long id = 0;
    std::string type;
    std::string by;
    std::string title;
    std::string text;  ///< HTML
    std::string url;
    long time = 0;  ///< seconds since 1970
    long score = 0;
    long descendants = 0;
    std::optional<long> parent;  ///< of a comment
    std::optional<long> poll;    ///< of an option
    std::vector<long> parts;     ///< of a poll: its options
    std::vector<long> kids;      ///< comments, best first
    bool deleted = false;
    bool dead = false;
};

struct User {
    std::string id;
    std::string about;
    long created = 0;
    long karma = 0;
    std::vector<long> submitted;
};

/// What has changed of late.
struct Updates {
    std::vector<long> items;
    std::vector<std::string> profiles;
};

// Fields that are not known are left out; `null` is nothing. Errors: `JsonError`.
std::optional<Item> item_from(std::string_view json);
std::optional<User> user_from(std::string_view json);
Updates updates_from(std::string_view json);

/// Lists of stories.
enum class Stories { top, newest, best, ask, show, job };

/// Reads it all. Borrows the client.
class Api {
public:
    Api(tandem::http::Client& client, std::string base) : client_(client), base_(std::move(base)) {}

    tandem::Task<std::optional<Item>> item(long id);
    tandem::Task<std::optional<User>> user(std::string id);
    tandem::Task<long> max_item();
    tandem::Task<std::vector<long>> stories(Stories kind);
    tandem::Task<Updates> updates();
    /// `updates()` as they happen; `live_update_from()` reads each event.
    tandem::http::EventSource live_updates();

private:
    tandem::Task<std::string> page(std::string path);
    tandem::http::Client& client_;
    std::string base_;
};

Updates live_update_from(const tandem::http::ServerEvent& event);

}  // namespace hacker_news
