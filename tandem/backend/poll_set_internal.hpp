#pragma once

#include <tandem/backend/operation_list_internal.hpp>
#include <tandem/base/time.hpp>
#include <tandem/base/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace tandem::inline v1 {

/// The one-shot readiness waits of the epoll backend, on descriptors that others own and may close at any
/// time.
///
/// They have an epoll instance of their own, since a descriptor can be in one instance only once and the
/// backend's sockets are in the main one with other events. A registration lives exactly as long as somebody
/// waits.
class PollSet {
public:
    enum class Side : std::uint8_t { readable = 0, writable = 1 };

    PollSet();

    /// Readable when `collect()` would find something.
    int fd() const noexcept { return epoll_.get(); }
    bool empty() const noexcept { return entries_.empty(); }

    /// Starts to wait and returns 1; or returns 0 if the descriptor is always ready, or a negative errno.
    std::int32_t add(Operation& operation, Side side) noexcept;
    /// Stops waiting.
    void remove(Operation& operation, Side side) noexcept;
    /// Moves every operation whose descriptor became ready to `finished`.
    void collect(OperationList& finished) noexcept;
    /// Moves the operations whose descriptor was closed, or closed and opened as another file, to `finished`
    /// with -EBADF. The kernel drops a closed file without telling anybody; without this they would wait for
    /// ever.
    void find_closed(OperationList& finished) noexcept;
    /// Ends all waits on a descriptor whose owner says that it is gone.
    void forget(int fd, OperationList& finished) noexcept;
    void take_all(OperationList& all) noexcept;
    void close() noexcept { epoll_.reset(); }

private:
    struct Entry {
        OperationList waiting[2];
        // Tells this registration from an older one under the same number: a file that was closed here and
        // lives on in another process stays in the kernel's set and still reports.
        std::uint32_t generation = 0;
    };

    int control(int what, int fd, const Entry& entry) noexcept;
    void rearm_or_drop(int fd) noexcept;

    UniqueFd epoll_;
    std::unordered_map<int, Entry> entries_;
    std::uint32_t last_generation_ = 0;
};

}  // namespace tandem::inline v1
