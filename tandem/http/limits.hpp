#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace tandem::inline v1::http {

/// How much of a message is taken before it is refused. Absence means no limit; zero is refused.
struct HttpLimits {
    std::optional<std::size_t> max_start_line_bytes = 8'192;               ///< L1, without the line end
    std::optional<std::size_t> max_header_bytes = 65'536;                  ///< L2, the whole head
    std::optional<std::size_t> max_header_fields = 256;                    ///< L3
    std::optional<std::size_t> max_field_bytes = 65'536;                   ///< L4, name and value
    std::optional<std::size_t> max_field_name_bytes = 256;                 ///< L5
    std::optional<std::size_t> max_chunk_extension_bytes = 4'096;          ///< L6, over one message
    std::optional<std::size_t> max_trailer_bytes = 8'192;                  ///< L7
    std::optional<std::size_t> max_trailer_fields = 32;                    ///< L7
    std::optional<std::uint64_t> max_body_bytes = std::nullopt;            ///< L8, as on the wire
    std::optional<std::size_t> max_interim_responses = 16;                 ///< P55
    std::optional<std::size_t> max_interim_bytes = 65'536;                 ///< P55, over all of them
    std::optional<std::size_t> max_redirect_header_bytes = 1'024 * 1'024;  ///< L9, over all hops of a call

    [[nodiscard]] static constexpr HttpLimits client() { return {}; }

    [[nodiscard]] static constexpr HttpLimits server() {
        auto limits = HttpLimits();
        limits.max_header_fields = 100;
        limits.max_field_bytes = 16'384;
        limits.max_body_bytes = 1'024 * 1'024;
        return limits;
    }

    /// Throws `std::invalid_argument` naming the first field that is zero.
    void validate() const;
};

}  // namespace tandem::inline v1::http
