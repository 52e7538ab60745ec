#include <tandem/http/response.hpp>

#include <tandem/http/client_body_internal.hpp>
#include <tandem/http/errors.hpp>
#include <tandem/http/response_text_internal.hpp>

namespace tandem::inline v1::http {
namespace {

Response typed(Body body, std::string_view type, int status) {
    Response response(status);
    if (!type.empty()) response.header("Content-Type", type);
    response.body(std::move(body));
    return response;
}

const ClientBody* client_body(const Body& body) { return dynamic_cast<const ClientBody*>(body.source()); }

Task<std::string> bytes_of(Response response, std::optional<std::uint64_t> max_bytes) {
    Body body = std::move(response.body());
    co_await body.read_all(max_bytes);
    co_return body.take();
}

Task<std::string> text_of(Response response, std::optional<std::uint64_t> max_bytes) {
    Body body = std::move(response.body());
    co_await body.read_all(max_bytes);
    co_return decode_text(body.take(), response.headers().get("Content-Type").value_or(""));
}

}  // namespace

Response::Response(ResponseHead head, Body body)
    : status_(head.status),
      version_(head.version),
      reason_(std::move(head.reason)),
      headers_(std::move(head.headers)),
      body_(std::move(body)) {}

Response Response::text(std::string text, int status) {
    return typed(Body(std::move(text)), "text/plain; charset=utf-8", status);
}
Response Response::html(std::string text, int status) {
    return typed(Body(std::move(text)), "text/html; charset=utf-8", status);
}
Response Response::json(std::string serialised, int status) {
    return typed(Body(std::move(serialised)), "application/json", status);
}
Response Response::bytes(std::string bytes, std::string_view type) {
    return typed(Body(std::move(bytes)), type, 200);
}
Response Response::stream(std::unique_ptr<BodySource> source, std::string_view type) {
    return typed(Body(std::move(source)), type, 200);
}
Response Response::redirect(std::string_view location, int status) {
    Response response(status);
    response.header("Location", location);
    return response;
}

const Response& Response::raise_for_status() const {
    if (status_ >= 400) throw StatusError(status_, reason_, method_, url_ ? url_->href() : std::string());
    return *this;
}

Task<const std::string&> Response::bytes() & { return body_.read_all(max_body_bytes_); }
Task<std::string> Response::bytes() && {
    const auto max_bytes = max_body_bytes_;
    return bytes_of(std::move(*this), max_bytes);
}
Task<std::string> Response::text() & {
    const std::string& bytes = co_await body_.read_all(max_body_bytes_);
    co_return decode_text(bytes, headers_.get("Content-Type").value_or(""));
}
Task<std::string> Response::text() && {
    const auto max_bytes = max_body_bytes_;
    return text_of(std::move(*this), max_bytes);
}

Task<std::optional<std::string>> Response::next_chunk(std::size_t max_bytes) {
    std::string piece(max_bytes, '\0');
    const std::size_t count = co_await body_.read_some(MutableBytes(piece.data(), piece.size()));
    if (count == 0) co_return std::nullopt;
    piece.resize(count);
    co_return std::optional<std::string>(std::move(piece));
}

Quirks Response::quirks() const noexcept {
    const auto* streamed = client_body(body_);
    return streamed ? streamed->quirks() : quirks_;
}

Timings Response::timings() const noexcept {
    auto timings = timings_;
    if (const auto* streamed = client_body(body_)) streamed->add_to(timings);
    return timings;
}

ByteCounts Response::byte_counts() const noexcept {
    const auto* streamed = client_body(body_);
    return streamed ? streamed->counts() : counts_;
}

const ConnectionInfo& Response::connection() const noexcept {
    static const auto& none = *new ConnectionInfo;  // never destroyed: the background loop drains at exit
    return connection_ ? *connection_ : none;
}

}  // namespace tandem::inline v1::http
