#include <cli/options.hpp>

#include <cli/glob.hpp>
#include <cli/option_table.hpp>
#include <cli/secrets.hpp>
#include <cli/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace tandem::cli {
namespace {

/// Reads arguments from left to right. Everything wrong is noted and reading goes on behind it.
class Parser {
public:
    Parser(const std::vector<std::string>& arguments, ParsedOptions& result)
        : arguments_(arguments), result_(result), draft_{result.options, result.problems, {}, {}, {}} {}

    void read() {
        bool options_ended = false;
        while (next_ < arguments_.size()) {
            const std::string_view word = arguments_[next_++];
            if (options_ended || word == "-" || !word.starts_with('-'))
                read_url(word);
            else if (word == "--")
                options_ended = true;
            else if (word.starts_with("--"))
                read_long(word.substr(2));
            else
                read_bundle(word.substr(1));
        }
        for (const auto& source : result_.options.inputs) {
            if (draft_.stdin_taken && source.kind != InputSource::Kind::url && source.text == "-")
                problem(
                    "stdin (-) is a list of URLs and the value of another option; it can be read only once");
        }
    }

private:
    void read_url(std::string_view word) {
        if (word == "-" || word.empty()) {
            problem(fmt::format("\"{}\" is no URL; -i - reads URLs from stdin", word));
            return;
        }
        result_.options.inputs.push_back({InputSource::Kind::url, std::string(word)});
    }

    void read_long(std::string_view word) {
        const auto equals = word.find('=');
        const auto name = word.substr(0, equals);
        spelled_ = "--" + escaped_for_terminal(name);

        if (const auto* row = option_named(name)) {
            take(*row,
                 equals == std::string_view::npos ? std::nullopt : std::optional(word.substr(equals + 1)));
            return;
        }
        if (name.starts_with("no-")) {
            if (const auto* row = option_named(name.substr(3)); row != nullptr && read_negated(*row, equals))
                return;
        }
        unknown(name);
    }

    /// `--no-name`. False if the option has no such form.
    bool read_negated(const OptionRow& row, std::size_t equals) {
        if (std::holds_alternative<Later>(row.target) || std::holds_alternative<NoEffect>(row.target)) {
            problem(spelled_ + ": not in this version yet");
            return true;
        }
        const auto* flag = std::get_if<Flag>(&row.target);
        if (flag == nullptr) return false;
        if (equals != std::string_view::npos) {
            problem(spelled_ + ": takes no value");
            return true;
        }
        result_.options.*(flag->member) = false;
        result_.given.push_back(spelled_);
        return true;
    }

    void read_bundle(std::string_view letters) {
        while (!letters.empty()) {
            const char letter = letters.front();
            letters.remove_prefix(1);
            spelled_ = "-" + escaped_for_terminal(std::string_view(&letter, 1));

            const auto* row = option_named(letter);
            if (row == nullptr) {
                problem(fmt::format("unknown option {}; see --help all", spelled_));
                return;
            }
            if (row->takes_value()) {
                take(*row, letters.empty() ? std::nullopt : std::optional(letters));
                return;
            }
            take(*row, std::nullopt);
        }
    }

    void take(const OptionRow& row, std::optional<std::string_view> value) {
        if (const auto* refused = std::get_if<Refused>(&row.target)) {
            problem(fmt::format("{}: {}", spelled_, refused->hint));
            if (row.short_name == 'C' && !value) (void)following();  // curl's -C takes an offset
            return;
        }
        if (row.name == "help") return take_help(value);
        if (!row.takes_value()) {
            if (value) return problem(spelled_ + ": takes no value");
        } else if (!value) {
            value = following();
            if (!value) return problem(fmt::format("{}: needs a value ({})", spelled_, row.argument));
        }
        if (std::holds_alternative<Later>(row.target)) return problem(spelled_ + ": not in this version yet");

        draft_.second_value = {};
        if (row.takes_two_values()) {
            const auto second = following();
            if (!second) return problem(fmt::format("{}: needs two values ({})", spelled_, row.argument));
            draft_.second_value = *second;
        }
        draft_.spelled = spelled_;
        draft_.value = value.value_or(std::string_view());
        apply(row, draft_);
        note_given(row);
    }

    void take_help(std::optional<std::string_view> value) {
        const auto topics = help_topics();
        const auto is_topic = [&](std::string_view word) {
            return std::find(topics.begin(), topics.end(), word) != topics.end();
        };
        if (!value && next_ < arguments_.size() && is_topic(arguments_[next_])) value = arguments_[next_++];
        if (value && !is_topic(*value))
            return problem(fmt::format("{}: no topic \"{}\"; there are: {}", spelled_,
                                       escaped_for_terminal(*value), fmt::join(topics, " ")));
        result_.options.help = std::string(value.value_or(""));
    }

    std::optional<std::string_view> following() {
        if (next_ == arguments_.size()) return std::nullopt;
        return arguments_[next_++];
    }

    void unknown(std::string_view name) {
        std::vector<std::string_view> names;
        for (const auto& row : option_table()) {
            if (!row.name.empty()) names.push_back(row.name);
        }
        const auto close = nearest(name.starts_with("no-") ? name.substr(3) : name, names);
        problem(close.empty() ? fmt::format("unknown option {}; see --help all", spelled_)
                              : fmt::format("unknown option {}; did you mean --{}?", spelled_, close));
    }

    /// What was set, for `--dry-run`, which must not give secrets away.
    void note_given(const OptionRow& row) {
        if (std::holds_alternative<NoEffect>(row.target) || row.name == "dry-run") return;
        auto text = row.name.empty() ? spelled_ : "--" + std::string(row.name);
        if (row.takes_value()) {
            auto value = std::string(draft_.value);
            if (row.secret) value = "***";
            if (row.name == "header") value = redacted_header(value, result_.options.secret_headers);
            if (row.name == "header-for")
                value += " " + redacted_header(draft_.second_value, result_.options.secret_headers);
            if (row.name == "referer" || row.name == "base") value = without_userinfo(value);
            text += "=" + shell_word(escaped_for_terminal(value));
        }
        result_.given.push_back(std::move(text));
    }

    void problem(std::string text) { result_.problems.push_back(std::move(text)); }

    const std::vector<std::string>& arguments_;
    ParsedOptions& result_;
    Draft draft_;
    std::size_t next_ = 0;
    std::string spelled_;
};

template <class Member>
void read_above_zero(Draft& draft, std::optional<Member> value, Member& target, std::string_view what) {
    if (!value) {
        draft.problem(fmt::format("\"{}\" is no {}", escaped_for_terminal(draft.value), what));
        return;
    }
    target = *value;
}

/// Shared by everything that is `T above zero, or none`.
template <class T, class Parse>
void read_limit(Draft& draft, std::optional<T>& target, Parse parse, std::string_view what) {
    if (draft.value == "none") {
        target.reset();
        return;
    }
    const std::optional<T> value = parse(draft.value);
    if (!value)
        draft.problem(fmt::format("\"{}\" is no {}", escaped_for_terminal(draft.value), what));
    else if (*value == T{})
        draft.problem("0 would forbid everything; \"none\" means no limit");
    else
        target = value;
}

constexpr std::string_view durations = "duration (500ms 10s 2m 1h)";

struct Applier {
    Draft& draft;

    void operator()(const Flag& flag) const { draft.options.*flag.member = true; }
    void operator()(const Switch& action) const { action.set(draft.options); }
    void operator()(const Text& text) const {
        if (draft.value.empty())
            draft.problem("is empty");
        else
            draft.options.*text.member = std::string(draft.value);
    }
    void operator()(const Wait& wait) const {
        read_above_zero(draft, parse_duration(draft.value), draft.options.*wait.member, durations);
    }
    void operator()(const Limit& limit) const {
        read_limit(draft, draft.options.*limit.member, parse_duration, durations);
    }
    void operator()(const Size& size) const {
        read_limit(draft, draft.options.*size.member, parse_size, "size (300 64K 10M 1G)");
    }
    void operator()(const Amount& amount) const {
        read_limit(draft, draft.options.*amount.member, parse_number, "number");
    }
    void operator()(const Count& count) const {
        const auto number = parse_number(draft.value);
        if (!number || *number < count.least || *number > count.most)
            draft.problem(fmt::format("\"{}\" is no number from {} to {}", escaped_for_terminal(draft.value),
                                      count.least, count.most));
        else
            draft.options.*count.member = static_cast<unsigned>(*number);
    }
    void operator()(const Speed& speed) const {
        const auto rate = parse_rate(draft.value);
        if (!rate)
            draft.problem(
                fmt::format("\"{}\" is no rate (5/s 300/m 10000/h)", escaped_for_terminal(draft.value)));
        else
            draft.options.*speed.member = rate;
    }
    void operator()(const Custom& custom) const { custom.read(draft); }
    void operator()(const NoEffect&) const {}
    void operator()(const Later&) const {}
    void operator()(const Refused&) const {}
};

}  // namespace

void apply(const OptionRow& row, Draft& draft) { std::visit(Applier{draft}, row.target); }

ParsedOptions parse_options(const std::vector<std::string>& arguments) {
    ParsedOptions result;
    Parser(arguments, result).read();
    if (!result.options.help && !result.options.version) check_combinations(result.options, result.problems);
    return result;
}

bool body_goes_to_stdout(const FetchOptions& options) {
    if (options.output) return *options.output == "-";
    if (options.output_directory || options.flat || options.inputs.size() != 1) return false;
    const auto& only = options.inputs.front();
    return only.kind == InputSource::Kind::url && (options.glob_off || !has_globs(only.text));
}

std::string method_of(const FetchOptions& options) {
    if (options.method) return *options.method;
    if (options.head) return "HEAD";
    return options.data.empty() || options.data_in_query ? "GET" : "POST";
}

}  // namespace tandem::cli
