#pragma once

#include <cli/options.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tandem::cli {

enum class Topic {
    input,
    request,
    output,
    limits,
    retry,
    job,
    json,
    net,
    tls,
    view,
    archive,
    safe,
    queue,
    general
};

[[nodiscard]] std::string_view name_of(Topic topic) noexcept;

/// What a value is put into while a command line is read.
struct Draft {
    FetchOptions& options;
    std::vector<std::string>& problems;
    std::string_view spelled;  ///< the option as typed, for messages
    std::string_view value;
    std::string_view second_value;  ///< of the one option that takes two
    bool stdin_taken = false;

    void problem(std::string_view text) {
        problems.push_back(std::string(spelled) + ": " + std::string(text));
    }
};

// What an option does with its value; the table says which, the parser how.
struct Flag {
    bool FetchOptions::* member;
};
struct Switch {  ///< a flag that means more than one yes or no
    void (*set)(FetchOptions&);
};
struct Text {
    std::optional<std::string> FetchOptions::* member;
};
struct Wait {  ///< a duration that may be zero
    FetchOptions::Duration FetchOptions::* member;
};
struct Limit {  ///< a duration above zero, or `none`
    std::optional<FetchOptions::Duration> FetchOptions::* member;
};
struct Size {  ///< bytes, at least 1, or `none`
    std::optional<std::uint64_t> FetchOptions::* member;
};
struct Amount {  ///< a number, at least 1, or `none`
    std::optional<std::uint64_t> FetchOptions::* member;
};
struct Count {  ///< a number between two bounds
    unsigned FetchOptions::* member;
    unsigned least;
    unsigned most;
};
struct Speed {
    std::optional<Rate> FetchOptions::* member;
};
struct Custom {
    void (*read)(Draft&);
};
struct NoEffect {};  ///< fingers type it; what it asks for holds anyway
struct Later {};     ///< promised, and refused until it is kept
struct Refused {     ///< means different things in different tools
    std::string_view hint;
};

using Target = std::variant<Flag, Switch, Text, Wait, Limit, Size, Amount, Count, Speed, Custom, NoEffect,
                            Later, Refused>;

/// One option. Everything that is said about options anywhere comes from here.
struct OptionRow {
    std::string_view name;  ///< without dashes; empty if there is only a short form
    char short_name = 0;
    std::string_view argument;  ///< as shown; empty: takes none; `a|b` is the list of choices
    std::string_view default_text;
    Topic topic = Topic::general;
    std::string_view help;
    Target target = Later{};
    std::string_view alias_of = {};
    bool secret = false;  ///< its value is never shown

    [[nodiscard]] bool takes_value() const noexcept { return !argument.empty(); }
    [[nodiscard]] bool takes_two_values() const noexcept { return name == "header-for"; }
};

[[nodiscard]] std::span<const OptionRow> option_table();
[[nodiscard]] const OptionRow* option_named(std::string_view name);
[[nodiscard]] const OptionRow* option_named(char short_name);

/// Puts one value where its row says, or adds a problem.
void apply(const OptionRow& row, Draft& draft);

/// What no single option can see: combinations that contradict each other (C6).
void check_combinations(const FetchOptions& options, std::vector<std::string>& problems);

// The readers of values that have a form of their own.
void read_input_file(Draft& draft);
void read_retry_failed(Draft& draft);
void read_input_format(Draft& draft);
void read_skip(Draft& draft);
void read_method(Draft& draft);
void read_header(Draft& draft);
void read_header_for(Draft& draft);
void read_secret_header(Draft& draft);
void read_header_value(Draft& draft);  ///< `-A`, `-e`
void read_data(Draft& draft);
void read_data_raw(Draft& draft);
void read_data_binary(Draft& draft);
void read_json(Draft& draft);
void read_range(Draft& draft);
void read_bearer(Draft& draft);
void read_cookie(Draft& draft);
void read_existing(Draft& draft);
void read_ok_status(Draft& draft);
void read_write_out(Draft& draft);
void read_report(Draft& draft);
void read_report_headers(Draft& draft);
void read_per_host(Draft& draft);
void read_tries(Draft& draft);
void read_retry_on(Draft& draft);
void read_resolve(Draft& draft);
void read_connect_to(Draft& draft);
void read_progress(Draft& draft);
void read_color(Draft& draft);

}  // namespace tandem::cli
