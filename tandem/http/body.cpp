#include <tandem/http/body.hpp>

#include <tandem/http/errors.hpp>

#include <algorithm>
#include <cstring>

namespace tandem::inline v1::http {
namespace {

constexpr std::size_t first_room = 16 * 1024;
constexpr std::size_t most_room = 256 * 1024;

/// How much to ask for next: never more than was announced, and never much more than has come (L21).
std::size_t next_room(std::size_t have, std::optional<std::uint64_t> remaining) {
    const auto room = std::clamp(have, first_room, most_room);
    if (!remaining || *remaining == 0) return room;  // one read more finds the end
    return static_cast<std::size_t>(std::min<std::uint64_t>(*remaining, room));
}

}  // namespace

std::optional<std::uint64_t> Body::length() const {
    if (!source_ || complete_) return bytes_.size();
    return source_->remaining();
}

bool Body::rewind() {
    given_out_ = 0;
    if (source_ && !source_->rewind()) return false;
    if (source_) bytes_.clear();
    started_ = complete_ = false;
    return true;
}

void Body::require_unread(const char* what) const {
    if (!started_) return;
    throw BodyConsumed(std::string(what) + ": the body is being read in pieces already, some of it is gone");
}

Task<std::size_t> Body::read_some(MutableBytes buffer) {
    if (is_in_memory() || (complete_ && !started_)) {
        started_ = true;
        const auto count = std::min(buffer.size(), bytes_.size() - given_out_);
        if (count > 0) std::memcpy(buffer.data(), bytes_.data() + given_out_, count);
        given_out_ += count;
        co_return count;
    }
    if (source_ && !started_ && !bytes_.empty())
        throw BodyConsumed("read_some: reading the whole body failed half-way, what had come is gone");
    started_ = true;
    if (complete_) co_return std::size_t{0};
    const std::size_t count = co_await source_->read_some(buffer);
    if (count == 0 && !buffer.empty()) complete_ = true;
    co_return count;
}

Task<const std::string&> Body::read_all(std::optional<std::uint64_t> max_bytes) {
    require_unread("bytes()");
    while (!complete()) {
        const auto have = bytes_.size();
        bytes_.resize(have + next_room(have, source_->remaining()));
        std::size_t count = 0;
        try {
            count = co_await source_->read_some(MutableBytes(bytes_.data() + have, bytes_.size() - have));
        } catch (...) {
            bytes_.resize(have);
            throw;
        }
        bytes_.resize(have + count);
        complete_ = count == 0;
        if (max_bytes && bytes_.size() > *max_bytes)
            throw LimitExceeded("body", "ClientOptions::max_body_bytes", *max_bytes, bytes_.size());
    }
    co_return bytes_;
}

const Headers& Body::trailers() const {
    static const auto& none = *new Headers;  // never destroyed: the background loop drains at exit
    const Headers* fields = source_ && complete_ ? source_->trailers() : nullptr;
    return fields ? *fields : none;
}

}  // namespace tandem::inline v1::http
