#pragma once

#include <tandem/http/h1_parser.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What the parser's tests look at: all events of a stream as lines of text. Only for tests and fuzzing.
namespace tandem::inline v1::http::transcripts {

enum class AtEof : bool { leave, finish };

struct Peer {
    H1Role role = H1Role::request;
    HttpLimits limits = role == H1Role::request ? HttpLimits::server() : HttpLimits::client();
    std::string method = "GET";  // of the request that a response answers
    H1Parser::Upgrade upgrade = H1Parser::Upgrade::not_asked;
    AtEof at_eof = AtEof::finish;
};

inline void write_fields(std::string& out, const Headers& headers) {
    for (const auto [name, value] : headers) out.append(name).append(": ").append(value).append("\n");
}

inline void write_head(std::string& out, const H1Parser& parser, H1Role role) {
    if (role == H1Role::request) {
        const auto& head = parser.request();
        out.append(head.method)
            .append(" ")
            .append(head.target)
            .append(" ")
            .append(to_string(head.version))
            .append("\n");
    } else {
        const auto& head = parser.response();
        out.append(to_string(head.version)).append(" ").append(std::to_string(head.status)).append(" ");
        out.append(head.reason).append("\n");
    }
    write_fields(out, parser.headers());
}

/// Feeds the pieces one after the other and writes down heads, whole bodies, trailers, ends, and the error.
inline std::string transcript(const Peer& peer, const std::vector<std::string_view>& pieces) {
    auto parser = H1Parser(peer.role, peer.limits);
    parser.expect(peer.method, peer.upgrade);
    std::string out;
    std::string body;
    const auto flush_body = [&] {
        if (!body.empty()) out.append("body ").append(escape_excerpt(body, body.size())).append("\n");
        body.clear();
    };
    const auto take = [&](const H1Step& step) {
        switch (step.event) {
            case H1Event::need_more:
                return false;
            case H1Event::body:
                body.append(step.body.data(), step.body.size());
                return true;
            case H1Event::interim:
                out += "interim ";
                write_head(out, parser, peer.role);
                return true;
            case H1Event::head:
                out += "head ";
                write_head(out, parser, peer.role);
                out.append("framing ").append(to_string(parser.framing())).append("\n");
                return true;
            case H1Event::trailers:
                flush_body();
                out += "trailers\n";
                write_fields(out, parser.trailers());
                return true;
            case H1Event::end:
                flush_body();
                out += "end";
                out += parser.keep_alive() ? " keep" : " close";
                for (const auto quirk : parser.quirks().names()) out.append(" ").append(quirk);
                out += "\n";
                if (parser.framing() == Framing::tunnel || parser.framing() == Framing::until_close)
                    return false;
                parser.reset();
                return true;
            case H1Event::error:
                flush_body();
                out.append("error ").append(parser.error().rule).append(" ");
                out.append(std::to_string(parser.error().offset)).append(" ");
                out.append(std::to_string(parser.error().status)).append(" '");
                out.append(parser.error().excerpt).append("'\n");
                return false;
        }
        return false;
    };
    for (auto piece : pieces) {
        for (;;) {
            const auto step = parser.feed(piece);
            piece.remove_prefix(step.consumed);
            if (!take(step)) {
                if (step.event == H1Event::need_more) break;
                return out;
            }
        }
    }
    if (peer.at_eof == AtEof::finish) {
        for (int i = 0; i < 3; ++i) {
            const auto step = parser.finish_eof();
            if (step.event == H1Event::need_more || !take(step)) break;
        }
    }
    return out;
}

inline std::string transcript(const Peer& peer, std::string_view whole) {
    return transcript(peer, std::vector<std::string_view>{whole});
}

inline std::string transcript_of_bytes(const Peer& peer, std::string_view whole) {
    std::vector<std::string_view> pieces;
    for (std::size_t i = 0; i < whole.size(); ++i) pieces.push_back(whole.substr(i, 1));
    return transcript(peer, pieces);
}

}  // namespace tandem::inline v1::http::transcripts
