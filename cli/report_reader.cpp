#include <cli/report.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace tandem::cli {
namespace {

namespace json = boost::json;

std::string text_in(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<std::string> optional_text_in(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return std::string(value->get_string());
}

void read_request(const json::object& request, Entry& entry) {
    if (const auto* headers = request.if_contains("headers"); headers != nullptr && headers->is_object()) {
        for (const auto& [name, value] : headers->get_object()) {
            if (value.is_string())
                entry.headers.emplace_back(std::string(name), std::string(value.get_string()));
        }
    }
    entry.body = optional_text_in(request, "body");
    entry.body_file = optional_text_in(request, "body_file");
    entry.output = optional_text_in(request, "output");
    entry.checksum = optional_text_in(request, "checksum");
    entry.existing = optional_text_in(request, "existing");
}

Entry entry_of(const json::object& record) {
    Entry entry;
    entry.url = text_in(record, "url");
    entry.method = text_in(record, "method");
    if (const auto* tags = record.if_contains("tags"); tags != nullptr && tags->is_object())
        entry.tags_json = json::serialize(*tags);
    if (const auto* request = record.if_contains("request"); request != nullptr && request->is_object())
        read_request(request->get_object(), entry);
    return entry;
}

}  // namespace

void FailedEntries::add_line(std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;

    boost::system::error_code error;
    const auto value = json::parse(json::string_view(line.data(), line.size()), error);
    const auto* record = error ? nullptr : value.if_object();
    const auto outcome = record != nullptr ? text_in(*record, "outcome") : std::string();
    const auto id = record != nullptr ? entry_id_from(text_in(*record, "id")) : EntryId{};
    // Any `v` is read: within a format fields are only added, and these four will stay (F1.5).
    if (outcome.empty() || id == EntryId{} || text_in(*record, "url").empty()) {
        ++unreadable_;
        return;
    }
    ++records_;
    if (text_in(*record, "skip") == "duplicate") return;  // tells of another entry of the same id

    const auto known = positions_.find(id);
    if (outcome == "failed" || outcome == "cancelled") {
        const auto position = known != positions_.end() ? known->second : next_position_++;
        positions_[id] = position;
        entries_[position] = entry_of(*record);
    } else if (known != positions_.end()) {
        entries_.erase(known->second);
        positions_.erase(known);
    }
}

std::optional<Entry> FailedEntries::take() {
    if (entries_.empty()) return std::nullopt;
    auto first = entries_.extract(entries_.begin());
    return std::move(first.mapped());
}

}  // namespace tandem::cli
