#include <cli/summary.hpp>

#include <cli/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace tandem::cli {
namespace {

std::string what_happened(const Record& record) {
    if (!record.error) return std::string(name_of(record.outcome));
    const auto code = std::string(name_of(record.error->code));
    // One group "status" for 404 and 503 would hide what matters.
    return record.error->code == ErrorCode::status && record.status
               ? fmt::format("{} {}", code, *record.status)
               : code;
}

}  // namespace

void Summary::add(const Record& record, std::string_view lane) {
    ++counts_[static_cast<std::size_t>(record.outcome)];
    exit_code_.add(record.error_class());
    if (record.bytes) bytes_ += record.bytes->body;
    if (record.outcome != Outcome::failed) return;

    const Key key(what_happened(record), std::string(lane));
    auto found = groups_.find(key);
    if (found == groups_.end() && groups_.size() < max_groups) found = groups_.try_emplace(key).first;
    auto& group = found == groups_.end() ? others_ : found->second;
    if (group.count++ > 0) return;
    group.sample_url = without_userinfo(record.final_url.empty() ? record.url : record.final_url);
    if (record.error) group.sample_message = record.error->message;
}

std::vector<std::pair<Summary::Key, Summary::Group>> Summary::largest_groups() const {
    std::vector<std::pair<Key, Group>> groups(groups_.begin(), groups_.end());
    std::sort(groups.begin(), groups.end(), [](const auto& left, const auto& right) {
        return left.second.count != right.second.count ? left.second.count > right.second.count
                                                       : left.first < right.first;
    });
    return groups;
}

std::string Summary::text(const Context& context) const {
    const auto ok = count(Outcome::ok);
    const auto failed = count(Outcome::failed);
    const auto skipped = count(Outcome::skipped);
    const auto cancelled = count(Outcome::cancelled);

    auto failed_text = fmt::format("{} failed", grouped_digits(failed));
    if (context.color && failed > 0) failed_text = fmt::format("\x1b[31m{}\x1b[0m", failed_text);
    auto text = fmt::format("fetch: {} ok, {}", grouped_digits(ok), failed_text);
    if (skipped > 0) text += fmt::format(", {} skipped", grouped_digits(skipped));
    if (cancelled > 0) text += fmt::format(", {} cancelled", grouped_digits(cancelled));
    text +=
        fmt::format(" in {}, {}", human_duration(context.elapsed), human_bytes(static_cast<double>(bytes_)));
    if (context.elapsed.count() > 0)
        text += fmt::format(", {}/s", human_bytes(1000.0 * static_cast<double>(bytes_) /
                                                  static_cast<double>(context.elapsed.count())));
    text += '\n';

    const auto groups = largest_groups();
    std::uint64_t not_shown = others_.count;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const auto& [key, group] = groups[i];
        if (i >= shown_groups) {
            not_shown += group.count;
            continue;
        }
        text += fmt::format("{:>8}  {}  {}\n          e.g. {}\n", grouped_digits(group.count), key.first,
                            escaped_for_terminal(key.second), escaped_for_terminal(group.sample_url));
        if (!group.sample_message.empty())
            text += fmt::format("          {}\n", escaped_for_terminal(group.sample_message));
    }
    if (not_shown > 0) text += fmt::format("{:>8}  others\n", grouped_digits(not_shown));

    if (failed + cancelled == 0) return text;
    if (context.report)
        text += fmt::format("again, only these: tandem fetch --retry-failed {}\n",
                            escaped_for_terminal(shell_word(*context.report)));
    else
        text += "with --report FILE the next run can be: tandem fetch --retry-failed FILE\n";
    return text;
}

}  // namespace tandem::cli
