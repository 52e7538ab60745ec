#include <tandem/tls/stream.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/tls/engine_internal.hpp>

#include <exception>
#include <system_error>
#include <utility>

namespace tandem::inline v1::tls {
namespace {

using namespace std::chrono_literals;

// What we would like to tell the peer about a failure must not hold it up.
constexpr auto alert_timeout = 1s;

}  // namespace

/// What a stream and the operations on it share: these may outlive it.
class Stream::State {
public:
    State(std::unique_ptr<io::ByteStream> below, std::shared_ptr<Context::State> context, std::string peer,
          Duration limit)
        : transport(std::move(below)), engine(std::move(context), std::move(peer)), close_timeout(limit) {}

    void abort() noexcept {
        open = false;
        transport->abort();
    }
    void require_readable() const {
        if (!open) throw InvalidStateError("read: the TLS stream is closed");
        if (reading) throw InvalidStateError("read: another task is reading from this stream");
    }
    void require_writable(const char* what) const {
        if (!open) throw InvalidStateError(std::string(what) + ": the TLS stream is closed");
        if (writing) throw InvalidStateError(std::string(what) + ": another task is writing to this stream");
        if (goodbye_said)
            throw InvalidStateError(std::string(what) + ": shutdown_write() was called on this stream");
        if (write_cut) {
            throw InvalidStateError(
                std::string(what) +
                ": an earlier write was cancelled in its middle, so that the peer would read "
                "nonsense; bytes_accepted() told how much had gone out");
        }
        if (failure) std::rethrow_exception(failure);
    }
    void check_still_open(const char* what) const {
        if (!open)
            throw std::system_error(ECANCELED, std::generic_category(),
                                    std::string(what) + " " + engine.peer());
    }

    std::unique_ptr<io::ByteStream> transport;
    Engine engine;
    Duration close_timeout;
    Session session;
    bool open = true;
    bool reading = false;
    bool writing =
        false;  // only then something is sent: what a read makes OpenSSL answer waits for the next write
    bool ended = false;  // the peer said goodbye
    bool goodbye_said = false;
    bool write_cut = false;
    std::uint64_t accepted = 0;
    std::exception_ptr failure;  // of the connection: for this operation and all later ones
};

namespace {

using State = Stream::State;
using Shared = std::shared_ptr<State>;

class Turn {
public:
    explicit Turn(bool& flag) : flag_(flag) { flag_ = true; }
    ~Turn() { flag_ = false; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

private:
    bool& flag_;
};

/// Sends all ciphertext that waits. Cancelled, it leaves the rest to the next one (sem:C68).
Task<void> flush(State& state) {
    while (state.engine.has_output()) {
        const auto count = co_await state.transport->write_some(state.engine.output());
        state.engine.sent(count);
    }
}

/// More ciphertext; false at the end of the transport.
Task<bool> receive(State& state) {
    const auto count = co_await state.transport->read_some(state.engine.room());
    state.engine.received(count);
    co_return count > 0;
}

/// Remembers what ended the connection, and rethrows.
[[noreturn]] void remember_failure(State& state) {
    if (state.open && !state.failure) state.failure = std::current_exception();
    throw;
}

/// Plaintext that is there without waiting, up to the size of `buffer`.
Engine::Step read_ready(State& state, MutableBytes buffer, std::size_t& total) {
    total = 0;
    auto step = Engine::Step::done;
    while (total < buffer.size() && step == Engine::Step::done) {
        std::size_t count = 0;
        try {
            step = state.engine.read(buffer.skip(total), count);
        } catch (...) {
            if (!state.failure) state.failure = std::current_exception();
            if (total == 0) throw;
            return Engine::Step::done;  // what came before it first
        }
        total += count;
    }
    return step;
}

Task<std::size_t> read_some_from(Shared shared, MutableBytes buffer) {
    State& state = *shared;
    state.require_readable();
    if (buffer.empty()) co_return std::size_t{0};
    if (state.ended) co_return std::size_t{0};
    if (state.failure) std::rethrow_exception(state.failure);
    const Turn turn(state.reading);
    if (is_cancelled()) co_await checkpoint();
    for (;;) {
        std::size_t count = 0;
        const auto step = read_ready(state, buffer, count);
        if (count > 0) co_return count;
        if (step == Engine::Step::ended) {
            state.ended = true;
            co_return std::size_t{0};
        }
        bool more = false;
        try {
            more = co_await receive(state);
        } catch (const std::exception&) {
            state.check_still_open("read from");
            remember_failure(state);
        }
        state.check_still_open("read from");
        if (!more) {
            state.failure = std::make_exception_ptr(TruncatedStream(state.engine.peer()));
            std::rethrow_exception(state.failure);
        }
    }
}

Task<void> flush_or_remember(State& state) {
    try {
        co_await flush(state);
    } catch (const std::exception&) {
        state.check_still_open("write to");
        remember_failure(state);
    }
    state.check_still_open("write to");
}

Task<std::size_t> write_some_to(Shared shared, Bytes bytes) {
    State& state = *shared;
    state.require_writable("write");
    state.accepted = 0;
    if (bytes.empty()) co_return std::size_t{0};
    const Turn turn(state.writing);
    if (is_cancelled()) co_await checkpoint();
    co_await flush_or_remember(state);
    state.accepted = state.engine.write(bytes);
    try {
        co_await flush_or_remember(state);
    } catch (const Cancelled&) {
        // The count is a result that came in spite of the request: the next checkpoint throws (sem:C23).
    }
    co_return static_cast<std::size_t>(state.accepted);
}

/// Encrypts and sends, a record at a time.
Task<void> write_bytes(State& state, Bytes bytes) {
    while (!bytes.empty()) {
        const auto count = state.engine.write(bytes);
        state.accepted += count;
        bytes = bytes.skip(count);
        co_await flush_or_remember(state);
    }
}

Task<void> write_all_to(Shared shared, Bytes bytes) {
    State& state = *shared;
    state.require_writable("write");
    state.accepted = 0;
    const Turn turn(state.writing);
    if (is_cancelled()) co_await checkpoint();
    try {
        co_await write_bytes(state, bytes);
    } catch (...) {
        if (state.accepted > 0 && state.accepted < bytes.size()) state.write_cut = true;
        throw;
    }
}

Task<void> write_parts_to(Shared shared, std::span<const Bytes> parts) {
    State& state = *shared;
    state.require_writable("write");
    state.accepted = 0;
    const Turn turn(state.writing);
    if (is_cancelled()) co_await checkpoint();
    std::size_t total = 0;
    for (const Bytes part : parts) total += part.size();
    try {
        // Small parts share a record.
        std::string gathered;
        for (const Bytes part : parts) {
            if (gathered.size() + part.size() <= 4096) {
                gathered.append(part.data(), part.size());
                continue;
            }
            co_await write_bytes(state, gathered);
            gathered.clear();
            co_await write_bytes(state, part);
        }
        co_await write_bytes(state, gathered);
    } catch (...) {
        if (state.accepted > 0 && state.accepted < total) state.write_cut = true;
        throw;
    }
}

Task<void> shutdown_write_of(Shared shared) {
    State& state = *shared;
    if (state.open && state.goodbye_said) co_return;
    state.require_writable("shutdown_write");
    if (!state.engine.is_tls1_3()) {
        throw std::system_error(EOPNOTSUPP, std::generic_category(),
                                "shutdown_write: TLS 1.2 cannot end one direction alone; close() ends both");
    }
    const Turn turn(state.writing);
    state.engine.say_goodbye();
    state.goodbye_said = true;
    co_await flush_or_remember(state);
}

/// What was written must go out. A goodbye that the peer does not wait for any more need not.
Task<void> flush_and_close(State& state) {
    co_await flush(state);
    try {
        state.engine.say_goodbye();
        co_await flush(state);
    } catch (const std::exception&) {
    }
    co_await state.transport->close();
}

Task<void> close_stream(Shared shared) {
    State& state = *shared;
    if (!state.open) co_return;
    const bool can_talk = !state.failure && !state.write_cut && !state.writing;
    if (is_cancelled() || !can_talk) {
        state.abort();
        if (is_cancelled()) co_await checkpoint();  // throws
        co_return;
    }
    state.open = false;
    // Whichever way it ends: closed twice is closed.
    struct Release {
        explicit Release(State& which) : state(which) {}
        ~Release() { state.transport->abort(); }
        State& state;
    } const release(state);
    CancelScope scope(state.close_timeout);
    [[maybe_unused]] const bool in_time = co_await scope.run(flush_and_close(state));
}

Task<void> run_handshake(State& state) {
    for (;;) {
        Engine::Step step = Engine::Step::done;
        std::exception_ptr error;
        try {
            step = state.engine.handshake();
        } catch (...) {
            error = std::current_exception();
        }
        if (error) {
            // Our alert tells the peer why.
            CancelScope scope(alert_timeout);
            try {
                [[maybe_unused]] const bool told = co_await scope.run(flush(state));
            } catch (const std::system_error&) {
            }
            std::rethrow_exception(error);
        }
        co_await flush(state);
        if (step == Engine::Step::done) co_return;
        const bool more = co_await receive(state);
        if (!more) {
            throw TlsError(
                "TLS with " + state.engine.peer() + ": handshake: the other side closed the connection",
                "unexpected end");
        }
    }
}

Task<std::unique_ptr<Stream>> start(Shared state, Deadline limit) {
    std::exception_ptr error;
    try {
        co_await timeout(limit, run_handshake(*state));
    } catch (const Cancelled&) {
        state->abort();
        throw;
    } catch (...) {
        error = std::current_exception();
    }
    if (error) {
        state->open = false;
        // Not abort(): a reset could overtake our alert.
        try {
            co_await state->transport->close();
        } catch (const std::system_error&) {
        }
        std::rethrow_exception(error);
    }
    state->session = state->engine.session();
    co_return std::make_unique<Stream>(std::move(state));
}

}  // namespace

Stream::Stream(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}

Stream::~Stream() {
    if (state_->open) state_->abort();
}

Task<std::size_t> Stream::read_some(MutableBytes buffer) { return read_some_from(state_, buffer); }
Task<std::size_t> Stream::write_some(Bytes bytes) { return write_some_to(state_, bytes); }
Task<void> Stream::write_all(Bytes bytes) { return write_all_to(state_, bytes); }
Task<void> Stream::write_all_parts(std::span<const Bytes> parts) { return write_parts_to(state_, parts); }
Task<void> Stream::shutdown_write() { return shutdown_write_of(state_); }
bool Stream::can_shutdown_write() const noexcept { return state_->engine.is_tls1_3(); }
Task<void> Stream::close() { return close_stream(state_); }
void Stream::abort() noexcept { state_->abort(); }
bool Stream::is_open() const noexcept { return state_->open; }
const Session& Stream::session() const noexcept { return state_->session; }
std::uint64_t Stream::bytes_accepted() const noexcept { return state_->accepted; }
std::string Stream::local_address() const { return state_->transport->local_address(); }
std::string Stream::peer_address() const { return state_->transport->peer_address(); }
int Stream::native_handle() const noexcept { return state_->transport->native_handle(); }

std::optional<std::string> Stream::extra(std::string_view name) const {
    const auto& session = state_->session;
    if (name == "tls.version") return session.version;
    if (name == "tls.cipher") return session.cipher;
    if (name == "tls.alpn") return session.alpn;
    if (name == "tls.verified") return session.verified ? "yes" : "no";
    if (name == "tls.peer_subject") return session.peer_subject;
    if (name == "tls.peer_issuer") return session.peer_issuer;
    return state_->transport->extra(name);
}

Task<std::unique_ptr<Stream>> start_client(std::unique_ptr<io::ByteStream> transport, ClientOptions options) {
    if (options.context().is_server())
        throw std::invalid_argument("tls::start_client: the context is a server's");
    auto state = std::make_shared<State>(std::move(transport), options.context().state(),
                                         options.server_name(), options.close_timeout());
    state->engine.expect_server(
        options.server_name(), options.alpn() ? alpn_wire(*options.alpn()) : options.context().state()->alpn);
    const auto limit = options.handshake_timeout();
    co_return co_await start(std::move(state), limit);
}

Task<std::unique_ptr<Stream>> start_server(std::unique_ptr<io::ByteStream> transport, ServerOptions options) {
    if (!options.context().is_server())
        throw std::invalid_argument("tls::start_server: the context is a client's");
    auto peer = transport->peer_address();
    if (peer.empty()) peer = "a client";
    auto state = std::make_shared<State>(std::move(transport), options.context().state(), std::move(peer),
                                         options.close_timeout());
    state->engine.be_server();
    const auto limit = options.handshake_timeout();
    co_return co_await start(std::move(state), limit);
}

}  // namespace tandem::inline v1::tls
