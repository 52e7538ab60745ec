#pragma once

#include <tandem/base/bytes.hpp>
#include <tandem/io/wait_list.hpp>
#include <tandem/net/address.hpp>
#include <tandem/net/stream_writer.hpp>
#include <tandem/net/tcp_stream.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <exception>

namespace tandem::inline v1::net {

class Transport;

/// What a class of one's own does with a connection, callback by callback, as in asyncio: derive, override,
/// and give it to `run_protocol()`.
///
///     struct Echo : net::Protocol {
///         void connection_made(net::Transport& transport) override { peer = &transport; }
///         void data_received(Bytes data) override { peer->write(data); }
///         net::Transport* peer = nullptr;
///     };
///
/// Errors      what a callback throws aborts the connection and leaves `run_protocol()`.
/// Cancelling  callbacks do not wait.
/// Threads     the connection's loop.
/// Lifetime    longer than its `run_protocol()`.
class Protocol {
public:
    virtual ~Protocol() = default;
    /// First, once. The transport stays until `connection_lost()`.
    virtual void connection_made(Transport& transport) { static_cast<void>(transport); }
    virtual void data_received(Bytes data) = 0;
    /// The peer writes no more. True keeps our side open, until `Transport::close()`.
    virtual bool eof_received() { return false; }
    /// Last, once; with the error that ended the connection, or null.
    virtual void connection_lost(std::exception_ptr error) { static_cast<void>(error); }
    /// More than 64 KiB wait to be sent; `resume_writing()`: none does any more. They alternate.
    virtual void pause_writing() {}
    virtual void resume_writing() {}

protected:
    Protocol() = default;
    Protocol(const Protocol&) = default;
    Protocol& operator=(const Protocol&) = default;
};

/// A connection as its protocol sees it. No call waits: what the socket does not take at once is sent by
/// `run_protocol()`.
///
/// Errors      `write()`: `InvalidStateError` after `write_eof()`, `close()` or `abort()`.
/// Cancelling  ends with `run_protocol()`.
/// Threads     the connection's loop.
/// Lifetime    from `connection_made()` to the end of `connection_lost()`.
class Transport {
public:
    static constexpr std::size_t high_water_bytes = 64 * 1024;

    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    void write(Bytes bytes);
    /// Ends our side after what was written; reading goes on.
    void write_eof();
    /// Reads no more, sends what was written, closes.
    void close();
    /// Drops what was written and resets the connection.
    void abort();
    bool is_closing() const noexcept { return closing_; }
    /// Data that came before may still be given once.
    void pause_reading() noexcept { reading_paused_ = true; }
    void resume_reading() noexcept;
    std::size_t write_buffer_bytes() const noexcept { return writer_.unsent_bytes(); }
    SocketAddress local() const { return stream_.local(); }
    SocketAddress peer() const { return stream_.peer(); }

private:
    friend Task<void> run_protocol(TcpStream stream, Protocol& protocol);
    class Callback;

    Transport(TcpStream stream, Protocol& protocol) : stream_(std::move(stream)), protocol_(protocol) {}
    void begin();
    Task<void> read();
    Task<void> read_until_closed();
    Task<void> write_out();
    void end(std::exception_ptr error);

    TcpStream stream_;
    Protocol& protocol_;
    StreamWriter writer_{stream_};
    CancelScope reading_;
    io::WaitList changed_;
    bool closing_ = false;
    bool aborted_ = false;
    bool eof_wanted_ = false;
    bool eof_sent_ = false;
    bool reading_paused_ = false;
    bool writing_paused_ = false;
    bool callback_failed_ = false;
};

/// Runs a protocol on a connection until it is closed.
///
///     Task<void> serve_echo(net::TcpStream peer) {
///         Echo echo;
///         co_await net::run_protocol(std::move(peer), echo);
///     }
///
/// Errors      what a callback threw, after `connection_lost()`. The connection's own go to
///             `connection_lost()` alone.
/// Cancelling  resets the connection; `connection_lost(null)` still comes.
/// Threads     the stream's loop.
/// Lifetime    borrows the protocol.
[[nodiscard]] Task<void> run_protocol(TcpStream stream, Protocol& protocol);

}  // namespace tandem::inline v1::net
