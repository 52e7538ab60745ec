#pragma once

#include <tandem/http/errors.hpp>
#include <tandem/http/head.hpp>
#include <tandem/http/headers.hpp>
#include <tandem/http/limits.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::inline v1::http {

/// Which profile: requests are strict, responses are tolerant in a few old habits (and flag them).
enum class H1Role : std::uint8_t { request, response };

/// An old habit that was tolerated; the connection is not reused afterwards.
enum class Quirk : std::uint16_t {
    lf_in_head = 1U << 0U,
    folding = 1U << 1U,
    no_reason = 1U << 2U,
    te_in_http10 = 1U << 3U,
    cl_and_te = 1U << 4U,
    equal_lengths = 1U << 5U,
    leading_zero_length = 1U << 6U,
    trailer_dropped = 1U << 7U,
    extra_bytes = 1U << 8U,
};

[[nodiscard]] std::string_view to_string(Quirk quirk) noexcept;

/// A set of quirks.
class Quirks {
public:
    void add(Quirk quirk) noexcept {
        bits_ = static_cast<std::uint16_t>(bits_ | static_cast<std::uint16_t>(quirk));
    }
    [[nodiscard]] bool has(Quirk quirk) const noexcept {
        return (bits_ & static_cast<std::uint16_t>(quirk)) != 0;
    }
    [[nodiscard]] bool empty() const noexcept { return bits_ == 0; }
    [[nodiscard]] std::vector<std::string_view> names() const;
    friend bool operator==(const Quirks&, const Quirks&) = default;

private:
    std::uint16_t bits_ = 0;
};

enum class H1Event : std::uint8_t {
    need_more,  ///< everything was taken; more bytes are needed
    interim,    ///< a 1xx head is complete, `response()` holds it until the next call; the final one follows
    head,       ///< the head is complete
    body,       ///< `H1Step::body` holds the next bytes of the body, a view into the input
    trailers,   ///< `trailers()` is complete; only if there were any
    end,        ///< the message is complete; what was not consumed belongs to the next one
    error,      ///< `error()` says why; every further call says the same
};

/// What one call of `feed` did.
struct H1Step {
    H1Event event = H1Event::need_more;
    std::size_t consumed = 0;
    std::span<const char> body = {};
};

/// Why a message was refused.
struct H1Error {
    enum class Kind : std::uint8_t { bad_message, limit, incomplete_head, incomplete_body };

    Kind kind = Kind::bad_message;
    std::string_view rule;     ///< "P36", "L2", "H37"
    std::uint64_t offset = 0;  ///< in the stream, over all messages of this parser
    std::string excerpt;       ///< at most 64 bytes, escaped; values of credential fields are hidden
    std::string_view reason;   ///< what is wrong, lower case, no full stop
    int status = 400;          ///< what a server answers
    std::string_view limit;    ///< "HttpLimits::max_header_bytes", for Kind::limit
    std::uint64_t limit_value = 0;
    std::uint64_t seen = 0;                 ///< for limits and incomplete bodies
    std::optional<std::uint64_t> expected;  ///< for incomplete bodies
};

/// Reads HTTP/1 messages from bytes, one event per call, without I/O.
///
///     auto parser = H1Parser(H1Role::response);
///     parser.expect("GET");
///     for (;;) {
///         const auto step = parser.feed(unread);
///         unread = unread.subspan(step.consumed);
///         if (step.event == H1Event::need_more) read_more_or_finish_eof();
///         ...
///     }
///
/// Any split of the input gives the same heads and bodies. `need_more` consumes all of the input; after
/// `end`, call `reset()` before feeding the next message. After `head` of a message without body, the next
/// `feed`, even of nothing, gives `end`.
///
/// Errors      are events, never exceptions; `throw_error` turns one into an exception.
/// Cancelling  never waits.
/// Threads     a plain value.
/// Lifetime    owns its head; body spans point into the input.
class H1Parser {
public:
    explicit H1Parser(H1Role role);  ///< with `HttpLimits::server()` or `HttpLimits::client()`
    H1Parser(H1Role role, const HttpLimits& limits);

    enum class Upgrade : std::uint8_t { not_asked, asked };

    /// For responses, before each: the request's method (HEAD and CONNECT change the framing), and whether it
    /// asked for an upgrade (otherwise 101 is refused).
    void expect(std::string_view method, Upgrade upgrade = Upgrade::not_asked) noexcept;

    [[nodiscard]] H1Step feed(std::span<const char> input);
    [[nodiscard]] H1Step feed(std::string_view input) { return feed(std::span(input.data(), input.size())); }
    [[nodiscard]] H1Step feed(const std::string& input) { return feed(std::string_view(input)); }

    /// The stream has ended. `need_more`: nothing of a message had come (a quiet close,
    /// `ServerDisconnected`); `end`: the message is complete, as `until_close` and tunnels are now; `error`:
    /// it came within a message.
    [[nodiscard]] H1Step finish_eof();

    /// Makes ready for the next message of the stream; keeps memory. After an error it changes nothing.
    void reset() noexcept;

    [[nodiscard]] const RequestHead& request() const noexcept { return request_; }
    [[nodiscard]] const ResponseHead& response() const noexcept { return response_; }
    [[nodiscard]] const Headers& headers() const noexcept;
    [[nodiscard]] const Headers& trailers() const noexcept { return trailers_; }
    [[nodiscard]] RequestHead take_request() { return std::move(request_); }
    [[nodiscard]] ResponseHead take_response() { return std::move(response_); }
    [[nodiscard]] Headers take_trailers() { return std::move(trailers_); }

    // From the `head` event on:
    [[nodiscard]] Framing framing() const noexcept { return framing_; }
    /// Set if and only if the framing is `length`, or `none` of a request (0).
    [[nodiscard]] std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }
    /// Whether the connection may carry another message after this one.
    [[nodiscard]] bool keep_alive() const noexcept;
    [[nodiscard]] Quirks quirks() const noexcept { return quirks_; }
    void note(Quirk quirk) noexcept { quirks_.add(quirk); }

    /// Bytes of the body given out so far, without chunk framing.
    [[nodiscard]] std::uint64_t body_bytes() const noexcept { return body_bytes_; }
    /// Bytes of the head, interim heads included.
    [[nodiscard]] std::size_t head_bytes() const noexcept { return interim_bytes_ + head_bytes_; }
    /// Bytes of the stream consumed so far.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    /// Whether a byte of the current message has been consumed.
    [[nodiscard]] bool started() const noexcept;
    /// Whether the next `feed`, even of nothing, gives `trailers` or `end`: the body is complete.
    [[nodiscard]] bool body_complete() const noexcept;

    [[nodiscard]] const H1Error& error() const noexcept { return error_; }
    /// Throws `error()` as `BadResponse`, `LimitExceeded` or `IncompleteBody`.
    [[noreturn]] void throw_error(Reached reached = Reached::processed) const;

private:
    enum class State : std::uint8_t {
        start_line,
        fields,
        interim_done,
        length_body,
        close_body,
        chunk_size,
        chunk_extension_name,
        chunk_extension_name_more,
        chunk_extension_value,
        chunk_extension_token,
        chunk_extension_quoted,
        chunk_extension_escaped,
        chunk_extension_closed,
        chunk_size_lf,
        chunk_data,
        chunk_data_cr,
        chunk_data_lf,
        trailer_fields,
        at_trailers,  // body and trailers are complete, the event has not been given yet
        at_end,
        ended,
        failed,
    };
    enum class Asked : std::uint8_t { other, head, connect };
    struct Seen {
        std::size_t count = 0;
        std::size_t first = 0;  // its place among the fields

        void found_at(std::size_t index) noexcept {
            if (count++ == 0) first = index;
        }
    };
    struct Fault;
    struct Bounds {  // HttpLimits without absence
        std::size_t start_line, header, fields, field, field_name, chunk_extension, trailer, trailer_fields;
        std::size_t interim_count, interim_bytes;
        std::uint64_t body;
    };

    H1Step feed_lines(std::span<const char> input, std::size_t at);
    H1Step feed_chunk_line(std::span<const char> input, std::size_t at);
    H1Step feed_chunk_data(std::span<const char> input, std::size_t at);
    H1Step feed_body(std::span<const char> input, std::size_t at);

    H1Step after_line(State before, std::size_t at) noexcept;
    [[nodiscard]] std::size_t line_window() const noexcept;
    [[nodiscard]] Fault line_too_long() const noexcept;
    Fault take_line(std::string_view line);
    Fault take_request_line(std::string_view line);
    Fault take_status_line(std::string_view line);
    Fault take_field(std::string_view line);
    Fault take_folded(std::string_view line);
    Fault take_trailer(std::string_view name, std::string_view value);
    void count_framing_field(std::string_view name, std::size_t index) noexcept;
    Fault head_complete();
    Fault frame_request();
    Fault frame_response();
    Fault frame_response_length();
    Fault frame_length(std::uint64_t length);
    Fault take_interim();
    [[nodiscard]] Fault check_host() const;
    void read_connection() noexcept;
    [[nodiscard]] std::string_view first_value(const Seen& seen) const noexcept;
    Fault chunk_byte(unsigned char byte);
    Fault chunk_size_done();

    H1Step fail(const Fault& fault, std::string_view line, std::uint64_t line_offset);
    H1Step fail_eof(H1Error::Kind kind, std::string_view rule, std::string_view reason);
    void start_message() noexcept;
    [[nodiscard]] Headers& mutable_headers() noexcept;

    H1Role role_;
    State state_ = State::start_line;
    Asked asked_ = Asked::other;
    Upgrade upgrade_ = Upgrade::not_asked;
    Framing framing_ = Framing::none;
    Quirks quirks_;
    bool skipped_empty_line_ = false;
    bool line_ended_by_lf_alone_ = false;
    bool last_field_dropped_ = false;
    bool connection_close_ = false;
    bool connection_keep_alive_ = false;
    Seen host_fields_;  // the fields that are looked at again when the head is complete
    Seen length_fields_;
    Seen coding_fields_;
    Seen connection_fields_;
    std::uint8_t chunk_digits_ = 0;
    std::size_t interim_count_ = 0;
    std::size_t interim_bytes_ = 0;
    std::size_t head_bytes_ = 0;
    std::size_t trailer_bytes_ = 0;
    std::size_t trailer_count_ = 0;
    std::size_t extension_bytes_ = 0;
    std::uint64_t remaining_ = 0;  // of the body or the chunk
    std::uint64_t body_bytes_ = 0;
    std::uint64_t offset_ = 0;
    std::optional<std::uint64_t> content_length_;
    Bounds bounds_;
    std::string line_;  // the beginning of a line whose end has not come yet; never more than the head limit
    RequestHead request_;
    ResponseHead response_;
    Headers trailers_;
    H1Error error_;
};

}  // namespace tandem::inline v1::http
