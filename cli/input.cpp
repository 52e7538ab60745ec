#include <cli/input.hpp>

#include <cli/text.hpp>

#include <fmt/format.h>

namespace tandem::cli {

void LineSplitter::feed(std::string_view bytes) {
    waiting_.erase(0, taken_);
    searched_ -= taken_;
    taken_ = 0;
    waiting_ += bytes;
}

void LineSplitter::finish() { ended_ = true; }

void LineSplitter::drop_mark() {
    static constexpr std::string_view mark = "\xef\xbb\xbf";
    const auto begin = std::string_view(waiting_).substr(taken_, mark.size());
    if (begin != mark && mark.starts_with(begin) && !ended_) return;  // may still become one
    at_start_ = false;
    if (begin == mark) taken_ += mark.size();
    searched_ = taken_;
}

std::optional<LineSplitter::Line> LineSplitter::next() {
    if (at_start_) drop_mark();
    if (at_start_) return std::nullopt;

    for (;;) {
        const auto end = waiting_.find('\n', searched_);
        if (end == std::string::npos) {
            searched_ = waiting_.size();
            if (skipping_) {
                taken_ = waiting_.size();
                return std::nullopt;
            }
            const auto held = waiting_.size() - taken_;
            if (held > max_line_bytes_ + 1) {  // one more for a `\r`
                Line line{waiting_.substr(taken_, max_line_bytes_), true, ++number_};
                taken_ = waiting_.size();
                skipping_ = true;
                return line;
            }
            if (!ended_ || held == 0) return std::nullopt;
        }

        const auto line_end = end == std::string::npos ? waiting_.size() : end;
        auto text = std::string_view(waiting_).substr(taken_, line_end - taken_);
        taken_ = searched_ = std::min(line_end + 1, waiting_.size());
        if (skipping_) {
            skipping_ = false;
            continue;
        }
        if (text.ends_with('\r')) text.remove_suffix(1);
        const bool too_long = text.size() > max_line_bytes_;
        return Line{std::string(text.substr(0, max_line_bytes_)), too_long, ++number_};
    }
}

InputReader::InputReader(InputFormat format, std::string name)
    : format_(format),
      name_(std::move(name)),
      lines_(format == InputFormat::lines ? max_url_line_bytes : max_report_line_bytes) {}

void InputReader::finish() {
    lines_.finish();
    ended_ = true;
}

std::optional<Entry> InputReader::next() {
    while (auto line = lines_.next()) {
        if (format_ == InputFormat::automatic) {
            const auto text = trimmed(line->text);
            if (text.empty() || text.starts_with('#')) continue;
            format_ = text.starts_with('{') ? InputFormat::report : InputFormat::lines;
            if (format_ == InputFormat::lines) lines_.set_max_line_bytes(max_url_line_bytes);
        }
        if (format_ == InputFormat::report) {
            failed_.add_line(line->too_long ? std::string_view("too long") : std::string_view(line->text));
            continue;
        }
        if (auto entry = entry_of(*line)) return entry;
    }
    if (ended_) return failed_.take();
    return std::nullopt;
}

std::optional<Entry> InputReader::entry_of(LineSplitter::Line& line) {
    const auto text = trimmed(line.text);
    if (text.empty() || text.starts_with('#')) return std::nullopt;

    Entry entry;
    if (line.too_long || line.text.size() > max_url_line_bytes) {
        entry.url = text.substr(0, 200);
        entry.problem =
            EntryProblem{ErrorCode::url_invalid,
                         fmt::format("{}, line {} is longer than {} bytes", escaped_for_terminal(name_),
                                     line.number, max_url_line_bytes)};
        return entry;
    }
    entry.url = text;
    return entry;
}

Intake::Verdict Intake::judge(std::uint64_t position, const std::optional<EntryId>& id) {
    if (position <= skip_) return Verdict::before_skip;
    if (limit_ && position - skip_ > *limit_) return Verdict::over_limit;
    if (dedupe_ && id && !ids_.insert(*id).second) return Verdict::duplicate;
    return Verdict::take;
}

}  // namespace tandem::cli
