#include <tandem/io/line_reader.hpp>

#include <utility>

namespace tandem::inline v1::io {
namespace {

constexpr std::size_t chunk_bytes = 4096;

}  // namespace

LineTooLong::LineTooLong(std::size_t limit_bytes)
    : std::runtime_error("a line is longer than " + std::to_string(limit_bytes) +
                         " bytes, the limit of its reader (LineReader's max_line_bytes)"),
      limit_bytes_(limit_bytes) {}

LineReader::LineReader(ByteStream& stream, std::size_t max_line_bytes)
    : stream_(stream), max_line_bytes_(max_line_bytes) {}

std::string LineReader::take(std::size_t count) {
    std::string taken = unread_.substr(begin_, count);
    begin_ += count;
    searched_ = begin_;
    if (begin_ == unread_.size()) {
        unread_.clear();
        begin_ = searched_ = 0;
    }
    return taken;
}

std::optional<std::string> LineReader::take_line() {
    const auto newline = unread_.find('\n', searched_);
    const auto length = (newline == std::string::npos ? unread_.size() : newline) - begin_;
    searched_ = unread_.size();
    // Room for the `\r` that is dropped.
    const bool return_at_end = length > 0 && unread_[begin_ + length - 1] == '\r';
    if (length - (return_at_end ? 1 : 0) > max_line_bytes_) throw LineTooLong(max_line_bytes_);
    if (newline == std::string::npos) return std::nullopt;

    auto line = take(length + 1);
    line.resize(length - (return_at_end ? 1 : 0));
    return line;
}

Task<std::optional<std::string>> LineReader::next() {
    for (;;) {
        if (auto line = take_line()) co_return line;
        if (begin_ > 0) {
            unread_.erase(0, begin_);
            begin_ = 0;
            searched_ = unread_.size();
        }
        // unread_ grows only once the read is over, so that a call cancelled here leaves it whole.
        char chunk[chunk_bytes];
        const auto count = co_await stream_.read_some(chunk);
        if (count == 0) {
            if (unread_.empty()) co_return std::nullopt;
            auto rest = take(unread_.size());
            if (rest.ends_with('\r')) rest.pop_back();
            co_return rest;
        }
        unread_.append(chunk, count);
    }
}

std::string LineReader::take_unread() {
    auto rest = unread_.substr(begin_);
    unread_.clear();
    begin_ = searched_ = 0;
    return rest;
}

}  // namespace tandem::inline v1::io
