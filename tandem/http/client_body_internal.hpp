#pragma once

#include <tandem/http/body.hpp>
#include <tandem/http/decoder.hpp>
#include <tandem/http/pool_internal.hpp>
#include <tandem/http/response.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>

namespace tandem::inline v1::http {

/// The body of a response that has not all arrived, or is not decoded yet: read from its connection as the
/// caller asks.
///
/// It never reads ahead more than its buffer, so a caller that pauses makes the peer pause (H35).
class ClientBody final : public BodySource {
public:
    struct Start {
        Lease lease;
        ReadBuffer buffer;
        std::size_t at = 0;  // unread bytes of the buffer
        std::size_t end = 0;
        std::string prefix;  // of the body, taken out of the buffer already
        std::optional<ContentDecoder> decoder;
        bool reusable = true;  // as far as the request is concerned
        TimePoint called{};
        TimePoint head_done{};
        TimePoint total_due = TimePoint::max();
        std::optional<Duration> total;
        std::optional<Duration> read_idle;
        ByteCounts counts;
        std::uint64_t offset = 0;  // of the stream, where the response began
    };

    explicit ClientBody(Start start);
    ~ClientBody() override;

    [[nodiscard]] Task<std::size_t> read_some(MutableBytes buffer) override;
    [[nodiscard]] std::optional<std::uint64_t> remaining() const override;
    [[nodiscard]] const Headers* trailers() const override { return &trailers_; }

    [[nodiscard]] Quirks quirks() const noexcept;
    [[nodiscard]] ByteCounts counts() const noexcept;
    void add_to(Timings& timings) const noexcept;

private:
    /// Fills `out` from what has arrived. 0: more must be read, or the body has ended.
    std::size_t serve(MutableBytes out);
    std::size_t serve_decoded(MutableBytes out);
    /// The next event of the parser; false: it needs more bytes.
    bool step();
    /// What came from the stream: into the caller's room if `direct`, else into the buffer. How much of it
    /// was body.
    std::size_t take_input(std::size_t count, MutableBytes direct);
    void finish();
    [[nodiscard]] bool reads_direct() const noexcept;
    [[nodiscard]] std::uint64_t received() const noexcept;
    [[nodiscard]] std::exception_ptr explain(const std::exception& error) const;
    [[nodiscard]] std::string progress() const;

    Start start_;
    std::span<const char> pending_;  // body bytes in the buffer, not given out
    std::string decoded_;
    std::size_t decoded_at_ = 0;
    std::size_t prefix_at_ = 0;
    bool message_ended_ = false;
    bool ended_ = false;
    std::uint64_t given_out_ = 0;
    TimePoint ended_at_{};
    Quirks quirks_;
    Headers trailers_;
    std::exception_ptr failure_;
};

}  // namespace tandem::inline v1::http
