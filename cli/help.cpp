#include <cli/option_table.hpp>
#include <cli/text.hpp>

#include <fmt/format.h>

namespace tandem::cli {
namespace {

constexpr std::string_view examples = R"(Examples:
  tandem fetch https://example.org/page                      print one body
  tandem fetch 'https://example.org/img[001-250].png'        save many, numbered
  tandem fetch -i urls.txt -P pages -j 200 --per-host 10     a list, faster
  tandem fetch -i urls.txt --report r.jsonl                  one record per URL
  tandem fetch --retry-failed r.jsonl                        only what failed
  sort -u urls.txt | tandem fetch -i - --rate-host 5/s -o '{host}/{n}{.ext}'
)";

/// The options that most people need, for the one screen.
constexpr std::string_view common[] = {"input",        "output",   "output-dir", "existing",    "header",
                                       "user",         "data",     "json",       "concurrency", "per-host",
                                       "rate-host",    "max-time", "retry",      "ok-status",   "report",
                                       "retry-failed", "dry-run",  "fail-fast",  "progress",    "quiet"};

std::string line_of(const OptionRow& row) {
    std::string left = row.short_name != 0 ? fmt::format("  -{}", row.short_name) : "    ";
    if (!row.name.empty()) left += fmt::format("{}--{}", row.short_name != 0 ? ", " : "  ", row.name);
    if (row.takes_value()) left += fmt::format(" {}", row.argument);

    std::string right(row.help);
    if (!row.default_text.empty()) right += fmt::format(" [{}]", row.default_text);
    return left.size() < 31 ? fmt::format("{:<31}{}\n", left, right)
                            : fmt::format("{}\n{:31}{}\n", left, "", right);
}

bool is_listed(const OptionRow& row) {
    return !std::holds_alternative<Later>(row.target) && !std::holds_alternative<Refused>(row.target);
}

std::string topic_text(Topic topic) {
    std::string text;
    std::string later;
    for (const auto& row : option_table()) {
        if (row.topic != topic) continue;
        if (is_listed(row) || row.name == "help")
            text += line_of(row);
        else if (std::holds_alternative<Later>(row.target))
            later += (later.empty() ? "--" : " --") + std::string(row.name);
    }
    if (!later.empty()) text += "  not in this version yet: " + later + "\n";
    return text;
}

std::string one_screen() {
    std::string text =
        "usage: tandem fetch [options] URL...\n"
        "Gets many URLs at once: politely, without losing one, and tells the truth about each.\n\n";
    text += examples;
    text += "\nOptions most often used:\n";
    for (const auto name : common) text += line_of(*option_named(name));
    text += "\n--help TOPIC tells more:";
    for (const auto topic : help_topics()) text += " " + std::string(topic);
    return text + "\n";
}

}  // namespace

std::vector<std::string_view> help_topics() {
    std::vector<std::string_view> topics = {"all"};
    for (int i = 0; i <= static_cast<int>(Topic::general); ++i)
        topics.push_back(name_of(static_cast<Topic>(i)));
    return topics;
}

std::optional<std::string> help_text(std::string_view topic) {
    if (topic.empty()) return one_screen();

    std::string text;
    for (int i = 0; i <= static_cast<int>(Topic::general); ++i) {
        const auto each = static_cast<Topic>(i);
        if (topic != "all" && topic != name_of(each)) continue;
        const auto lines = topic_text(each);
        if (!lines.empty()) text += fmt::format("{}{}:\n{}", text.empty() ? "" : "\n", name_of(each), lines);
    }
    if (text.empty()) return std::nullopt;
    return text;
}

}  // namespace tandem::cli
