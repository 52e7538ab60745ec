#pragma once

#include <tandem/http/headers.hpp>

#include <cstring>

namespace tandem::inline v1::http {

/// Writes checked bytes into a `Headers` without checking them again.
class HeadersWriter {
public:
    explicit HeadersWriter(Headers& headers) noexcept : headers_(headers) {}

    /// Both lie in one line of the input, the value behind the name: one copy takes them and what is between.
    void append_line(std::string_view name, std::string_view value) {
        const auto value_at = static_cast<std::size_t>(value.data() - name.data());
        headers_.append_line(std::string_view(name.data(), value_at + value.size()), name.size(), value_at);
    }

    [[nodiscard]] HeaderField last() const noexcept { return headers_[headers_.size() - 1]; }

    /// Continues the value of the last field, which also lies last in the buffer: ' ' and `more` (P23).
    void fold_into_last(std::string_view more) {
        auto& field = headers_.fields_.back();
        if (field.value_bytes != 0) headers_.bytes_ += ' ';
        headers_.bytes_ += more;
        field.value_bytes = static_cast<std::uint32_t>(headers_.bytes_.size() - field.value_at);
    }

private:
    Headers& headers_;
};

}  // namespace tandem::inline v1::http
