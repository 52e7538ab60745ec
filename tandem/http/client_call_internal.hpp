#pragma once

#include <tandem/http/client_journey_internal.hpp>
#include <tandem/http/client_state_internal.hpp>
#include <tandem/http/client_timer_internal.hpp>
#include <tandem/http/errors.hpp>
#include <tandem/http/pool_internal.hpp>
#include <tandem/http/response.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>

namespace tandem::inline v1::http {

/// A call from its start to the head of its last response. It never waits: `run_call` does, and asks it what
/// next.
///
/// For each hop, and each try of it: `take_idle`, else `wait_for_slot`; `begin`; sending; `begin_reading`;
/// `take` until it is true; then `repeat`, `follow` or `respond`.
class Call {
public:
    Call(ClientState& state, std::string method, CallTarget& target, Options& options);

    [[nodiscard]] CallTimer& timer() noexcept { return timer_; }
    [[nodiscard]] Pool::Freshness freshness() const noexcept { return freshness_; }

    [[nodiscard]] Connection* take_idle();
    /// The origin in whose line to wait.
    [[nodiscard]] Origin& wait_for_slot();
    /// Puts the head together. Errors: `InvalidHeader`, `InvalidRequest`; the connection lives on.
    void begin(Connection& connection);
    /// A body that does not go out with the head.
    [[nodiscard]] bool has_long_body() const noexcept { return long_body_; }
    [[nodiscard]] Task<void> send_long_body();
    /// An answer may have come all the same (H18).
    void sending_failed() noexcept { sending_failed_ = true; }

    void begin_reading();
    [[nodiscard]] MutableBytes room() const noexcept { return {buffer_.data(), ReadBuffer::size}; }
    /// Takes bytes that were read, 0 for the end. True: the head is complete, or never will be.
    [[nodiscard]] bool take(std::size_t count);
    /// Errors: `IncompleteBody` if a part of the head has come.
    void reading_failed(const std::exception& error);
    [[nodiscard]] bool answered() const noexcept { return answered_; }

    /// Nothing came. Returns if the request may go out once more (H46). Errors: `ServerDisconnected`,
    /// `ClientClosed`.
    void repeat();
    /// True: the response was a redirect, the next hop is set up. Errors: those of `Journey::follow`.
    [[nodiscard]] bool follow();
    /// Errors: `BadEncoding` for an unknown coding.
    [[nodiscard]] Response respond();

    [[nodiscard]] TimeoutError timeout_error() const;

private:
    void take_whole_body();
    [[nodiscard]] bool is_coded() const;
    [[nodiscard]] std::unique_ptr<BodySource> streamed_body(std::optional<ContentDecoder> decoder);
    Task<void> write(Bytes bytes);

    ClientState& state_;
    Pool& pool_;
    EventLoop& loop_;
    Options& options_;
    const std::optional<Timeouts> own_limits_;  // the request's
    const Timeouts& limits_;
    const TimePoint called_;
    const TimePoint total_due_;
    const bool decompress_;
    const bool follows_;
    Journey journey_;
    CallTimer timer_;
    Pool::Freshness freshness_ = Pool::Freshness::any;
    std::size_t head_bytes_ = 0;  // of all hops
    Reached reached_ = Reached::not_sent;
    std::string peer_;  // while there is no connection

    // Of the exchange under way.
    Lease lease_;
    ReadBuffer buffer_;
    BodyFraming framing_;
    std::size_t at_ = 0;  // what is unread of buffer_
    std::size_t end_ = 0;
    std::uint64_t offset_ = 0;  // of the stream, where the response begins
    TimePoint hop_began_{};
    TimePoint begun_{};
    TimePoint sent_{};
    TimePoint head_done_{};
    bool reused_ = false;
    bool asks_to_close_ = false;
    bool long_body_ = false;
    bool sending_failed_ = false;
    bool answered_ = false;
    bool whole_ = false;  // the body is in body_
    bool coded_ = false;
    std::string body_;
    Timings timings_;
    ByteCounts counts_;
};

}  // namespace tandem::inline v1::http
