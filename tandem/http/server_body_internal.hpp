#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/http/server_connection_internal.hpp>

#include <optional>
#include <utility>

namespace tandem::inline v1::http {

/// A handler's view of its request's body. It may outlive the exchange, but then it can no longer be read.
class ServerConnection::RequestBody final : public BodySource {
public:
    explicit RequestBody(ServerConnection& connection) noexcept : connection_(&connection) {}
    RequestBody(const RequestBody&) = delete;
    RequestBody& operator=(const RequestBody&) = delete;
    ~RequestBody() override {
        if (connection_) connection_->body_ = nullptr;
    }

    Task<std::size_t> read_some(MutableBytes buffer) override {
        if (!connection_)
            throw InvalidStateError("the body of a request was read after its handler had ended");
        return connection_->read_body(buffer);
    }
    std::optional<std::uint64_t> remaining() const override {
        if (!connection_ || connection_->parser_.framing() != Framing::length) return std::nullopt;
        return connection_->parser_.content_length().value_or(0) - connection_->parser_.body_bytes();
    }
    const Headers* trailers() const override {
        return connection_ ? &connection_->parser_.trailers() : nullptr;
    }

    void detach() noexcept {
        connection_->body_ = nullptr;
        connection_ = nullptr;
    }

private:
    ServerConnection* connection_;  // null once the exchange is over
};

}  // namespace tandem::inline v1::http
