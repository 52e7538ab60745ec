#include <tandem/http/dates.hpp>

#include <tandem/http/h1_tables_internal.hpp>

#include <array>
#include <stdexcept>

namespace tandem::inline v1::http {
namespace {

using std::chrono::sys_seconds;

constexpr std::array<std::string_view, 7> day_names = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> long_day_names = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                            "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> month_names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Fields {
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
};

/// Reads a date from left to right; the first thing out of place makes all that follows fail.
class Reader {
public:
    explicit Reader(std::string_view text) noexcept : rest_(text) {}

    Reader& literal(std::string_view text) noexcept {
        if (rest_.starts_with(text)) {
            rest_.remove_prefix(text.size());
        } else {
            good_ = false;
        }
        return *this;
    }

    template <std::size_t size>
    std::size_t one_of(const std::array<std::string_view, size>& names) noexcept {
        for (std::size_t i = 0; i < size; ++i) {
            if (rest_.starts_with(names[i])) {
                rest_.remove_prefix(names[i].size());
                return i;
            }
        }
        good_ = false;
        return 0;
    }

    int number(std::size_t digits) noexcept {
        int value = 0;
        if (rest_.size() < digits) {
            good_ = false;
            return 0;
        }
        for (const char byte : rest_.substr(0, digits)) {
            if (!octets::is(byte, octets::digit)) good_ = false;
            value = value * 10 + (byte - '0');
        }
        rest_.remove_prefix(digits);
        return good_ ? value : 0;
    }

    /// asctime's day of the month: two places, the first a space or a digit.
    int padded_number() noexcept {
        if (!rest_.starts_with(' ')) return number(2);
        rest_.remove_prefix(1);
        return number(1);
    }

    [[nodiscard]] bool next_is(char byte) const noexcept { return rest_.starts_with(byte); }
    [[nodiscard]] bool complete() const noexcept { return good_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool good_ = true;
};

void read_time(Reader& reader, Fields& fields) noexcept {
    fields.hour = reader.number(2);
    fields.minute = reader.literal(":").number(2);
    fields.second = reader.literal(":").number(2);
}

std::optional<sys_seconds> to_time(const Fields& fields) noexcept {
    using namespace std::chrono;
    const auto date = year(fields.year) / month(fields.month) / day(fields.day);
    if (!date.ok() || fields.hour > 23 || fields.minute > 59 || fields.second > 60) return std::nullopt;
    return sys_days(date) + hours(fields.hour) + minutes(fields.minute) + seconds(fields.second);
}

/// Sun, 06 Nov 1994 08:49:37 GMT
std::optional<sys_seconds> parse_fixed(std::string_view text) noexcept {
    auto reader = Reader(text);
    Fields fields;
    reader.one_of(day_names);
    fields.day = static_cast<unsigned>(reader.literal(", ").number(2));
    fields.month = static_cast<unsigned>(reader.literal(" ").one_of(month_names)) + 1;
    fields.year = reader.literal(" ").number(4);
    read_time(reader.literal(" "), fields);
    return reader.literal(" GMT").complete() ? to_time(fields) : std::nullopt;
}

int year_of(int two_digits, std::optional<sys_seconds> now) noexcept {
    using namespace std::chrono;
    if (!now) return two_digits >= 70 ? 1900 + two_digits : 2000 + two_digits;
    const auto this_year = static_cast<int>(year_month_day(floor<days>(*now)).year());
    auto year = this_year - this_year % 100 + two_digits;
    if (year > this_year + 50) year -= 100;
    return year;
}

/// Sunday, 06-Nov-94 08:49:37 GMT
std::optional<sys_seconds> parse_rfc850(std::string_view text, std::optional<sys_seconds> now) noexcept {
    auto reader = Reader(text);
    Fields fields;
    reader.one_of(long_day_names);
    fields.day = static_cast<unsigned>(reader.literal(", ").number(2));
    fields.month = static_cast<unsigned>(reader.literal("-").one_of(month_names)) + 1;
    fields.year = year_of(reader.literal("-").number(2), now);
    read_time(reader.literal(" "), fields);
    return reader.literal(" GMT").complete() ? to_time(fields) : std::nullopt;
}

/// Sun Nov  6 08:49:37 1994
std::optional<sys_seconds> parse_asctime(std::string_view text) noexcept {
    auto reader = Reader(text);
    Fields fields;
    reader.one_of(day_names);
    fields.month = static_cast<unsigned>(reader.literal(" ").one_of(month_names)) + 1;
    fields.day = static_cast<unsigned>(reader.literal(" ").padded_number());
    read_time(reader.literal(" "), fields);
    fields.year = reader.literal(" ").number(4);
    return reader.complete() ? to_time(fields) : std::nullopt;
}

void append_number(std::string& out, int value, int digits) {
    for (int divisor = digits == 4 ? 1000 : 10; divisor != 0; divisor /= 10)
        out += static_cast<char>('0' + value / divisor % 10);
}

}  // namespace

std::optional<sys_seconds> parse_http_date(std::string_view text, std::optional<sys_seconds> now) noexcept {
    const auto comma = text.find(',');
    if (comma == std::string_view::npos) return parse_asctime(text);
    return comma == 3 ? parse_fixed(text) : parse_rfc850(text, now);
}

std::string format_http_date(sys_seconds time) {
    std::string text;
    append_http_date(text, time);
    return text;
}

void append_http_date(std::string& out, sys_seconds time) {
    using namespace std::chrono;
    const auto day = floor<days>(time);
    const auto date = year_month_day(day);
    const auto clock = hh_mm_ss(time - day);
    const auto year = static_cast<int>(date.year());
    if (year < 1 || year > 9999) throw std::invalid_argument("an HTTP date has a year from 1 to 9999");

    out += day_names[weekday(day).c_encoding()];
    out += ", ";
    append_number(out, static_cast<int>(static_cast<unsigned>(date.day())), 2);
    out += ' ';
    out += month_names[static_cast<unsigned>(date.month()) - 1];
    out += ' ';
    append_number(out, year, 4);
    out += ' ';
    append_number(out, static_cast<int>(clock.hours().count()), 2);
    out += ':';
    append_number(out, static_cast<int>(clock.minutes().count()), 2);
    out += ':';
    append_number(out, static_cast<int>(clock.seconds().count()), 2);
    out += " GMT";
}

}  // namespace tandem::inline v1::http
