#pragma once

#include <tandem/http/body.hpp>
#include <tandem/task/async_generator.hpp>

#include <memory>
#include <string>

namespace tandem::inline v1::http {

/// A body that is made while it is sent: what the generator yields goes out at once, as a chunk of its own.
///
///     AsyncGenerator<std::string> count() {
///         for (int i = 0; i < 5; ++i) {
///             co_yield std::to_string(i) + "\n";
///             co_await sleep(1s);
///         }
///     }
///     co_return http::Response::stream(http::generated_body(count()), "text/plain");
///
/// Errors      what the generator throws; the body is then cut where it is, so that the peer sees it (H159).
/// Cancelling  the generator's body is, where it waits.
/// Threads     the generator's loop.
/// Lifetime    dropped half-way, the generator is closed as ever.
[[nodiscard]] std::unique_ptr<BodySource> generated_body(AsyncGenerator<std::string> pieces);

}  // namespace tandem::inline v1::http
