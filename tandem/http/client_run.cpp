// The waiting of a call: for a connection, for the request to go out, for the head of the response.
#include <tandem/http/client_call_internal.hpp>

#include <tandem/task/sleep.hpp>

#include <exception>
#include <utility>

namespace tandem::inline v1::http {

Task<void> Call::write(Bytes bytes) {
    while (!bytes.empty()) {
        timer_.enter(CallTimer::Phase::write_idle, limits_.write_idle, loop_.time());
        const std::size_t written = co_await lease_->stream->write_some(bytes);
        bytes = bytes.skip(written);
        counts_.sent += written;
    }
}

Task<void> Call::send_long_body() {
    constexpr std::size_t piece_bytes = 64 * 1024;
    const bool chunked = framing_.framing == Framing::chunked;
    std::string piece(piece_bytes, '\0');
    std::string chunk_head;
    for (std::uint64_t sent = 0;;) {
        timer_.leave();  // the caller's source may take its time
        const std::size_t count = co_await options_.body.read_some(MutableBytes(piece.data(), piece.size()));
        sent += count;
        if (!chunked && (sent > framing_.length || (count == 0 && sent < framing_.length)))
            throw InvalidRequest("Content-Length", 0, "H14",
                                 "the body is not as long as its source had said");
        if (chunked) {
            chunk_head.clear();
            if (count > 0)
                write_chunk_header(chunk_head, count);
            else
                write_last_chunk(chunk_head);
            co_await write(chunk_head);
        }
        if (count == 0) co_return;
        co_await write(Bytes(piece.data(), count));
        if (chunked) co_await write(chunk_end);
    }
}

Task<Response> run_call(std::shared_ptr<ClientState> state, std::string method, CallTarget target,
                        Options options) {
    if (!state) state = default_client();
    state->pool->bind();
    Call call(*state, std::move(method), target, options);
    bool ended_with_its_loop = false;
    try {
        for (;;) {
            Connection* connection = call.take_idle();
            if (!connection) {
                Origin& origin = call.wait_for_slot();
                connection = co_await state->pool->take(origin, call.freshness(), call.timer());
            }
            call.begin(*connection);
            try {
                co_await connection->stream->write_all(connection->out);
                if (call.has_long_body()) co_await call.send_long_body();
            } catch (const Error&) {
                throw;
            } catch (const std::exception&) {
                call.sending_failed();
            }
            call.begin_reading();
            try {
                for (bool done = false; !done;) {
                    const std::size_t count = co_await connection->stream->read_some(call.room());
                    done = call.take(count);
                }
            } catch (const Error&) {
                throw;
            } catch (const std::exception& error) {
                call.reading_failed(error);
            }
            if (!call.answered()) {
                call.repeat();
                continue;
            }
            if (call.follow()) continue;
            co_return call.respond();
        }
    } catch (const Cancelled&) {
        if (!call.timer().absorbs()) throw;
    } catch (const std::exception&) {
        if (!state->pool->ends_with_its_loop() || call.timer().absorbs()) throw;
        ended_with_its_loop = true;
    }
    if (ended_with_its_loop) co_await checkpoint();
    throw call.timeout_error();
}

}  // namespace tandem::inline v1::http
