#pragma once

#include <tandem/io/byte_stream.hpp>
#include <tandem/io/file.hpp>
#include <tandem/task/task.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>

namespace tandem::inline v1::net {

/// The system cannot send this file to this stream by itself, and copying was not wanted.
class SendfileNotAvailableError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct SendFileOptions {
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> count = std::nullopt;  ///< to the file's end without
    bool fallback = true;  ///< copied where the system has no better way, as through TLS
};

/// Sends a part of a file into a stream: asyncio's `loop.sendfile`. Into a socket the kernel moves it, on a
/// thread, so that a slow disk does not hold the loop, and no byte comes by user space. How much was sent:
/// less than `count` where the file ends.
///
///     io::File page = co_await io::open_file("index.html");
///     co_await net::send_file(peer, page);
///
/// Errors      the stream's and the file's; `SendfileNotAvailableError`. `InvalidStateError` for who writes
///             to the socket meanwhile.
/// Cancelling  as `write_all()`: `TcpStream::bytes_accepted()` tells how much had gone out, and further
///             writes throw (sem:C80).
/// Threads     the loop of both.
/// Lifetime    borrows both. The file's position stays.
[[nodiscard]] Task<std::uint64_t> send_file(io::ByteStream& to, io::File& file, SendFileOptions options = {});

}  // namespace tandem::inline v1::net
