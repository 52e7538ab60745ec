#pragma once

#include <cli/save.hpp>

#include <tandem/io/wait_list.hpp>
#include <tandem/task/task.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::cli {

/// A body that is printed once it is whole: in memory while it is small, else in a file without a name.
///
/// Errors      `FetchError` (`disk_full`, `file_write`).
/// Threads     one at a time.
/// Lifetime    owns what it holds.
class HeldBody {
public:
    static constexpr std::size_t max_memory_bytes = 1024 * 1024;

    HeldBody() {}
    HeldBody(const HeldBody&) = delete;
    HeldBody& operator=(const HeldBody&) = delete;
    ~HeldBody() {}

    void add(std::string_view bytes);
    /// The next piece from the beginning; empty at the end.
    [[nodiscard]] std::string_view next();

private:
    void write_out(std::string_view bytes);

    std::string memory_;
    OpenFile file_;
    std::uint64_t read_ = 0;
};

/// Stdout for bodies: waits for a slow reader without stopping the loop, and keeps whole bodies whole.
///
/// Errors      `OutputClosed` if nobody reads any more, `FetchError` (`file_write`, `disk_full`).
/// Cancelling  what was written stays written.
/// Threads     its loop's.
/// Lifetime    borrows descriptor 1.
class StdoutPort {
public:
    [[nodiscard]] Task<void> write(std::string_view bytes);
    /// All of it, without anything in between.
    [[nodiscard]] Task<void> write_whole(HeldBody& body);

private:
    bool busy_ = false;
    io::WaitList free_;
};

}  // namespace tandem::cli
