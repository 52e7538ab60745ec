#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::inline v1::http {

/// One field, as seen in a `Headers`; the views live until the next change of it.
struct HeaderField {
    std::string_view name;
    std::string_view value;

    friend bool operator==(const HeaderField&, const HeaderField&) = default;
};

/// The bytes of two texts of one length, at least one byte long.
[[nodiscard]] bool same_but_for_case(const char* left, const char* right, std::size_t bytes) noexcept;

/// Whether two ASCII texts are equal but for the case of letters. Most comparisons end at the lengths.
[[nodiscard]] inline bool equals_ignoring_case(std::string_view left, std::string_view right) noexcept {
    return left.size() == right.size() &&
           (left.empty() || same_but_for_case(left.data(), right.data(), left.size()));
}

/// The fields of a message: an ordered multimap whose names ignore case.
///
/// Insertion order and the case of names are kept. All fields lie in one buffer beside one table of offsets:
/// two allocations, however many fields; `clear()` keeps both.
///
///     Headers headers{{"Accept", "text/html"}};
///     headers.add("X-Trace", "1");
///     for (auto [name, value] : headers) print(name, value);
///
/// Errors      `InvalidHeader` from `add` and `set` for a name that is no token, a value with CR, LF, NUL or
///             another control byte except HTAB. Space around a value is trimmed. Otherwise none.
/// Cancelling  never waits.
/// Threads     a plain value.
/// Lifetime    owns its bytes; views handed out live until the next change.
class Headers {
public:
    class Iterator;
    using value_type = HeaderField;
    using const_iterator = Iterator;
    using iterator = Iterator;

    Headers() = default;
    Headers(std::initializer_list<HeaderField> fields);

    /// The first value under `name`.
    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept;
    [[nodiscard]] std::vector<std::string_view> get_all(std::string_view name) const;
    /// All values joined by ", "; for `Set-Cookie`, which cannot be joined, only the first.
    [[nodiscard]] std::optional<std::string> combined(std::string_view name) const;
    [[nodiscard]] bool contains(std::string_view name) const noexcept;
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept;

    /// Appends a field.
    void add(std::string_view name, std::string_view value);
    /// Gives the first field of that name this value and removes the others; appends if there is none.
    void set(std::string_view name, std::string_view value);
    /// Removes all fields of that name; returns how many.
    std::size_t remove(std::string_view name);
    void clear() noexcept;
    void reserve(std::size_t fields, std::size_t bytes);

    [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
    [[nodiscard]] bool empty() const noexcept { return fields_.empty(); }
    [[nodiscard]] HeaderField operator[](std::size_t index) const noexcept;
    [[nodiscard]] Iterator begin() const noexcept;
    [[nodiscard]] Iterator end() const noexcept;

    /// Same fields in the same order; names ignore case.
    friend bool operator==(const Headers& left, const Headers& right) noexcept;

private:
    friend class HeadersWriter;  // the parser's way in, for bytes it has checked itself

    struct Field {
        std::uint32_t name_at;
        std::uint32_t name_bytes;
        std::uint32_t value_at;
        std::uint32_t value_bytes;
    };

    void append_checked(std::string_view name, std::string_view value);
    void append_line(std::string_view line, std::size_t name_bytes, std::size_t value_at);
    [[nodiscard]] std::uint32_t store(std::string_view text);
    [[nodiscard]] const Field* find(std::string_view name) const noexcept;
    [[nodiscard]] std::string_view name_of(const Field& field) const noexcept;
    [[nodiscard]] std::string_view value_of(const Field& field) const noexcept;
    void compact_if_wasteful();

    std::string bytes_;          // names and values, in no particular order, with gaps after set and remove
    std::vector<Field> fields_;  // in order of insertion
    std::size_t wasted_ = 0;     // bytes of bytes_ that no field refers to
};

class Headers::Iterator {
public:
    using iterator_category = std::input_iterator_tag;
    using iterator_concept = std::forward_iterator_tag;
    using value_type = HeaderField;
    using difference_type = std::ptrdiff_t;
    using reference = HeaderField;
    using pointer = void;

    Iterator() = default;
    HeaderField operator*() const noexcept { return (*headers_)[index_]; }
    Iterator& operator++() noexcept {
        ++index_;
        return *this;
    }
    Iterator operator++(int) noexcept {
        auto before = *this;
        ++index_;
        return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

private:
    friend class Headers;
    Iterator(const Headers& headers, std::size_t index) noexcept : headers_(&headers), index_(index) {}

    const Headers* headers_ = nullptr;
    std::size_t index_ = 0;
};

/// Throws `InvalidHeader` unless the name is a token (RFC 9110) and not empty.
void check_header_name(std::string_view name);
/// Throws `InvalidHeader` if the value has CR, LF, NUL or another control byte except HTAB.
void check_header_value(std::string_view name, std::string_view value);

}  // namespace tandem::inline v1::http
