// What the demo site serves: pages, a tree of news, and small answers, all made from numbers.
#include <tandem/testing/demo_world_internal.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

namespace tandem::inline v1::testing {
namespace {

/// The same number for the same input, on every machine (splitmix64).
std::uint64_t scrambled(std::uint64_t seed) {
    seed += 0x9e3779b97f4a7c15ULL;
    seed = (seed ^ (seed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    seed = (seed ^ (seed >> 27U)) * 0x94d049bb133111ebULL;
    return seed ^ (seed >> 31U);
}

/// From 0 to below 1.
double fraction(std::uint64_t seed) { return static_cast<double>(scrambled(seed) >> 11U) * 0x1.0p-53; }

constexpr std::string_view filler =
    "Somewhere a server waits for a disk, a disk waits for its turn, and a program waits for both; but the "
    "one that "
    "asked for a thousand things at once waits for all of them only as long as for the slowest. ";

constexpr std::size_t smallest_page = 512;
constexpr std::size_t largest_page = 64 * 1024;
constexpr int first_item = 8'863'000;

}  // namespace

std::string json_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            constexpr std::string_view digits = "0123456789abcdef";
            out += "\\u00";
            out += digits[static_cast<unsigned char>(c) >> 4U];
            out += digits[static_cast<unsigned char>(c) & 15U];
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string json_list(const std::vector<int>& numbers) {
    std::string out = "[";
    for (const int number : numbers) {
        if (out.size() > 1) out += ',';
        out += std::to_string(number);
    }
    return out + ']';
}

std::optional<int> number_from(std::string_view text) {
    int value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stopped != end || text.empty() || text.front() == '-') return std::nullopt;
    return value;
}

DemoWorld::State::State(const DemoOptions& the_options) : options(the_options) {
    if (options.pages() < 1 || options.stories() < 1)
        throw std::invalid_argument("a demo world has at least one page and one story");
    plant_stories();
}

/// Level by level, so that ids rise with depth as they do when people answer each other.
void DemoWorld::State::plant_stories() {
    for (int i = 0; i < options.stories(); ++i) {
        items.push_back({});
        top.push_back(first_item + i);
    }
    for (const int story : top) {
        std::vector<int> level{story};
        int comments = 0;
        for (int depth = 1; depth <= 4; ++depth) {
            std::vector<int> next;
            for (const int parent : level) {
                const int most = depth == 1 ? 24 : depth == 2 ? 8 : depth == 3 ? 5 : 3;
                const int least = depth == 1 ? 8 : 0;
                const auto seed = static_cast<std::uint64_t>(parent) * 7 + 3;
                const int kids = least + static_cast<int>(fraction(seed) * (most - least + 1));
                for (int k = 0; k < kids; ++k) {
                    const int id = first_item + static_cast<int>(items.size());
                    items.push_back({parent, {}, 0});
                    item(parent)->kids.push_back(id);
                    next.push_back(id);
                }
            }
            comments += static_cast<int>(next.size());
            level = std::move(next);
        }
        item(story)->comments = comments;
    }
}

DemoWorld::State::Item* DemoWorld::State::item(int id) {
    const auto index = static_cast<std::size_t>(id) - first_item;
    return id >= first_item && index < items.size() ? &items[index] : nullptr;
}

int DemoWorld::State::last_item() const { return first_item + static_cast<int>(items.size()) - 1; }

std::string DemoWorld::State::item_json(int id) {
    if (auto document = documented_item(id); !document.empty()) return document;
    const Item* const found = item(id);
    if (!found) return "null";
    const auto number = std::to_string(id);
    auto out = "{\"by\":\"user" + std::to_string(scrambled(static_cast<std::uint64_t>(id)) % 97) +
               "\",\"id\":" + number;
    if (!found->kids.empty()) out += ",\"kids\":" + json_list(found->kids);
    out += ",\"time\":" + std::to_string(1'700'000'000 + id - first_item);
    if (found->parent != 0) {
        out += ",\"parent\":" + std::to_string(found->parent);
        out += ",\"text\":" +
               json_text("Comment \"" + number + "\" &mdash; " + std::string(filler.substr(0, 90)));
        return out + ",\"type\":\"comment\"}";
    }
    out += ",\"descendants\":" + std::to_string(found->comments);
    out += ",\"score\":" + std::to_string(scrambled(static_cast<std::uint64_t>(id) + 1) % 900);
    out += ",\"title\":" + json_text("Story " + number);
    return out + ",\"type\":\"story\",\"url\":\"https://stories.example/" + number + "\"}";
}

std::size_t DemoWorld::State::page_bytes(int page) const {
    // As many pages between 1 and 2 KiB as between 32 and 64.
    const auto ratio = static_cast<double>(largest_page) / smallest_page;
    return static_cast<std::size_t>(smallest_page *
                                    std::pow(ratio, fraction(static_cast<std::uint64_t>(page))));
}

Duration DemoWorld::State::page_delay(int page) const {
    const auto share = fraction(static_cast<std::uint64_t>(page) + 1'000'003);
    return to_duration(
        std::chrono::duration<double, std::milli>((2.0 + 58.0 * share * share) * options.delay_scale()));
}

std::vector<int> DemoWorld::State::links_of(int page) const {
    std::vector<int> links;
    // Along 2n and 2n + 1 every page can be reached from the first; two more go anywhere.
    for (const int next : {2 * page, 2 * page + 1}) {
        if (next <= options.pages()) links.push_back(next);
    }
    for (std::uint64_t i = 0; i < 2; ++i) {
        const auto any =
            scrambled(static_cast<std::uint64_t>(page) * 2 + i) % static_cast<std::uint64_t>(options.pages());
        const int next = static_cast<int>(any) + 1;
        if (next != page && std::find(links.begin(), links.end(), next) == links.end()) links.push_back(next);
    }
    return links;
}

std::string DemoWorld::State::page_text(int page) const {
    const auto bytes = page_bytes(page);
    const auto number = std::to_string(page);
    std::string text;
    text.reserve(bytes);
    text += "<!doctype html>\n<title>Page " + number + "</title>\n<h1>Page " + number + "</h1>\n<p>";
    for (const int next : links_of(page)) {
        const auto target = std::to_string(next);
        text += "<a href=\"/page/" + target + "\">page " + target + "</a>\n";
    }
    constexpr std::string_view end = "</p>\n";
    while (text.size() + filler.size() + end.size() <= bytes) text += filler;
    if (text.size() + end.size() < bytes) text += filler.substr(0, bytes - end.size() - text.size());
    return text += end;
}

DemoWorld::DemoWorld(const DemoOptions& options) : state_(std::make_shared<State>(options)) {}

int DemoWorld::page_count() const { return state_->options.pages(); }
std::string DemoWorld::page_path(int page) { return "/page/" + std::to_string(page); }
std::size_t DemoWorld::page_bytes(int page) const { return state_->page_bytes(page); }
Duration DemoWorld::page_delay(int page) const { return state_->page_delay(page); }
std::string DemoWorld::page_text(int page) const { return state_->page_text(page); }
std::vector<int> DemoWorld::links_of(int page) const { return state_->links_of(page); }
const std::vector<int>& DemoWorld::stories() const { return state_->top; }
int DemoWorld::item_count() const { return static_cast<int>(state_->items.size()); }
std::string DemoWorld::item_json(int id) const { return state_->item_json(id); }

int DemoWorld::comment_count(int story) const {
    const auto* const item = state_->item(story);
    if (!item || item->parent != 0)
        throw std::invalid_argument("item " + std::to_string(story) + " is no story");
    return item->comments;
}

const std::vector<int>& DemoWorld::kids_of(int id) const {
    static const std::vector<int> none;
    const auto* const item = state_->item(id);
    return item ? item->kids : none;
}

DemoCounts DemoWorld::counts() const {
    const std::lock_guard lock(state_->mutex);
    return state_->counts;
}

std::uint64_t DemoWorld::requests_to(std::string_view path) const {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->by_path.find(path);
    return found == state_->by_path.end() ? 0 : found->second;
}

void DemoWorld::reset_counts() {
    const std::lock_guard lock(state_->mutex);
    state_->by_path.clear();
    state_->counts.requests = 0;
    state_->counts.most_simultaneous = state_->counts.simultaneous;
}

}  // namespace tandem::inline v1::testing
