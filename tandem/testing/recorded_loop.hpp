#pragma once

#include <tandem/backend/backend.hpp>
#include <tandem/loop/clock.hpp>
#include <tandem/loop/error_context.hpp>
#include <tandem/loop/event_loop.hpp>

#include <vector>

namespace tandem::inline v1::testing {

/// A loop made by hand under virtual time, which keeps what it reports instead of printing it; what is only
/// for the curious, and comes in debug mode, it drops.
///
///     for (const BackendChoice backend : testing::backends()) {
///         testing::RecordedLoop recorded(backend);
///         recorded.loop.run_until_complete(careless());
///         recorded.loop.close();
///         EXPECT_EQ(recorded.records.size(), 1U);
///     }
struct RecordedLoop {
    explicit RecordedLoop(BackendChoice backend = BackendChoice::automatic)
        : loop({.backend = backend, .time = &time}) {
        loop.set_exception_handler([this](EventLoop&, const ErrorContext& context) {
            if (context.severity != Severity::info) records.push_back(context);
        });
    }

    VirtualTime time;
    std::vector<ErrorContext> records;
    EventLoop loop;
};

}  // namespace tandem::inline v1::testing
