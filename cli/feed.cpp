#include <cli/feed.hpp>

#include <cli/glob.hpp>
#include <cli/input.hpp>
#include <cli/save.hpp>
#include <cli/text.hpp>

#include <tandem/backend/operation.hpp>
#include <tandem/io/readiness.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/sleep.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

namespace tandem::cli {
namespace {

constexpr std::size_t piece_bytes = 64 * 1024;
constexpr unsigned entries_per_turn = 64;  // then everything else gets its turn

/// The URLs of one argument, with or without globs.
class ArgumentUrls {
public:
    ArgumentUrls(const FetchOptions& options, const std::string& text) {
        if (!options.glob_off && has_globs(text))
            glob_.emplace(text);
        else
            plain_ = text;
    }
    std::optional<Entry> next() {
        Entry entry;
        if (plain_) {
            entry.url = *plain_;
            plain_.reset();
            return entry;
        }
        if (!glob_) return std::nullopt;
        auto match = glob_->next();
        if (!match) return std::nullopt;
        entry.url = std::move(match->url);
        entry.captures = std::move(match->captures);
        return entry;
    }

private:
    std::optional<UrlGlob> glob_;
    std::optional<std::string> plain_;
};

/// A list that is being read.
class ListFile {
public:
    ListFile(const FetchOptions& options, const InputSource& source)
        : name_(source.text == "-" ? "stdin" : source.text),
          reader_(source.kind == InputSource::Kind::retry_failed ? InputFormat::report : options.input_format,
                  name_) {
        if (source.text == "-") {
            descriptor_ = STDIN_FILENO;
        } else {
            file_ = OpenFile(::open(source.text.c_str(), O_RDONLY | O_CLOEXEC));
            descriptor_ = file_.get();
            if (descriptor_ < 0) throw_error(errno);
        }
        struct stat status{};
        regular_ = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
        buffer_.resize(piece_bytes);
    }
    ~ListFile() {}

    [[noreturn]] void throw_error(int error) const {
        throw FetchError(ErrorCode::file_read,
                         fmt::format("read {}: {}", escaped_for_terminal(name_), std::strerror(error)));
    }
    /// False at the end.
    bool take_bytes(std::int64_t count) {
        if (count < 0) throw_error(static_cast<int>(-count));
        if (count == 0)
            reader_.finish();
        else
            reader_.feed(std::string_view(buffer_.data(), static_cast<std::size_t>(count)));
        return count > 0;
    }
    std::int64_t read_now() {
        const auto count = ::read(descriptor_, buffer_.data(), buffer_.size());
        return count < 0 ? -errno : count;
    }

    [[nodiscard]] int descriptor() const { return descriptor_; }
    [[nodiscard]] bool is_regular() const { return regular_; }
    [[nodiscard]] char* buffer() { return buffer_.data(); }
    [[nodiscard]] InputReader& reader() { return reader_; }

private:
    std::string name_;
    InputReader reader_;
    OpenFile file_;
    int descriptor_ = -1;
    bool regular_ = false;
    std::string buffer_;
};

Task<void> feed_argument(const FetchOptions& options, const std::string& text, EntryTaker& taker) {
    ArgumentUrls urls(options, text);
    unsigned taken = 0;
    for (;;) {
        if (taker.wants_no_more()) co_return;
        std::optional<Entry> entry = urls.next();
        if (!entry) co_return;
        taker.take(std::move(*entry));
        if (taker.is_full()) co_await taker.room();
        if (++taken % entries_per_turn == 0) co_await checkpoint();
    }
}

Task<void> feed_list(const FetchOptions& options, const InputSource& source, EntryTaker& taker) {
    ListFile list(options, source);
    unsigned taken = 0;
    for (bool open = true; open;) {
        std::int64_t count = 0;
        if (list.is_regular()) {
            const std::int32_t result =
                co_await OperationWait(OpCode::read_file, list.descriptor(), list.buffer(), piece_bytes);
            count = result;
        } else {
            if (taker.is_stopped()) co_return;  // nobody knows when more would come
            co_await io::readable(list.descriptor());
            count = list.read_now();
            if (count == -EAGAIN || count == -EINTR) continue;
        }
        open = list.take_bytes(count);
        for (;;) {
            if (taker.wants_no_more()) co_return;
            std::optional<Entry> entry = list.reader().next();
            if (!entry) break;
            taker.take(std::move(*entry));
            if (taker.is_full()) co_await taker.room();
            if (++taken % entries_per_turn == 0) co_await checkpoint();
        }
    }
    if (const auto bad = list.reader().unreadable_lines(); bad > 0)
        taker.input_failed(fmt::format("{}: {} lines are no records and were left out",
                                       escaped_for_terminal(source.text), bad));
}

}  // namespace

Task<void> feed(const FetchOptions& options, EntryTaker& taker) {
    for (const InputSource& source : options.inputs) {
        if (taker.wants_no_more()) break;
        try {
            if (source.kind == InputSource::Kind::url)
                co_await feed_argument(options, source.text, taker);
            else
                co_await feed_list(options, source, taker);
        } catch (const std::exception& error) {
            taker.input_failed(error.what());
        }
    }
}

void feed_blocking(const FetchOptions& options, EntryTaker& taker) {
    for (const InputSource& source : options.inputs) {
        if (source.kind == InputSource::Kind::url) {
            ArgumentUrls urls(options, source.text);
            while (!taker.wants_no_more()) {
                auto entry = urls.next();
                if (!entry) break;
                taker.take(std::move(*entry));
            }
            continue;
        }
        ListFile list(options, source);
        for (bool open = true; open && !taker.wants_no_more();) {
            open = list.take_bytes(list.read_now());
            while (auto entry = list.reader().next()) taker.take(std::move(*entry));
        }
    }
}

std::vector<std::string> unreadable_inputs(const FetchOptions& options) {
    std::vector<std::string> problems;
    for (const InputSource& source : options.inputs) {
        if (source.kind == InputSource::Kind::url || source.text == "-") continue;
        struct stat status{};
        const OpenFile file(::open(source.text.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        const int error = !file                               ? errno
                          : ::fstat(file.get(), &status) != 0 ? errno
                          : S_ISDIR(status.st_mode)           ? EISDIR
                                                              : 0;
        if (error != 0)
            problems.push_back(
                fmt::format("read {}: {}", escaped_for_terminal(source.text), std::strerror(error)));
    }
    return problems;
}

}  // namespace tandem::cli
