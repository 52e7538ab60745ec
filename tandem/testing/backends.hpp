#pragma once

#include <tandem/backend/backend.hpp>

#include <string_view>
#include <vector>

namespace tandem::inline v1::testing {

/// The backends that tests of this run are for: all that work here, or the one of `TANDEM_BACKEND`. For tests
/// that make their own loops; others are `ASYNC_TEST`s.
///
///     for (const BackendChoice backend : testing::backends()) {
///         SCOPED_TRACE(testing::name_of(backend));
///         EventLoop loop({.backend = backend});
std::vector<BackendChoice> backends();

/// "uring", "epoll" or "sim".
std::string_view name_of(BackendChoice backend);

/// Whether a test over this backend is wanted: a run of the whole suite on one backend,
/// `TANDEM_BACKEND=epoll` under ThreadSanitizer say, leaves the others out.
bool wanted(BackendChoice backend);

}  // namespace tandem::inline v1::testing
