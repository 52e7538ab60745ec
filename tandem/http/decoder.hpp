#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tandem::inline v1::http {

/// How far a coded body may expand. Absence means no limit.
struct DecodeLimits {
    std::optional<std::uint64_t> max_decoded_bytes = 1'024ULL * 1'024 * 1'024;
    std::optional<std::uint64_t> max_ratio = 1'000;      ///< decoded to encoded bytes ...
    std::uint64_t ratio_after_bytes = 1'024ULL * 1'024;  ///< ... once this much is out
    std::uint64_t max_members = 1'024;                   ///< members of gzip, frames of zstd
};

/// Whether `Content-Encoding: coding` can be decoded: gzip, x-gzip, deflate, br, zstd, identity; any case.
[[nodiscard]] bool can_decode(std::string_view coding) noexcept;

/// Takes the content codings off a body while it streams.
///
///     auto decoder = ContentDecoder::create("gzip");
///     while (!input.empty() || decoder.pending())
///         input = input.subspan(decoder.decode(input, out, 64 * 1024));
///     decoder.finish();   // at the end of the body
///
/// Errors      `BadEncoding` for an unknown coding, more than two, damage, truncation and rubbish behind the
/// end;
///             `LimitExceeded` past `DecodeLimits`. After one, the decoder is of no more use.
/// Cancelling  never waits.
/// Threads     a plain value that moves.
/// Lifetime    owns its state; input is not kept beyond a call.
class ContentDecoder {
public:
    /// `codings` is the (combined) value of `Content-Encoding`; empty and `identity` hand bytes on as they
    /// are.
    [[nodiscard]] static ContentDecoder create(std::string_view codings, const DecodeLimits& limits = {});

    ContentDecoder(ContentDecoder&&) noexcept;
    ContentDecoder& operator=(ContentDecoder&&) noexcept;
    ~ContentDecoder();

    /// Takes bytes from `input`, appends at most `max_out_bytes` to `out`, returns how many it took.
    [[nodiscard]] std::size_t decode(std::span<const char> input, std::string& out,
                                     std::size_t max_out_bytes);
    /// Whether another `decode`, even of nothing, may append more.
    [[nodiscard]] bool pending() const noexcept;
    /// The body has ended: throws `BadEncoding` if a coding has not. A body of no bytes at all is fine.
    void finish();

    [[nodiscard]] bool is_identity() const noexcept;
    [[nodiscard]] std::uint64_t encoded_bytes() const noexcept;
    [[nodiscard]] std::uint64_t decoded_bytes() const noexcept;

private:
    struct State;
    explicit ContentDecoder(std::unique_ptr<State> state) noexcept;

    std::unique_ptr<State> state_;
};

}  // namespace tandem::inline v1::http
