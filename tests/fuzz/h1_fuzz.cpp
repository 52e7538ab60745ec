// The HTTP/1 parser under libFuzzer: both profiles, and whether a split of the input changes what it says
// (P61, P2). The first byte of the input chooses profile, limits and the request's method; the second seeds
// the splits.
#include <tandem/http/h1_transcript_internal.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace tandem::http;

transcripts::Peer peer_of(unsigned choice) {
    transcripts::Peer peer;
    peer.role = (choice & 1U) != 0 ? H1Role::response : H1Role::request;
    peer.limits = peer.role == H1Role::request ? HttpLimits::server() : HttpLimits::client();
    if ((choice & 2U) != 0) {
        peer.limits.max_start_line_bytes = 24;
        peer.limits.max_header_bytes = 96;
        peer.limits.max_header_fields = 4;
        peer.limits.max_field_bytes = 32;
        peer.limits.max_field_name_bytes = 20;
        peer.limits.max_chunk_extension_bytes = 8;
        peer.limits.max_trailer_bytes = 24;
        peer.limits.max_trailer_fields = 2;
        peer.limits.max_body_bytes = 40;
        peer.limits.max_interim_responses = 2;
        peer.limits.max_interim_bytes = 80;
    }
    if ((choice & 4U) != 0) peer.method = (choice & 8U) != 0 ? "HEAD" : "CONNECT";
    if ((choice & 16U) != 0) peer.upgrade = H1Parser::Upgrade::asked;
    return peer;
}

void require_equal(const std::string& whole, const std::string& split) {
    if (whole == split) return;
    std::fprintf(stderr, "whole:\n%s\nsplit:\n%s\n", whole.c_str(), split.c_str());
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const auto peer = peer_of(data[0]);
    auto seed = static_cast<std::uint32_t>(data[1]) * 2654435761U + 1U;
    const auto text = std::string_view(reinterpret_cast<const char*>(data), size).substr(2);

    const auto whole = transcripts::transcript(peer, text);
    require_equal(whole, transcripts::transcript_of_bytes(peer, text));

    std::vector<std::string_view> pieces;
    for (auto rest = text; !rest.empty();) {
        seed = seed * 1664525U + 1013904223U;
        const auto piece = rest.substr(0, (seed >> 24U) % 23U);
        pieces.push_back(piece);
        rest.remove_prefix(piece.size());
    }
    require_equal(whole, transcripts::transcript(peer, pieces));
    return 0;
}
