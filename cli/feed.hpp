#pragma once

#include <cli/entry.hpp>
#include <cli/options.hpp>

#include <tandem/task/task.hpp>

#include <string>
#include <vector>

namespace tandem::cli {

/// Who takes the entries of a run's input.
class EntryTaker {
public:
    virtual ~EntryTaker() = default;
    virtual void take(Entry entry) = 0;
    /// Whether another entry would have to wait.
    [[nodiscard]] virtual bool is_full() const = 0;
    /// Waits until it would not.
    [[nodiscard]] virtual Task<void> room() = 0;
    /// Whether nothing that could still come is wanted.
    [[nodiscard]] virtual bool wants_no_more() const = 0;
    /// The run has been stopped: what takes no waiting is still taken, for its record.
    [[nodiscard]] virtual bool is_stopped() const = 0;
    /// A list could not be read to its end.
    virtual void input_failed(const std::string& message) = 0;

protected:
    EntryTaker() = default;
    EntryTaker(const EntryTaker&) = default;
    EntryTaker& operator=(const EntryTaker&) = default;
};

/// Hands over all entries of the options' inputs, in order, as they come. A pipe is read only as fast as
/// entries are taken (F5.1), and never blocks the loop.
///
/// Cancelling  ends it between two entries.
[[nodiscard]] Task<void> feed(const FetchOptions& options, EntryTaker& taker);

/// The same in plain code, for `--dry-run`: reads block.
void feed_blocking(const FetchOptions& options, EntryTaker& taker);

/// The lists that cannot be opened, a message each.
[[nodiscard]] std::vector<std::string> unreadable_inputs(const FetchOptions& options);

}  // namespace tandem::cli
