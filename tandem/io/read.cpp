#include <tandem/io/read.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace tandem::inline v1::io {

IncompleteReadError::IncompleteReadError(std::string partial, std::size_t expected)
    : std::runtime_error("the stream ended after " + std::to_string(partial.size()) + " of " +
                         std::to_string(expected) + " bytes"),
      partial_(std::move(partial)),
      expected_(expected) {}

Task<void> read_exactly(ByteStream& stream, MutableBytes buffer) {
    std::size_t filled = 0;
    while (filled < buffer.size()) {
        const auto count = co_await stream.read_some(buffer.skip(filled));
        if (count == 0) throw IncompleteReadError(std::string(buffer.data(), filled), buffer.size());
        filled += count;
    }
}

Task<std::string> read_exactly(ByteStream& stream, std::size_t count) {
    // Grown as bytes come: a peer's claim of a length is not yet memory.
    constexpr std::size_t most_at_once = 1024 * 1024;
    std::string bytes;
    while (bytes.size() < count) {
        const auto filled = bytes.size();
        bytes.resize(filled + std::min(count - filled, most_at_once));
        const auto got = co_await stream.read_some(MutableBytes(bytes).skip(filled));
        bytes.resize(filled + got);
        if (got == 0) throw IncompleteReadError(std::move(bytes), count);
    }
    co_return bytes;
}

Task<std::string> read_all(ByteStream& stream, std::size_t max_bytes) {
    std::string bytes;
    std::size_t step = 4096;
    for (;;) {
        const auto filled = bytes.size();
        bytes.resize(filled + step);
        const auto got = co_await stream.read_some(MutableBytes(bytes).skip(filled));
        bytes.resize(filled + got);
        if (got == 0) co_return bytes;
        if (bytes.size() > max_bytes) {
            throw std::length_error("the stream has more than " + std::to_string(max_bytes) +
                                    " bytes, the limit of read_all()");
        }
        step = std::clamp<std::size_t>(bytes.size(), 4096, 256 * 1024);
    }
}

Task<std::uint64_t> copy(ByteStream& from, ByteStream& to, std::size_t buffer_bytes) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(buffer_bytes);
    std::uint64_t total = 0;
    for (;;) {
        const auto count = co_await from.read_some(MutableBytes(buffer.get(), buffer_bytes));
        if (count == 0) co_return total;
        co_await to.write_all(Bytes(buffer.get(), count));
        total += count;
    }
}

}  // namespace tandem::inline v1::io
