#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/task/task_node.hpp>
#include <tandem/task/wait.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <utility>

namespace tandem::inline v1 {

/// A number of places, and the tasks that wait for one: first come, first served. What bounds the jobs that
/// `to_thread` has under way.
///
///     auto three = std::make_shared<SlotLine>(3);
///     co_await to_thread(ToThreadOptions().limiter(three), resize, picture);
///
/// Errors      none of its own.
/// Cancelling  a waiter leaves the line; a place given to it in the same moment goes to the next.
/// Threads     its loop's.
/// Lifetime    shared: whoever holds a place keeps the line.
class SlotLine : public std::enable_shared_from_this<SlotLine> {
public:
    explicit SlotLine(std::size_t total) : total_(total) {}

    std::size_t total() const { return total_; }
    std::size_t taken() const { return taken_; }
    std::size_t waiting() const { return waiting_count_; }
    /// Those who have more than the new number keep it.
    void set_total(std::size_t total) {
        total_ = total;
        let_in();
    }

    /// One place, given back at its end.
    class Hold {
    public:
        Hold() = default;
        explicit Hold(std::shared_ptr<SlotLine> line) : line_(std::move(line)) {}
        Hold(Hold&&) noexcept = default;
        Hold& operator=(Hold&& other) noexcept {
            release();
            line_ = std::move(other.line_);
            return *this;
        }
        ~Hold() { release(); }
        void release() noexcept {
            if (const auto line = std::exchange(line_, nullptr)) line->give_back();
        }
        explicit operator bool() const noexcept { return line_ != nullptr; }
        /// The loop is gone, and with it everybody who could want the place.
        void forget() noexcept { line_.reset(); }
        const SlotLine* line() const noexcept { return line_.get(); }

    private:
        std::shared_ptr<SlotLine> line_;
    };

    /// The await of a place.
    class Acquire final : public Checkpoint<Acquire> {
    public:
        /// A null line lets everybody in.
        explicit Acquire(std::shared_ptr<SlotLine> line) : line_(std::move(line)) {}
        Acquire(Acquire&& other) noexcept : line_(std::move(other.line_)) {}  // before it is awaited
        ~Acquire() = default;

        bool try_now() {
            if (!line_) return true;
            if (line_->waiting_count_ > 0 || line_->taken_ >= line_->total_) return false;
            ++line_->taken_;
            granted_ = true;
            return true;
        }
        void start() noexcept {
            line_->waiting_.push_back(*this);
            ++line_->waiting_count_;
            loop().join_began();
        }
        Hold result() {
            if (refused_) std::rethrow_exception(refused_);
            Hold hold(granted_ ? std::move(line_) : nullptr);
            if (task().scope().cancelled()) task().throw_cancelled();
            return hold;
        }
        bool request_cancel() noexcept override {
            line_->waiting_.remove(*this);
            --line_->waiting_count_;
            return true;
        }
        bool refuse(std::exception_ptr error) noexcept override {
            refused_ = std::move(error);
            request_cancel();
            task().wake();
            return true;
        }
        const char* waiting_for() const noexcept override { return "a free worker slot"; }
        /// Precondition: it waits.
        const SlotLine& line() const noexcept { return *line_; }

    private:
        friend class SlotLine;
        ListLink<Acquire> link_;
        std::shared_ptr<SlotLine> line_;
        std::exception_ptr refused_;
        bool granted_ = false;
    };
    /// A place if there is a free one and nobody waits.
    [[nodiscard]] Hold try_acquire() {
        if (waiting_count_ > 0 || taken_ >= total_) return Hold();
        ++taken_;
        return Hold(shared_from_this());
    }
    [[nodiscard("co_await it")]] Acquire acquire() { return Acquire(shared_from_this()); }

private:
    void give_back() noexcept {
        --taken_;
        let_in();
    }
    void let_in() noexcept {
        while (taken_ < total_) {
            Acquire* const next = waiting_.pop_front();
            if (!next) return;
            --waiting_count_;
            ++taken_;
            next->granted_ = true;
            next->task().wake();
        }
    }

    std::size_t total_;
    std::size_t taken_ = 0;
    std::size_t waiting_count_ = 0;
    IntrusiveList<Acquire, &Acquire::link_> waiting_;
};

}  // namespace tandem::inline v1
