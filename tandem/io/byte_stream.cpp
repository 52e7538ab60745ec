#include <tandem/io/byte_stream.hpp>

namespace tandem::inline v1::io {
namespace {

Task<void> write_one_by_one(ByteStream& stream, std::span<const Bytes> parts) {
    for (const Bytes part : parts) co_await stream.write_all(part);
}

}  // namespace

Task<void> ByteStream::write_all_parts(std::span<const Bytes> parts) {
    return write_one_by_one(*this, parts);
}

std::optional<std::string> ByteStream::extra(std::string_view) const { return std::nullopt; }

}  // namespace tandem::inline v1::io
