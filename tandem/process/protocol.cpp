#include <tandem/process/protocol.hpp>

#include <tandem/process/state_internal.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>

#include <cstddef>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/ioctl.h>

namespace tandem::inline v1::process {
namespace {

class Conversation {
public:
    Conversation(Process child, Protocol& protocol) : child_(std::move(child)), protocol_(protocol) {}

    Process& child() { return child_; }

    /// Until the process has ended and nobody has its output any more.
    Task<void> run() {
        tell([&] { protocol_.connection_made(child_); });
        std::vector<Task<void>> parts;
        if (auto* const out = pipe(1)) parts.push_back(read(1, *out));
        if (auto* const err = pipe(2)) parts.push_back(read(2, *err));
        parts.push_back(watch_end());
        co_await gather(std::move(parts));
    }
    void lost(std::exception_ptr error) { protocol_.connection_lost(std::move(error)); }
    bool callback_failed() const noexcept { return callback_failed_; }

private:
    template <class F>
    void tell(F callback) {
        callback_failed_ = true;
        callback();
        callback_failed_ = false;
    }

    io::PipeStream* pipe(int fd) {
        auto& stream = Launch::stream_of(child_, fd);
        return stream.is_open() ? &stream : nullptr;
    }

    Task<void> read(int fd, io::PipeStream& stream) {
        constexpr std::size_t most_at_once = 64 * 1024;
        const auto buffer = std::make_unique_for_overwrite<char[]>(most_at_once);
        std::exception_ptr error;
        try {
            for (;;) {
                const std::size_t count = co_await stream.read_some(MutableBytes(buffer.get(), most_at_once));
                if (count == 0) break;
                tell([&] { protocol_.pipe_data_received(fd, Bytes(buffer.get(), count)); });
            }
        } catch (const std::system_error&) {
            if (callback_failed_) throw;
            error = std::current_exception();
        }
        stream.abort();
        tell([&] { protocol_.pipe_connection_lost(fd, error); });
    }

    bool something_unread() {
        for (const int fd : {1, 2}) {
            int count = 0;
            const auto* const stream = pipe(fd);
            if (stream && ::ioctl(stream->native_handle(), FIONREAD, &count) == 0 && count > 0) return true;
        }
        return false;
    }

    Task<void> watch_end() {
        co_await child_.wait();
        while (something_unread()) co_await checkpoint();
        co_await checkpoint();  // what was read last is on its way to the protocol
        if (auto* const in = pipe(0)) {
            in->abort();
            tell([&] { protocol_.pipe_connection_lost(0, nullptr); });
        }
        tell([&] { protocol_.process_exited(); });
    }

    Process child_;
    Protocol& protocol_;
    bool callback_failed_ = false;
};

}  // namespace

Task<int> exec_protocol(Command command, Protocol& protocol) {
    Launch::collect(command, true);
    Process child = co_await exec(std::move(command));
    Conversation conversation(std::move(child), protocol);
    std::exception_ptr error;
    bool cancelled = false;
    try {
        co_await conversation.run();
    } catch (const Cancelled&) {
        cancelled = true;
        error = std::current_exception();
    } catch (...) {
        error = std::current_exception();
    }
    const bool by_callback = conversation.callback_failed();
    if (error) co_await conversation.child().stop();
    conversation.lost(cancelled || by_callback ? nullptr : error);
    if (error) std::rethrow_exception(error);
    co_return co_await conversation.child().wait();
}

Task<int> shell_protocol(std::string text, Protocol& protocol) {
    return exec_protocol(Command::shell(std::move(text)), protocol);
}

}  // namespace tandem::inline v1::process
