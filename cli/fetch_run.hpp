#pragma once

#include <cli/feed.hpp>
#include <cli/input.hpp>
#include <cli/lanes.hpp>
#include <cli/options.hpp>
#include <cli/record.hpp>
#include <cli/report.hpp>
#include <cli/requests.hpp>
#include <cli/saving.hpp>
#include <cli/summary.hpp>
#include <cli/transfer.hpp>
#include <cli/view.hpp>
#include <cli/write_out.hpp>

#include <tandem/http/client.hpp>
#include <tandem/io/wait_list.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_group.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::cli {

/// One run of `tandem fetch`: takes entries as they come, starts them as their lanes allow, tries again
/// what is worth it, and makes sure that each has exactly one record in every way to end (F1.1).
///
///     FetchRun fetching(options, view);
///     tandem::run(fetching.run());
///     return fetching.exit_code();
///
/// Errors      of entries are records; `run()` throws what makes a run impossible.
/// Cancelling  is for signals and budgets, see `stop()`.
/// Threads     its loop's.
/// Lifetime    borrows options and view.
class FetchRun final : private EntryTaker {
public:
    static constexpr std::size_t max_queued = 10'000;  // then input waits (F5.3)
    /// After a stop, so long the rest of a list is still read, for its records.
    static constexpr auto drain_limit = std::chrono::milliseconds(300);

    FetchRun(const FetchOptions& options, View& view);
    ~FetchRun() override;

    [[nodiscard]] Task<void> run();

    // After it.
    [[nodiscard]] const Summary& summary() const noexcept { return summary_; }
    [[nodiscard]] int exit_code() const noexcept;
    /// The signal that ended it, 0 if none did.
    [[nodiscard]] int ended_by() const noexcept { return signal_; }
    [[nodiscard]] std::chrono::milliseconds elapsed() const noexcept;

private:
    // Input: EntryTaker.
    void take(Entry entry) override;
    [[nodiscard]] bool is_full() const override { return !stopping_ && lanes_.queued() >= max_queued; }
    [[nodiscard]] Task<void> room() override;
    [[nodiscard]] bool wants_no_more() const override;
    [[nodiscard]] bool is_stopped() const override { return stopping_; }
    void input_failed(const std::string& message) override;
    Task<void> read_input();
    /// The job of an entry that is to be fetched; null if it has its record already.
    std::unique_ptr<Job> admit(Entry entry);

    // Tries.
    void pump();
    void start(std::unique_ptr<Job> job);
    Task<void> try_once(std::unique_ptr<Job> job);
    void finish_try(std::unique_ptr<Job> job, Try& attempt);
    /// Whether the job goes on in another way than by ending.
    bool goes_on(std::unique_ptr<Job>& job, const Try& attempt, RecordError& error);
    void wait_for_descriptors(std::unique_ptr<Job> job);
    void leave_flight(Job& job);
    [[nodiscard]] Elapsed waited_before(const Job& job) const;
    [[nodiscard]] std::optional<std::chrono::milliseconds> retry_after_of(const Try& attempt) const;

    // Ends.
    Record record_of(const Entry& entry, std::uint64_t seq, const EntryId& id, std::string_view method) const;
    void cancel_waiting(std::unique_ptr<Job> job);
    void fail_early(const Entry& entry, std::uint64_t seq, const EntryId& id, std::string_view method,
                    ErrorCode code, std::string_view message);
    void skip(Record record, SkipReason reason);
    /// The one place where an entry gets its record.
    void conclude(Record record, const http::Headers* headers = nullptr);
    void check_budgets();
    void print_write_out(const Record& record, const http::Headers* headers);

    /// No new starts; what is in flight gets the grace, then it is cancelled.
    void stop(std::string reason, int signal = 0);
    void cancel_in_flight();
    [[nodiscard]] bool is_over() const;

    // View.
    void tick();
    [[nodiscard]] ProgressState progress() const;
    void show_state();
    void reopen_report();
    void show_warnings();
    void adapt_to_descriptors();

    const FetchOptions& options_;
    View& view_;
    Requests requests_;
    Saving saving_;
    Intake intake_;
    Lanes lanes_;
    Summary summary_;
    Transfers transfers_;
    std::optional<ReportWriter> report_;
    std::optional<WriteOut> write_out_;
    std::optional<http::Url> base_;
    std::mt19937_64 random_;

    EventLoop* loop_ = nullptr;       // while it runs
    TaskGroup* group_ = nullptr;      // likewise
    http::Client* client_ = nullptr;  // likewise
    TaskHandle<void> reader_;
    TimePoint began_{};
    TimePoint ended_{};
    std::vector<Job*> in_flight_;
    std::size_t most_in_flight_;
    TimerHandle wake_up_;
    TimePoint wake_up_at_ = TimePoint::max();
    TimerHandle next_tick_;
    TimerHandle total_limit_;
    TimerHandle grace_;
    io::WaitList room_;
    io::WaitList over_;

    bool input_ended_ = false;
    bool input_failed_ = false;
    bool stopping_ = false;
    bool report_failed_ = false;
    int signal_ = 0;
    std::string stop_reason_;
    TimePoint stopped_at_{};
    std::uint64_t taken_ = 0;     // entries that will have a record
    std::uint64_t finished_ = 0;  // those that have it
    std::uint64_t received_bytes_ = 0;
    std::uint64_t errors_shown_ = 0;
};

}  // namespace tandem::cli
