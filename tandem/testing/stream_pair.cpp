#include <tandem/testing/stream_pair.hpp>

#include <algorithm>
#include <utility>

namespace tandem::inline v1::testing {
namespace {

std::size_t limited(const std::function<std::size_t(std::size_t)>& limit, std::size_t size) {
    return limit && size > 0 ? std::clamp<std::size_t>(limit(size), 1, size) : size;
}

}  // namespace

Task<std::size_t> HookedStream::read_some(MutableBytes buffer) {
    if (hooks.before_read) co_await hooks.before_read();
    const auto size = limited(hooks.read_limit, buffer.size());
    co_return co_await stream_.read_some(MutableBytes(buffer.data(), size));
}

Task<std::size_t> HookedStream::write_some(Bytes bytes) {
    if (hooks.before_write) co_await hooks.before_write();
    const auto size = limited(hooks.write_limit, bytes.size());
    co_return co_await stream_.write_some(Bytes(bytes.data(), size));
}

Task<void> HookedStream::write_all(Bytes bytes) {
    if (!hooks.write_limit) {
        if (hooks.before_write) co_await hooks.before_write();
        co_await stream_.write_all(bytes);
        co_return;
    }
    while (!bytes.empty()) {
        const auto count = co_await write_some(bytes);
        bytes = bytes.skip(count);
    }
}

Task<void> HookedStream::close() {
    tell_closed();
    co_await stream_.close();
}

void HookedStream::abort() noexcept {
    tell_closed();
    stream_.abort();
}

void HookedStream::tell_closed() noexcept {
    if (stream_.is_open() && hooks.on_close) hooks.on_close();
}

HookedPair stream_pair(std::size_t buffer_bytes) {
    auto ends = io::stream_pair(buffer_bytes);
    return {HookedStream(std::move(ends.first)), HookedStream(std::move(ends.second))};
}

}  // namespace tandem::inline v1::testing
