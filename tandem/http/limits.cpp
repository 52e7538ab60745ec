#include <tandem/http/limits.hpp>

#include <stdexcept>
#include <string>

namespace tandem::inline v1::http {
namespace {

template <typename T>
void refuse_zero(const std::optional<T>& limit, const char* name) {
    if (limit && *limit == 0)
        throw std::invalid_argument(std::string("HttpLimits::") + name +
                                    " is 0: a limit is at least 1, std::nullopt means none");
}

}  // namespace

void HttpLimits::validate() const {
    refuse_zero(max_start_line_bytes, "max_start_line_bytes");
    refuse_zero(max_header_bytes, "max_header_bytes");
    refuse_zero(max_header_fields, "max_header_fields");
    refuse_zero(max_field_bytes, "max_field_bytes");
    refuse_zero(max_field_name_bytes, "max_field_name_bytes");
    refuse_zero(max_chunk_extension_bytes, "max_chunk_extension_bytes");
    refuse_zero(max_trailer_bytes, "max_trailer_bytes");
    refuse_zero(max_trailer_fields, "max_trailer_fields");
    refuse_zero(max_body_bytes, "max_body_bytes");
    refuse_zero(max_interim_responses, "max_interim_responses");
    refuse_zero(max_interim_bytes, "max_interim_bytes");
    refuse_zero(max_redirect_header_bytes, "max_redirect_header_bytes");
}

}  // namespace tandem::inline v1::http
