#include <tandem/http/headers.hpp>

#include <tandem/http/errors.hpp>
#include <tandem/http/h1_syntax_internal.hpp>

#include <cstring>
#include <functional>
#include <limits>
#include <stdexcept>

namespace tandem::inline v1::http {
namespace {

// Two allocations at once for an ordinary message instead of a series that doubles.
constexpr std::size_t first_fields = 8;
constexpr std::size_t first_bytes = 320;

/// Eight bytes, their ASCII capitals as small letters.
std::uint64_t lower_word(const char* bytes) noexcept {
    constexpr std::uint64_t each = 0x0101010101010101ULL;
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    const auto low_bits = word & (each * 0x7f);
    const auto above_z = low_bits + each * (0x7f - 'Z');
    const auto from_a = low_bits + each * (0x80 - 'A');
    const auto capital = (from_a ^ above_z) & ~word & (each * 0x80);
    return word | (capital >> 2U);
}

/// A text that may lie in the buffer that is about to grow.
bool lies_in(std::string_view text, const std::string& buffer) noexcept {
    const std::less_equal<const char*> at_most;
    return !text.empty() && at_most(buffer.data(), text.data()) &&
           at_most(text.data(), buffer.data() + buffer.size());
}

}  // namespace

bool same_but_for_case(const char* left, const char* right, std::size_t bytes) noexcept {
    std::size_t at = 0;
    for (; bytes - at >= sizeof(std::uint64_t); at += sizeof(std::uint64_t))
        if (lower_word(left + at) != lower_word(right + at)) return false;
    if (at == bytes) return true;
    if (bytes >= sizeof(std::uint64_t)) {  // the rest, with some bytes again
        at = bytes - sizeof(std::uint64_t);
        return lower_word(left + at) == lower_word(right + at);
    }
    for (; at < bytes; ++at)
        if (octets::lower(left[at]) != octets::lower(right[at])) return false;
    return true;
}

void check_header_name(std::string_view name) {
    if (name.empty()) throw InvalidHeader(name, 0, "H12", "the name is empty");
    if (const auto at = syntax::find_non_token(name); at != syntax::npos)
        throw InvalidHeader(name, at, "H12", "this byte may not stand in a name");
}

void check_header_value(std::string_view name, std::string_view value) {
    if (const auto at = syntax::find_bad_value_byte(value); at != syntax::npos)
        throw InvalidHeader(name, at, "H12", "a control byte may not stand in a value");
}

Headers::Headers(std::initializer_list<HeaderField> fields) {
    for (const auto& field : fields) add(field.name, field.value);
}

std::optional<std::string_view> Headers::get(std::string_view name) const noexcept {
    if (const auto* field = find(name)) return value_of(*field);
    return std::nullopt;
}

std::vector<std::string_view> Headers::get_all(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const auto& field : fields_) {
        if (equals_ignoring_case(name_of(field), name)) values.push_back(value_of(field));
    }
    return values;
}

std::optional<std::string> Headers::combined(std::string_view name) const {
    const bool joinable = !equals_ignoring_case(name, "Set-Cookie");
    std::optional<std::string> joined;
    for (const auto& field : fields_) {
        if (!equals_ignoring_case(name_of(field), name)) continue;
        if (!joined) {
            joined = value_of(field);
            if (!joinable) break;
        } else {
            *joined += ", ";
            *joined += value_of(field);
        }
    }
    return joined;
}

bool Headers::contains(std::string_view name) const noexcept { return find(name) != nullptr; }

std::size_t Headers::count(std::string_view name) const noexcept {
    std::size_t found = 0;
    for (const auto& field : fields_) found += equals_ignoring_case(name_of(field), name) ? 1U : 0U;
    return found;
}

void Headers::add(std::string_view name, std::string_view value) {
    check_header_name(name);
    value = syntax::trim(value);
    check_header_value(name, value);
    append_checked(name, value);
}

void Headers::set(std::string_view name, std::string_view value) {
    check_header_name(name);
    value = syntax::trim(value);
    check_header_value(name, value);

    const auto* found = find(name);
    if (found == nullptr) return append_checked(name, value);

    // The name may be a view into a field that is removed below, so it is looked up by place from here on.
    const auto first = static_cast<std::size_t>(found - fields_.data());
    const auto value_at = store(value);
    wasted_ += fields_[first].value_bytes;
    fields_[first].value_at = value_at;
    fields_[first].value_bytes = static_cast<std::uint32_t>(value.size());
    const auto kept_name = name_of(fields_[first]);
    auto out = first + 1;
    for (auto in = out; in < fields_.size(); ++in) {
        if (equals_ignoring_case(name_of(fields_[in]), kept_name)) {
            wasted_ += fields_[in].name_bytes + fields_[in].value_bytes;
        } else {
            fields_[out++] = fields_[in];
        }
    }
    fields_.resize(out);
    compact_if_wasteful();
}

std::size_t Headers::remove(std::string_view name) {
    std::size_t out = 0;
    for (const auto& field : fields_) {
        if (equals_ignoring_case(name_of(field), name)) {
            wasted_ += field.name_bytes + field.value_bytes;
        } else {
            fields_[out++] = field;
        }
    }
    const auto removed = fields_.size() - out;
    fields_.resize(out);
    compact_if_wasteful();
    return removed;
}

void Headers::clear() noexcept {
    bytes_.clear();
    fields_.clear();
    wasted_ = 0;
}

void Headers::reserve(std::size_t fields, std::size_t bytes) {
    fields_.reserve(fields);
    bytes_.reserve(bytes);
}

HeaderField Headers::operator[](std::size_t index) const noexcept {
    const auto& field = fields_[index];
    return {name_of(field), value_of(field)};
}

Headers::Iterator Headers::begin() const noexcept { return {*this, 0}; }
Headers::Iterator Headers::end() const noexcept { return {*this, fields_.size()}; }

bool operator==(const Headers& left, const Headers& right) noexcept {
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
        if (!equals_ignoring_case(left[i].name, right[i].name) || left[i].value != right[i].value)
            return false;
    }
    return true;
}

void Headers::append_checked(std::string_view name, std::string_view value) {
    if (fields_.capacity() == 0) {
        fields_.reserve(first_fields);
        bytes_.reserve(first_bytes);
    }
    if (lies_in(name, bytes_) || lies_in(value, bytes_)) {
        const auto own_name = std::string(name);
        const auto own_value = std::string(value);
        return append_checked(own_name, own_value);
    }
    Field field{};
    field.name_at = store(name);
    field.name_bytes = static_cast<std::uint32_t>(name.size());
    field.value_at = store(value);
    field.value_bytes = static_cast<std::uint32_t>(value.size());
    fields_.push_back(field);
}

/// For lines out of a parser, whose limits keep them small; they never lie in bytes_.
void Headers::append_line(std::string_view line, std::size_t name_bytes, std::size_t value_at) {
    if (fields_.capacity() == 0) {
        fields_.reserve(first_fields);
        bytes_.reserve(first_bytes);
    }
    const auto at = store(line);
    fields_.push_back({at, static_cast<std::uint32_t>(name_bytes), static_cast<std::uint32_t>(at + value_at),
                       static_cast<std::uint32_t>(line.size() - value_at)});
}

std::uint32_t Headers::store(std::string_view text) {
    const auto at = bytes_.size();
    if (at + text.size() > std::numeric_limits<std::uint32_t>::max())
        throw std::length_error("headers hold at most 4 GiB");
    bytes_.append(text);  // copes with a view into itself
    return static_cast<std::uint32_t>(at);
}

const Headers::Field* Headers::find(std::string_view name) const noexcept {
    for (const auto& field : fields_) {
        if (equals_ignoring_case(name_of(field), name)) return &field;
    }
    return nullptr;
}

std::string_view Headers::name_of(const Field& field) const noexcept {
    return {bytes_.data() + field.name_at, field.name_bytes};
}

std::string_view Headers::value_of(const Field& field) const noexcept {
    return {bytes_.data() + field.value_at, field.value_bytes};
}

void Headers::compact_if_wasteful() {
    if (wasted_ < 1024 || wasted_ * 2 < bytes_.size()) return;
    Headers tight;
    tight.reserve(fields_.size(), bytes_.size() - wasted_);
    for (const auto& field : fields_) tight.append_checked(name_of(field), value_of(field));
    *this = std::move(tight);
}

}  // namespace tandem::inline v1::http
