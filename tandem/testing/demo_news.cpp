// The news that do not stand in the demo world's tree: a document of each other kind, and live updates.
#include <tandem/testing/demo_world_internal.hpp>

#include <tandem/task/sleep.hpp>

#include <array>
#include <chrono>

namespace tandem::inline v1::testing {
namespace {

struct Document {
    int id;
    const char* json;
};
// With fields that no reader knows, as the real ones have now and then.
constexpr std::array documents = {
    Document{DemoWorld::ask,
             R"({"by":"tel","descendants":16,"id":121003,"kids":[121016,121109,121168],"score":25,)"
             R"("text":"<i>or</i> the next iteration<p>What do you think?","time":1203647620,)"
             R"("title":"Ask HN: The Arc Effect","type":"story","unheard_of":{"a":[1,{"b":null}]}})"},
    Document{DemoWorld::job,
             R"({"by":"justin","id":192327,"score":6,"text":"We are looking for an engineer.",)"
             R"("time":1210981217,"title":"Looking for an engineer","type":"job","url":""})"},
    Document{
        DemoWorld::poll,
        R"({"by":"pg","descendants":54,"id":126809,"kids":[126822,126823],"parts":[126810,126811],)"
        R"("score":46,"text":"","time":1204403652,"title":"Poll: \"yes\" or \u201cno\u201d?","type":"poll"})"},
    Document{
        DemoWorld::poll_option,
        R"({"by":"pg","id":126810,"poll":126809,"score":335,"text":"Yes \ud83d\udc4d","time":1207886576,)"
        R"("type":"pollopt"})"},
    Document{DemoWorld::deleted_comment,
             R"({"deleted":true,"id":126822,"parent":126809,"time":1204403700,"type":"comment"})"},
};

AsyncGenerator<http::ServerEvent> updates_after(int last, int until, std::vector<int> top) {
    for (int number = last + 1; number <= until; ++number) {
        co_await sleep(std::chrono::milliseconds(5));
        http::ServerEvent event("{\"path\":\"/\",\"data\":{\"items\":[" +
                                std::to_string(top[static_cast<std::size_t>(number) % top.size()]) +
                                "],\"profiles\":[\"user" + std::to_string(number) + "\"]}}");
        event.type = "put";
        event.id = std::to_string(number);
        if (number == 1) event.retry = std::chrono::milliseconds(10);
        co_yield std::move(event);
    }
}

}  // namespace

std::string documented_item(int id) {
    for (const auto& document : documents)
        if (document.id == id) return document.json;
    return {};
}

http::Response answer_with_updates(const http::Request& request, const std::vector<int>& top) {
    constexpr int in_all = DemoWorld::live_updates;
    constexpr int before_the_break = 2;
    const auto last = number_from(request.headers().get("Last-Event-ID").value_or("0")).value_or(0);
    if (last >= in_all) return http::Response::with_status(204);
    return http::answer_with_events(updates_after(last, last == 0 ? before_the_break : in_all, top));
}

}  // namespace tandem::inline v1::testing
