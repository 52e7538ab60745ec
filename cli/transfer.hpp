#pragma once

#include <cli/failure.hpp>
#include <cli/job.hpp>
#include <cli/options.hpp>
#include <cli/requests.hpp>
#include <cli/save.hpp>
#include <cli/saving.hpp>
#include <cli/sha256.hpp>
#include <cli/stdout_port.hpp>

#include <tandem/base/time.hpp>
#include <tandem/http/client.hpp>
#include <tandem/task/task.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::cli {

/// One try of an entry: what came, and how it ended.
class Try {
public:
    Try() {}
    Try(const Try&) = delete;
    Try& operator=(const Try&) = delete;
    ~Try() {}

    /// Where its body goes.
    enum class Destination { nowhere, file, stdout_at_once, stdout_whole };

    WallTime start{};
    TimePoint began{};
    Stage stage = Stage::exchange;
    std::optional<http::Response> response;
    std::optional<Failure> failure;
    bool cancelled = false;
    bool exists = false;   ///< `--existing skip`: the name, known now, is taken
    bool printed = false;  ///< some of the body is on stdout and cannot be taken back

    Destination destination = Destination::nowhere;
    std::string suffix;  ///< of the name: `.status-404`
    NameFacts name_facts;
    std::optional<PartFile> part;
    Sha256 hash;
    std::unique_ptr<HeldBody> held;
    std::uint64_t saved_bytes = 0;
    std::string sha256;  ///< once the body is complete
};

/// Does tries: asks, reads, saves. What a failure means is left to the caller.
///
/// Errors      all that `failure_of` knows.
/// Cancelling  the connection is closed, the part removed.
/// Threads     the loop's; any number of tries at a time.
/// Lifetime    borrows everything it was made with.
class Transfers {
public:
    Transfers(const FetchOptions& options, Requests& requests, Saving& saving,
              std::function<void(std::uint64_t)> received)
        : options_(options), requests_(requests), saving_(saving), received_(std::move(received)) {}

    [[nodiscard]] Task<void> run(http::Client& client, Job& job, Try& attempt);

    /// What stdout gets goes through here, so that it never mixes.
    [[nodiscard]] StdoutPort& output() noexcept { return stdout_; }

private:
    class Buffer;
    const http::Timeouts* limits_for(const http::Client& client, const Job& job, http::Timeouts& own,
                                     TimePoint now) const;
    void choose_destination(Job& job, Try& attempt);
    void open_file(Job& job, Try& attempt);
    void take_bytes(Job& job, Try& attempt, std::string_view bytes);
    Task<void> discard(Try& attempt);
    void complete(Job& job, Try& attempt);
    [[nodiscard]] static std::string head_text(const http::Response& response);

    const FetchOptions& options_;
    Requests& requests_;
    Saving& saving_;
    std::function<void(std::uint64_t)> received_;
    StdoutPort stdout_;
    std::vector<std::unique_ptr<char[]>> buffers_;
};

}  // namespace tandem::cli
