#pragma once

#include <tandem/base/time.hpp>
#include <tandem/loop/timer_heap.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/wait.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <vector>

namespace tandem::inline v1 {

/// In which order the arms of a race are started.
class RaceOrder {
public:
    RaceOrder() = default;
    static RaceOrder seeded(std::uint64_t seed);
    /// Another order each time.
    static RaceOrder random();
    /// The indices 0 to `count` - 1.
    std::vector<std::size_t> of(std::size_t count) const;

private:
    std::optional<std::uint64_t> seed_;
};

/// Children of which one decides; then the others are asked to end.
class RaceGroup final : public ChildGroup {
public:
    enum class Decides : std::uint8_t { first_end, first_success };
    explicit RaceGroup(Decides decides) : decides_(decides) {}
    ~RaceGroup() = default;

    /// Null as long as nobody has won.
    const TaskNode* winner() const { return winner_; }
    /// In a catch block: an arm could not be started, so the others end and this is thrown.
    void could_not_start();
    /// A handler of late values threw.
    void late_failed(std::exception_ptr error);
    /// Once all have ended: the winner's place among `arms`, null for one that was not started. Throws what
    /// is to be thrown, but not the winner's own error.
    std::size_t conclude(std::span<const TaskNode* const> arms);

    /// Waits until `arm` has ended, somebody has won, or `delay` has passed.
    class Pause final : public Wait, private Timer {
    public:
        Pause(RaceGroup& group, const TaskNode& arm, Deadline delay)
            : group_(group), arm_(&arm), delay_(delay) {}
        Pause(Pause&& other) noexcept : group_(other.group_), arm_(other.arm_), delay_(other.delay_) {}
        bool await_ready() const noexcept { return arm_->done() || group_.cancelled(); }
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) noexcept;
        void await_resume() const noexcept {}
        bool request_cancel() noexcept override;
        const char* waiting_for() const noexcept override { return "its turn to start the next arm"; }

    private:
        friend class RaceGroup;
        void due() noexcept override;
        void end() noexcept;
        RaceGroup& group_;
        const TaskNode* arm_;
        Deadline delay_;
    };
    Pause pause(const TaskNode& arm, Deadline delay) { return Pause(*this, arm, delay); }

private:
    bool needs_all() const override { return false; }
    void make_room() override;
    void child_ended(TaskNode& child) noexcept override;
    void won_by(TaskNode& child) noexcept;

    Decides decides_;
    TaskNode* winner_ = nullptr;
    std::vector<TaskNode*> failed_;  // before anybody had won
    std::vector<std::exception_ptr> suppressed_;
    std::exception_ptr fatal_;
    Pause* pausing_ = nullptr;
};

/// Errors      `std::invalid_argument` if `count` is 0.
void refuse_empty_race(std::size_t count);

}  // namespace tandem::inline v1
