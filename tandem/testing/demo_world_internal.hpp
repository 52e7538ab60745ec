#pragma once

#include <tandem/http/event_source.hpp>
#include <tandem/http/message.hpp>
#include <tandem/testing/demo_site.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::inline v1::testing {

class DemoWorld::State {
public:
    explicit State(const DemoOptions& options);

    struct Item {
        int parent = 0;  // 0: a story
        std::vector<int> kids;
        int comments = 0;  // below a story
    };
    Item* item(int id);
    int last_item() const;
    std::string item_json(int id);
    std::size_t page_bytes(int page) const;
    Duration page_delay(int page) const;
    std::vector<int> links_of(int page) const;
    std::string page_text(int page) const;

    const DemoOptions options;
    std::vector<int> top;
    std::vector<Item> items;  // by id, from the first story on

    std::mutex mutex;  // guards what follows
    DemoCounts counts;
    std::map<std::string, std::uint64_t, std::less<>> by_path;

private:
    void plant_stories();
};

/// Counts one request for the time of its life.
template <class State>
class DemoVisit {
public:
    DemoVisit(std::shared_ptr<State> world, std::string_view path) : world_(std::move(world)) {
        const std::lock_guard lock(world_->mutex);
        auto& counts = world_->counts;
        ++counts.requests;
        if (++counts.simultaneous > counts.most_simultaneous) counts.most_simultaneous = counts.simultaneous;
        ++world_->by_path[std::string(path)];
    }
    ~DemoVisit() {
        const std::lock_guard lock(world_->mutex);
        --world_->counts.simultaneous;
    }
    DemoVisit(const DemoVisit&) = delete;
    DemoVisit& operator=(const DemoVisit&) = delete;

private:
    std::shared_ptr<State> world_;
};

/// An item that is in no tree; "" if there is none of that id.
std::string documented_item(int id);
/// The events that this client has not seen; its first connection breaks after two.
http::Response answer_with_updates(const http::Request& request, const std::vector<int>& top);

std::string json_text(std::string_view text);
std::string json_list(const std::vector<int>& numbers);
/// A whole decimal number that is not negative.
std::optional<int> number_from(std::string_view text);

}  // namespace tandem::inline v1::testing
