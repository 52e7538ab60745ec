#pragma once

#include <tandem/base/bytes.hpp>
#include <tandem/process/command.hpp>
#include <tandem/process/process.hpp>
#include <tandem/task/task.hpp>

#include <exception>
#include <string>

namespace tandem::inline v1::process {

/// What a class of one's own does with a child process, callback by callback: asyncio's `SubprocessProtocol`.
/// Derive, override, and give it to `exec_protocol()`.
///
///     struct Lines : process::Protocol {
///         void pipe_data_received(int fd, Bytes data) override { text += data.text(); }
///         std::string text;
///     };
///
/// Errors      what a callback throws ends the process and leaves `exec_protocol()`.
/// Cancelling  callbacks do not wait.
/// Threads     the loop that the process was started on.
/// Lifetime    longer than its `exec_protocol()`.
class Protocol {
public:
    virtual ~Protocol() = default;
    /// First, once. The process stays until the end of `connection_lost()`.
    virtual void connection_made(Process& process) { static_cast<void>(process); }
    /// What the process wrote to 1 or 2.
    virtual void pipe_data_received(int fd, Bytes data) {
        static_cast<void>(fd);
        static_cast<void>(data);
    }
    /// Nobody writes to 1 or 2 any more; or, at the end of the process, reads from 0.
    virtual void pipe_connection_lost(int fd, std::exception_ptr error) {
        static_cast<void>(fd);
        static_cast<void>(error);
    }
    /// Behind all that the process itself wrote. Its children may go on to write.
    virtual void process_exited() {}
    /// Last, once: after `process_exited()` and the ends of the pipes.
    virtual void connection_lost(std::exception_ptr error) { static_cast<void>(error); }

protected:
    Protocol() = default;
    Protocol(const Protocol&) = default;
    Protocol& operator=(const Protocol&) = default;
};

/// Runs a command under a protocol to its end: asyncio's `loop.subprocess_exec`, the status. What has no
/// setter is a pipe, as there.
///
///     Lines lines;
///     int code = co_await process::exec_protocol(process::Command("df", "-hl"), lines);
///
/// Errors      `exec()`'s, before any callback; what a callback threw, after `connection_lost()`.
/// Cancelling  stops the process; `connection_lost(null)` still comes.
/// Threads     the loop's.
/// Lifetime    borrows the protocol.
[[nodiscard]] Task<int> exec_protocol(Command command, Protocol& protocol);
/// The same for a line of /bin/sh.
[[nodiscard]] Task<int> shell_protocol(std::string text, Protocol& protocol);

}  // namespace tandem::inline v1::process
