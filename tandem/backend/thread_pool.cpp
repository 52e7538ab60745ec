#include <tandem/backend/thread_pool.hpp>

#include <tandem/backend/file_calls_internal.hpp>
#include <tandem/backend/operation_list_internal.hpp>
#include <tandem/backend/wake_signal_internal.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include <pthread.h>

namespace tandem::inline v1 {
namespace {

// Stand in `backend_result` until there is a result; no errno is that large.
constexpr std::int32_t queued = INT_MIN;
constexpr std::int32_t running = INT_MIN + 1;

}  // namespace

struct ThreadPool::State {
    State(Wakeable& wake_signal, std::size_t limit) : wake(wake_signal), max_threads(limit) {}

    Wakeable& wake;
    const std::size_t max_threads;
    std::mutex mutex;
    std::condition_variable work;
    OperationList waiting;
    OperationList finished;
    std::atomic<bool> any_finished = false;  // so that a look without result takes no lock
    std::size_t idle = 0;
    std::size_t queue_length = 0;
    bool stopping = false;
    std::vector<std::thread> threads;

    void finish(Operation& operation, std::int32_t result) {
        operation.backend_result = result;
        finished.push_back(operation);
        any_finished.store(true, std::memory_order_release);
    }

    void serve() {
        std::unique_lock lock(mutex);
        for (;;) {
            ++idle;
            work.wait(lock, [this] { return stopping || !waiting.empty(); });
            --idle;
            if (waiting.empty()) return;
            Operation& operation = *waiting.pop_front();
            --queue_length;
            operation.backend_result = running;
            lock.unlock();
            const auto result =
                operation.code == OpCode::job ? operation.run_job() : run_file_call(operation);
            lock.lock();
            finish(operation, result);
            // Under the lock, so that the loop cannot have destroyed the signal after taking the operation.
            wake.raise();
        }
    }

    bool start_thread() noexcept {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);  // handlers run on the program's threads, not on ours
        bool started = true;
        try {
            threads.reserve(threads.size() + 1);
            threads.emplace_back([this] { serve(); });
        } catch (const std::system_error&) {
            started = false;
        } catch (const std::bad_alloc&) {
            started = false;
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return started;
    }
};

ThreadPool::ThreadPool(Wakeable& wake, std::size_t max_threads)
    : state_(std::make_unique<State>(wake, std::max<std::size_t>(max_threads, 1))) {}

ThreadPool::~ThreadPool() { shut_down(); }

std::size_t ThreadPool::default_max_threads() {
    return std::min<std::size_t>(32, std::thread::hardware_concurrency() + 4);
}

std::int32_t ThreadPool::submit(Operation& operation) noexcept {
    const std::lock_guard lock(state_->mutex);
    if (state_->idle <= state_->queue_length && state_->threads.size() < state_->max_threads) {
        if (!state_->start_thread() && state_->threads.empty()) return -EAGAIN;
    }
    operation.backend_result = queued;
    state_->waiting.push_back(operation);
    ++state_->queue_length;
    state_->work.notify_one();
    return 0;
}

void ThreadPool::cancel(Operation& operation) noexcept {
    const std::lock_guard lock(state_->mutex);
    if (operation.backend_result != queued) return;
    state_->waiting.remove(operation);
    --state_->queue_length;
    state_->finish(operation, -ECANCELED);
    state_->wake.raise();
}

Operation* ThreadPool::take_finished() noexcept {
    if (!state_->any_finished.load(std::memory_order_acquire)) return nullptr;
    const std::lock_guard lock(state_->mutex);
    Operation* const operation = state_->finished.pop_front();
    if (state_->finished.empty()) state_->any_finished.store(false, std::memory_order_relaxed);
    return operation;
}

void ThreadPool::shut_down() noexcept {
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
        while (Operation* const operation = state_->waiting.pop_front())
            state_->finish(*operation, -ECANCELED);
        state_->queue_length = 0;
        state_->work.notify_all();
    }
    for (auto& thread : state_->threads) thread.join();
    state_->threads.clear();
}

}  // namespace tandem::inline v1
