#include <tandem/backend/uring_internal.hpp>

#include <tandem/backend/clock_internal.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include <poll.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define TANDEM_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TANDEM_UNDER_TSAN 1
#endif
#endif
#ifdef TANDEM_UNDER_TSAN
extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#endif

namespace tandem::inline v1 {
namespace {

// ThreadSanitizer does not see the kernel pass an operation on (sem:C99).
#ifdef TANDEM_UNDER_TSAN
void tell_released(Operation& operation) { __tsan_release(&operation); }
void tell_acquired(Operation& operation) { __tsan_acquire(&operation); }
#else
void tell_released(Operation&) {}
void tell_acquired(Operation&) {}
#endif

// `Operation::backend_state`: where an operation is, whether only its readiness is being waited for, and the
// generation in its tag.
enum Place : std::uint32_t { nowhere, in_backlog, with_kernel, cancel_owed, on_pool, in_finished };
constexpr std::uint32_t place_mask = 0xff;
constexpr std::uint32_t polling_bit = 0x100;

Place place_of(const Operation& operation) {
    return static_cast<Place>(operation.backend_state & place_mask);
}
void set_place(Operation& operation, Place place) {
    operation.backend_state = (operation.backend_state & ~place_mask) | place;
}

// `user_data`: an operation's address with 16 bits of generation above it, so that a late cancel cannot hit
// the next use of the same address; or one of these, which no address equals.
constexpr std::uint64_t wake_tag = 1;
constexpr std::uint64_t cancel_tag = 2;
constexpr int address_bits = 48;
constexpr std::uint64_t address_mask = (std::uint64_t{1} << address_bits) - 1;

std::uint64_t tag_of(const Operation& operation) {
    const std::uint64_t generation = operation.backend_state >> 16;
    return generation << address_bits | (reinterpret_cast<std::uintptr_t>(&operation) & address_mask);
}

Operation& operation_of(std::uint64_t tag) { return *reinterpret_cast<Operation*>(tag & address_mask); }

std::uint32_t setup_flags(UringStep step) noexcept {
    constexpr std::uint32_t always = IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
    switch (step) {
        case UringStep::cooperative:
            return always | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL;
        case UringStep::plain:
            break;
    }
    return always;
}

}  // namespace

UringBackend::UringBackend(const UringOptions& options) : options_(options), step_(options.best_step) {
    const int error = open_ring();
    if (error != 0) throw std::system_error(error, std::generic_category(), "io_uring_setup for a loop");
}

UringBackend::~UringBackend() {
    closing_ = true;
    while (Operation* const operation = backlog_.pop_front()) finish_later(*operation, -ECANCELED);
    cancel_all_in_kernel();
    if (pool_) pool_->shut_down();
    while (complete_finished()) {
    }
    close_ring();
}

/// 0 or an errno; goes a step down where the kernel does not know a flag.
int UringBackend::open_ring() noexcept {
    for (;;) {
        io_uring_params params{};
        params.flags = setup_flags(step_);
        params.cq_entries = std::max(options_.completion_entries, options_.submission_entries * 2);
        const int error = io_uring_queue_init_params(options_.submission_entries, &ring_, &params);
        if (error == 0) break;
        if (error != -EINVAL || step_ == UringStep::plain) return -error;
        step_ = UringStep::plain;
    }
    ring_open_ = true;
    // The kernel reads entries through this table; ours stays the identity.
    for (unsigned i = 0; i < ring_.sq.ring_entries; ++i) ring_.sq.array[i] = i;
    return 0;
}

void UringBackend::close_ring() noexcept {
    if (std::exchange(ring_open_, false)) io_uring_queue_exit(&ring_);
}

void UringBackend::leave_to_parent() noexcept {
    if (std::exchange(ring_open_, false)) ::close(ring_.ring_fd);  // mapped still, and not to be written to
    wake_.close();
}

/// Returns once the kernel holds no operation any more.
void UringBackend::cancel_all_in_kernel() noexcept {
    OperationList asked;
    while (Operation* const operation = in_kernel_.pop_front()) {
        // Cancels are idempotent: another one does no harm where one is under way.
        set_place(*operation, cancel_owed);
        asked.push_back(*operation);
    }
    to_cancel_.append(std::move(asked));
    while (ring_open_ && kernel_count_ + cancels_out_ != 0) {
        while (!to_cancel_.empty() && put_cancel(*to_cancel_.front())) {
        }
        enter(to_cancel_.empty() ? 1 : 0, TimePoint::max());
        if (ring_open_) reap();
    }
}

/// The kernel does not serve the ring any more (a seccomp filter put up later, no memory for another ring).
/// Everything ends with that error instead of hanging.
void UringBackend::give_up(int error) noexcept {
    broken_ = error;
    // Somebody closed it: the number may be another's by now.
    if (error == EBADF || error == EOPNOTSUPP) ring_.ring_fd = -1;
    close_ring();
    in_kernel_.append(std::move(to_cancel_));
    in_kernel_.append(std::move(backlog_));
    kernel_count_ = 0;
    cancels_out_ = 0;
    while (Operation* const operation = in_kernel_.pop_front()) finish_later(*operation, -error);
}

Submitted UringBackend::submit(Operation& operation) noexcept {
    operation.cancel_requested = false;
    operation.backend_state = nowhere;
    if (closing_) return {true, -ECANCELED};
    if (operation.code == OpCode::job) {
        try {
            if (!pool_) pool_ = std::make_unique<ThreadPool>(wake_, ThreadPool::default_max_threads());
        } catch (const std::bad_alloc&) {
            return {true, -ENOMEM};
        }
        const auto error = pool_->submit(operation);
        if (error != 0) return {true, error};
        set_place(operation, on_pool);
        ++in_flight_;
        return {};
    }
    if (broken_ != 0) return {true, -broken_};
    ++in_flight_;
    put_back(operation);
    if (driven_from_outside_) submit_all();
    return {};
}

void UringBackend::put_back(Operation& operation) noexcept {
    if (closing_ || operation.cancel_requested) return finish_later(operation, -ECANCELED);
    if (backlog_.empty() && put(operation)) return;
    set_place(operation, in_backlog);
    backlog_.push_back(operation);
}

bool UringBackend::put(Operation& operation) noexcept {
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) return false;
    if ((operation.backend_state & polling_bit) != 0) {
        io_uring_prep_poll_add(entry, operation.fd, readiness_of(operation.code));
    } else {
        prepare(*entry, operation);
    }
    operation.backend_state = (operation.backend_state & polling_bit) | with_kernel |
                              static_cast<std::uint32_t>(++last_generation_) << 16;
    entry->user_data = tag_of(operation);
    in_kernel_.push_back(operation);
    ++kernel_count_;
    tell_released(operation);
    return true;
}

void UringBackend::cancel(Operation& operation) noexcept {
    if (place_of(operation) == nowhere || std::exchange(operation.cancel_requested, true)) return;
    switch (place_of(operation)) {
        case in_backlog:
            backlog_.remove(operation);
            finish_later(operation, -ECANCELED);
            break;
        case with_kernel:
            in_kernel_.remove(operation);
            to_cancel_.push_back(operation);
            set_place(operation, cancel_owed);
            put_cancel(operation);
            break;
        case on_pool:
            pool_->cancel(operation);
            break;
        default:
            break;
    }
    if (driven_from_outside_) submit_all();
}

/// Pays a cancel owed, if there is a free slot.
bool UringBackend::put_cancel(Operation& operation) noexcept {
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) return false;
    io_uring_prep_cancel64(entry, tag_of(operation), 0);
    // Its own completion names no operation: that one may have ended and be in use for something else by
    // then.
    entry->user_data = cancel_tag;
    ++cancels_out_;
    to_cancel_.remove(operation);
    in_kernel_.push_back(operation);
    set_place(operation, with_kernel);
    return true;
}

void UringBackend::fill() noexcept {
    while (!to_cancel_.empty() && put_cancel(*to_cancel_.front())) {
    }
    while (Operation* const operation = backlog_.front()) {
        if (io_uring_sq_space_left(&ring_) == 0) return;
        backlog_.remove(*operation);
        put(*operation);
    }
}

/// One request for good: it reports every edge of the wake-up's descriptor.
bool UringBackend::arm_wake() noexcept {
    if (wake_armed_) return true;
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) return false;
    io_uring_prep_poll_multishot(entry, wake_.fd(), POLLIN);
    entry->user_data = wake_tag;
    wake_armed_ = true;
    return true;
}

std::uint32_t UringBackend::unsubmitted() const noexcept {
    return ring_.sq.sqe_tail - io_uring_smp_load_acquire(ring_.sq.khead);
}

bool UringBackend::completions_waiting() const noexcept {
    return *ring_.cq.khead != io_uring_smp_load_acquire(ring_.cq.ktail);
}

bool UringBackend::kernel_has_news() const noexcept {
    const auto flags = __atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED);
    return (flags & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN)) != 0;
}

/// Only a wake-up can end a wait, and it need not come through the ring.
bool UringBackend::kernel_has_nothing() const noexcept {
    return in_flight_ == 0 && cancels_out_ == 0 && !driven_from_outside_ && !completions_waiting() &&
           !kernel_has_news();
}

/// Hands over the submission queue and waits for completions until `deadline`. False if the kernel took
/// nothing because it lacks room or memory: completions have to be reaped first.
bool UringBackend::enter(std::uint32_t wait_for, TimePoint deadline) noexcept {
    io_uring_smp_store_release(ring_.sq.ktail, ring_.sq.sqe_tail);
    const std::uint32_t flags = wait_for != 0 || kernel_has_news() ? IORING_ENTER_GETEVENTS : 0;
    __kernel_timespec limit{};
    io_uring_getevents_arg argument{};
    if (wait_for != 0 && deadline != TimePoint::max()) {
        const auto time = time_left(deadline, monotonic_now());
        const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
        limit = {.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
        argument.ts = reinterpret_cast<std::uintptr_t>(&limit);
    }
    const int result = io_uring_enter2(static_cast<unsigned>(ring_.ring_fd), unsubmitted(), wait_for,
                                       flags | IORING_ENTER_EXT_ARG, reinterpret_cast<sigset_t*>(&argument),
                                       sizeof argument);
    switch (result < 0 ? -result : 0) {
        case 0:
        case ETIME:
        case EINTR:
            return true;
        case EAGAIN:
        case EBUSY:
        case EBADR:  // a completion found no memory; told once
            return false;
        default:
            give_up(-result);
            return true;
    }
}

void UringBackend::submit_all() noexcept {
    if (!ring_open_) return;
    do {
        fill();
        if (unsubmitted() == 0 && !kernel_has_news()) return;
        if (!enter(0, TimePoint::min()) || !ring_open_) return;
    } while (!backlog_.empty() || !to_cancel_.empty());
}

void UringBackend::reap() noexcept {
    const unsigned end = io_uring_smp_load_acquire(ring_.cq.ktail);
    for (unsigned at = *ring_.cq.khead; at != end;) {
        const io_uring_cqe entry = ring_.cq.cqes[at & ring_.cq.ring_mask];
        io_uring_smp_store_release(ring_.cq.khead, ++at);
        on_completion(entry.user_data, entry.res, entry.flags);
        if (!ring_open_) return;
    }
}

void UringBackend::on_completion(std::uint64_t tag, std::int32_t result, std::uint32_t flags) noexcept {
    if (tag == wake_tag) {
        if ((flags & IORING_CQE_F_MORE) == 0) wake_armed_ = false;
        woken_ |= wake_.take();
    } else if (tag == cancel_tag) {
        // Whatever it says, the operation's own completion decides: ENOENT, it is on its way already;
        // EALREADY, it is running and cannot be stopped.
        --cancels_out_;
    } else {
        on_operation(operation_of(tag), result);
    }
}

void UringBackend::on_operation(Operation& operation, std::int32_t result) noexcept {
    tell_acquired(operation);
    (place_of(operation) == cancel_owed ? to_cancel_ : in_kernel_).remove(operation);
    --kernel_count_;
    const bool was_polling = (operation.backend_state & polling_bit) != 0;
    operation.backend_state &= ~polling_bit;

    const bool polls = operation.code == OpCode::poll_readable || operation.code == OpCode::poll_writable;
    if (result == -EINTR || (result == -ECANCELED && !operation.cancel_requested)) {
        // A signal, or the end of the thread that submitted: nobody asked for it.
        return put_back(operation);
    }
    if (was_polling && result >= 0) return put_back(operation);
    if (result == -EAGAIN && waits_for_readiness(operation.code)) {
        operation.backend_state |= polling_bit;
        return put_back(operation);
    }
    if (polls && result > 0) result = (result & POLLNVAL) != 0 ? -EBADF : 0;
    if (polls && (result == -EOPNOTSUPP || result == -EPERM)) result = 0;  // a file that is always ready
    complete(operation, result);
}

void UringBackend::finish_later(Operation& operation, std::int32_t result) noexcept {
    operation.backend_result = result;
    set_place(operation, in_finished);
    finished_.push_back(operation);
    if (driven_from_outside_) wake();
}

void UringBackend::complete(Operation& operation, std::int32_t result) noexcept {
    operation.backend_state = nowhere;
    --in_flight_;
    ++completions_;
    operation.completed(result);
}

/// Completes what was finished when it is called. What `completed()` cancels in turn comes with the next
/// wait.
bool UringBackend::complete_finished() noexcept {
    auto batch = std::move(finished_);
    if (pool_) {
        while (Operation* const operation = pool_->take_finished()) {
            set_place(*operation, in_finished);
            batch.push_back(*operation);
        }
    }
    const bool any = !batch.empty();
    while (Operation* const operation = batch.pop_front()) complete(*operation, operation->backend_result);
    return any;
}

void UringBackend::wait(TimePoint deadline) noexcept {
    const auto completions_before = completions_;
    complete_finished();
    woken_ = wake_.take();
    const bool was_open = ring_open_;
    for (;;) {
        if (!ring_open_) return was_open ? void() : wait_without_ring(deadline);
        const bool progress = woken_ || completions_ != completions_before;
        const bool look_only = progress || deadline <= TimePoint::min();
        if (!look_only && kernel_has_nothing()) {
            wake_.sleep_until(deadline);
            wake_.take();
            return;
        }
        if (look_only || completions_waiting()) {
            submit_all();
        } else {
            // Nothing may stay behind in a sleep.
            fill();
            while (ring_open_ && (!arm_wake() || !backlog_.empty() || !to_cancel_.empty())) {
                if (!enter(0, TimePoint::min())) break;
                if (ring_open_) fill();
            }
            if (ring_open_ && !enter(1, deadline)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        if (ring_open_) reap();
        if (driven_from_outside_) {
            if (ring_open_) arm_wake();
            submit_all();
        }
        complete_finished();
        // An interrupted sleep, a wake-up without cause, a first half of an operation: sleep on.
        if (look_only || woken_ || completions_ != completions_before) return;
        if (deadline != TimePoint::max() && monotonic_now() >= deadline) return;
    }
}

void UringBackend::wait_without_ring(TimePoint deadline) noexcept {
    if (complete_finished() || woken_ || deadline <= TimePoint::min()) return;
    do {
        nap_until(deadline);
        if (complete_finished() || wake_.take()) return;
    } while (deadline == TimePoint::max() || monotonic_now() < deadline);
}

int UringBackend::pollable_fd() noexcept {
    if (!ring_open_) return wake_.fd();
    driven_from_outside_ = true;
    arm_wake();
    submit_all();
    if (!finished_.empty()) wake();
    return ring_.ring_fd;
}

MadeBackend make_uring_backend(const UringOptions& options) {
    // A denial lasts as long as the process and is not asked for again; a lack of memory or descriptors may
    // pass.
    static std::atomic<int> known = -1;
    int error = known.load(std::memory_order_relaxed);
    if (error < 0) {
        error = probe_uring();
        if (error != ENOMEM && error != EMFILE && error != ENFILE)
            known.store(error, std::memory_order_relaxed);
    }
    if (error != 0) return {.backend = nullptr, .reason = explain_uring_error(error)};
    try {
        return {.backend = std::make_unique<UringBackend>(options), .reason = {}};
    } catch (const std::system_error& failure) {
        return {.backend = nullptr, .reason = explain_uring_error(failure.code().value())};
    }
}

}  // namespace tandem::inline v1
