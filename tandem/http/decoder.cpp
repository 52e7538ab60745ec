#include <tandem/http/decoder.hpp>

#include <tandem/http/decoder_internal.hpp>
#include <tandem/http/errors.hpp>
#include <tandem/http/h1_syntax_internal.hpp>
#include <tandem/http/headers.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

namespace tandem::inline v1::http {
namespace {

constexpr std::size_t max_codings = 2;
constexpr std::size_t between_bytes = 16 * 1024;  // what lies between two codings

enum class Coding : std::uint8_t { identity, gzip, deflate, br, zstd, unknown };

Coding coding_of(std::string_view name) noexcept {
    const auto is = [name](std::string_view other) { return equals_ignoring_case(name, other); };
    if (is("gzip") || is("x-gzip")) return Coding::gzip;
    if (is("deflate")) return Coding::deflate;
    if (is("br")) return Coding::br;
    if (is("zstd")) return Coding::zstd;
    if (is("identity")) return Coding::identity;
    return Coding::unknown;
}

}  // namespace

struct ContentDecoder::State {
    DecodeLimits limits;
    std::vector<std::unique_ptr<CodingDecoder>> codings;  // outermost, which was put on last, first
    std::string between;                                  // out of the first and not yet into the second
    std::uint64_t encoded = 0;
    std::uint64_t decoded = 0;
    bool pending = false;
    bool failed = false;

    CodingDecoder::Step step(std::span<const char> in, std::span<char> out);
    void check_caps() const;
    [[nodiscard]] std::size_t allowed() const noexcept;
};

bool can_decode(std::string_view coding) noexcept { return coding_of(coding) != Coding::unknown; }

ContentDecoder::ContentDecoder(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
ContentDecoder::ContentDecoder(ContentDecoder&&) noexcept = default;
ContentDecoder& ContentDecoder::operator=(ContentDecoder&&) noexcept = default;
ContentDecoder::~ContentDecoder() = default;

ContentDecoder ContentDecoder::create(std::string_view codings, const DecodeLimits& limits) {
    auto state = std::make_unique<State>();
    state->limits = limits;
    while (!codings.empty()) {
        const auto comma = std::min(codings.find(','), codings.size());
        const auto name = syntax::trim(codings.substr(0, comma));
        codings.remove_prefix(std::min(comma + 1, codings.size()));
        if (name.empty()) continue;
        const auto coding = coding_of(name);
        if (coding == Coding::identity) continue;
        if (coding == Coding::unknown) throw BadEncoding(name, 0, "this coding is unknown");
        if (state->codings.size() == max_codings)
            throw BadEncoding(name, 0, "more than 2 codings on top of each other");
        auto& all = state->codings;
        switch (coding) {
            case Coding::gzip:
                all.insert(all.begin(), make_gzip_decoder(limits.max_members));
                break;
            case Coding::deflate:
                all.insert(all.begin(), make_deflate_decoder());
                break;
            case Coding::br:
                all.insert(all.begin(), make_brotli_decoder());
                break;
            case Coding::zstd:
                all.insert(all.begin(), make_zstd_decoder(limits.max_members));
                break;
            case Coding::identity:
            case Coding::unknown:
                break;
        }
    }
    return ContentDecoder(std::move(state));
}

/// One move of each coding; the second gets what the first has given.
CodingDecoder::Step ContentDecoder::State::step(std::span<const char> in, std::span<char> out) {
    if (codings.size() == 1) return codings.front()->decode(in, out);

    CodingDecoder::Step step;
    if (between.size() < between_bytes) {
        std::array<char, between_bytes> buffer;
        const auto room = std::span(buffer).first(between_bytes - between.size());
        const auto outer = codings[0]->decode(in, room);
        step.consumed = outer.consumed;
        between.append(buffer.data(), outer.produced);
    }
    const auto inner = codings[1]->decode(between, out);
    between.erase(0, inner.consumed);
    step.produced = inner.produced;
    if (step.consumed == 0 && inner.consumed != 0 && step.produced == 0) pending = true;
    return step;
}

/// How much more may come out before one of the caps holds, and one byte to notice it by.
std::size_t ContentDecoder::State::allowed() const noexcept {
    constexpr std::uint64_t most = 1ULL << 31U;
    auto left = most;
    if (limits.max_decoded_bytes)
        left = std::min(left, *limits.max_decoded_bytes - std::min(*limits.max_decoded_bytes, decoded));
    return static_cast<std::size_t>(std::min(left + 1, most));
}

void ContentDecoder::State::check_caps() const {
    if (limits.max_decoded_bytes && decoded > *limits.max_decoded_bytes) {
        throw LimitExceeded("the decoded body", "DecodeLimits::max_decoded_bytes", *limits.max_decoded_bytes,
                            decoded);
    }
    if (limits.max_ratio && decoded > limits.ratio_after_bytes && encoded != 0 &&
        decoded / *limits.max_ratio > encoded) {
        throw LimitExceeded("expansion of the body (decoded to encoded bytes)", "DecodeLimits::max_ratio",
                            *limits.max_ratio, decoded / encoded, ": 1");
    }
}

std::size_t ContentDecoder::decode(std::span<const char> input, std::string& out, std::size_t max_out_bytes) {
    auto& state = *state_;
    if (state.codings.empty()) {
        const auto count = std::min(input.size(), max_out_bytes);
        out.append(input.data(), count);
        state.encoded += count;
        state.decoded += count;
        state.check_caps();
        return count;
    }
    if (max_out_bytes == 0) return 0;
    std::size_t consumed = 0;
    const auto had = out.size();
    state.pending = false;
    for (;;) {
        const auto room_left = max_out_bytes - (out.size() - had);
        if (room_left == 0) {
            state.pending = true;  // a coding may hold more than it had room to write
            return consumed;
        }
        constexpr std::size_t piece_bytes = 16 * 1024;
        std::array<char, piece_bytes> piece;
        const auto room = std::min({room_left, piece_bytes, state.allowed()});
        state.pending = false;
        const auto step = state.step(input.subspan(consumed), std::span(piece).first(room));
        consumed += step.consumed;
        state.encoded += step.consumed;
        state.decoded += step.produced;
        state.check_caps();
        out.append(piece.data(), step.produced);
        if (step.consumed == 0 && step.produced == 0 && !state.pending) return consumed;
    }
}

bool ContentDecoder::pending() const noexcept { return state_->pending; }

void ContentDecoder::finish() {
    if (state_->encoded == 0) return;
    for (const auto& coding : state_->codings) {
        if (!coding->complete() || coding->consumed() == 0)
            throw BadEncoding(coding->name(), coding->consumed(), "the data is truncated");
    }
    if (!state_->between.empty()) throw BadEncoding(state_->codings[1]->name(), 0, "rubbish behind the end");
}

bool ContentDecoder::is_identity() const noexcept { return state_->codings.empty(); }
std::uint64_t ContentDecoder::encoded_bytes() const noexcept { return state_->encoded; }
std::uint64_t ContentDecoder::decoded_bytes() const noexcept { return state_->decoded; }

}  // namespace tandem::inline v1::http
