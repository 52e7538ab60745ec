#include <tandem/bridge/worker_pool.hpp>

#include <tandem/base/errors.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <new>
#include <system_error>
#include <vector>

#include <cxxabi.h>
#include <pthread.h>
#include <unistd.h>

namespace tandem::inline v1 {
namespace {

constinit thread_local const std::string* name_of_this_thread = nullptr;

// Jobs in a row and the threads that serve it.
struct Line {
    std::deque<std::shared_ptr<PoolJob>> jobs;
    std::vector<std::shared_ptr<PoolJob>> running;
    std::condition_variable work;
    std::size_t threads = 0;
    std::size_t idle = 0;
    std::size_t max_threads = 1;
    bool keyed = false;
    bool has_owner = false;
    std::weak_ptr<const void> owner;  // of a strand: without one its thread may end

    bool thread_may_end() const { return !keyed || (has_owner && owner.expired()); }
};

}  // namespace

struct WorkerPool::State {
    explicit State(const WorkerPoolOptions& o) : options(o) {
        shared.max_threads = std::max<std::size_t>(o.max_threads_, 1);
    }

    const WorkerPoolOptions options;
    const pid_t process = ::getpid();
    std::mutex mutex;
    Line shared;
    std::map<std::string, Line> keyed;  // the nodes stay in place
    std::vector<pthread_t> live;
    std::vector<pthread_t> ended;  // to be joined
    std::condition_variable one_ended;
    std::uint64_t started = 0;
    bool stopping = false;

    struct Start {
        std::shared_ptr<State> state;
        Line* line;
        std::string name;
    };
    static void* thread_main(void* argument) {
        const std::unique_ptr<Start> start(static_cast<Start*>(argument));
        pthread_setname_np(pthread_self(), start->name.substr(0, 15).c_str());
        name_of_this_thread = &start->name;
        try {
            start->state->serve(start->state, *start->line);
        } catch (const abi::__forced_unwind&) {
            name_of_this_thread = nullptr;
            throw;
        }
        name_of_this_thread = nullptr;
        return nullptr;
    }

    void serve(const std::shared_ptr<State>& self, Line& line) {
        std::unique_lock lock(mutex);
        const auto has_news = [&] { return stopping || !line.jobs.empty(); };
        const auto idle_time = std::min<Duration>(options.idle_time_, std::chrono::hours(24 * 365));
        for (;;) {
            ++line.idle;
            while (!has_news()) {
                if (!line.work.wait_for(lock, idle_time, has_news) && line.thread_may_end()) break;
            }
            --line.idle;
            if (line.jobs.empty()) break;
            auto job = std::move(line.jobs.front());
            line.jobs.pop_front();
            line.running.push_back(job);  // there is room: start_thread()
            lock.unlock();
            try {
                job->run();
            } catch (const abi::__forced_unwind&) {  // the job ends this thread
                lock.lock();
                std::erase(line.running, job);
                if (line.jobs.size() > line.idle && !stopping) replace_thread(self, line);
                leave(line);
                lock.unlock();
                throw;
            }
            lock.lock();
            std::erase(line.running, job);
            lock.unlock();
            job.reset();
            lock.lock();
        }
        leave(line);
    }

    /// What is queued does not wait for a thread that ends.
    void replace_thread(const std::shared_ptr<State>& self, Line& line) noexcept {
        try {
            start_thread(self, line);
        } catch (const std::bad_alloc&) {  // the next job will start one
        }
    }

    /// The calling thread ends. With the lock held.
    void leave(Line& line) {
        --line.threads;
        if (line.has_owner && line.owner.expired() && line.threads == 0 && line.jobs.empty())
            std::erase_if(keyed, [&](const auto& entry) { return &entry.second == &line; });
        // Not there any more: it was left to itself.
        if (std::erase_if(live, [](pthread_t thread) { return pthread_equal(thread, pthread_self()) != 0; }) >
            0)
            ended.push_back(pthread_self());
        one_ended.notify_all();
    }

    /// 0 or an errno. With the lock held.
    int start_thread(const std::shared_ptr<State>& self, Line& line) {
        live.reserve(live.size() + 1);
        ended.reserve(live.size() + ended.size() + 1);
        line.running.reserve(line.threads + 1);
        auto start =
            std::make_unique<Start>(Start{self, &line, options.name_ + "-" + std::to_string(started + 1)});
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        int error = 0;
        if (options.stack_bytes_ > 0) error = pthread_attr_setstacksize(&attributes, options.stack_bytes_);
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);  // handlers run on the program's threads, not on ours
        pthread_t thread{};
        if (error == 0) error = pthread_create(&thread, &attributes, thread_main, start.get());
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        pthread_attr_destroy(&attributes);
        if (error != 0) return error;
        static_cast<void>(start.release());
        live.push_back(thread);
        ++line.threads;
        ++started;
        return 0;
    }

    void join_ended(std::unique_lock<std::mutex>& lock) {
        auto threads = std::exchange(ended, {});
        lock.unlock();
        for (const pthread_t thread : threads) {
            if (pthread_equal(thread, pthread_self()) == 0)
                pthread_join(thread, nullptr);
            else
                pthread_detach(thread);
        }
        lock.lock();
    }

    Line& line_for(const std::string& key, const std::weak_ptr<const void>& key_life) {
        if (key.empty()) return shared;
        const auto [place, is_new] = keyed.try_emplace(key);
        if (is_new) {
            place->second.keyed = true;
            place->second.owner = key_life;
            place->second.has_owner = !key_life.expired();
        }
        return place->second;
    }
};

/// What the last copy of a pool takes along.
class WorkerPool::Owner {
public:
    explicit Owner(const WorkerPoolOptions& options) : state(std::make_shared<State>(options)) {}
    ~Owner() { shut_down(Duration::max()); }
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;

    bool shut_down(Duration limit);

    std::shared_ptr<State> state;
};

bool WorkerPool::Owner::shut_down(Duration limit) {
    if (state->process != ::getpid()) {
        // The threads were the parent's, and one may have held the lock: leave it all as it is.
        static_cast<void>(new std::shared_ptr<State>(state));
        return true;
    }
    std::deque<std::shared_ptr<PoolJob>> dropped;
    std::unique_lock lock(state->mutex);
    state->stopping = true;
    const auto stop = [&](Line& line) {
        std::move(line.jobs.begin(), line.jobs.end(), std::back_inserter(dropped));
        line.jobs.clear();
        line.work.notify_all();
    };
    stop(state->shared);
    for (auto& [key, line] : state->keyed) stop(line);
    lock.unlock();
    for (const auto& job : dropped) job->dropped();
    dropped.clear();
    lock.lock();
    // A job may let go of the last copy of its own pool.
    const auto others_live = [this] {
        return std::any_of(state->live.begin(), state->live.end(),
                           [](pthread_t thread) { return pthread_equal(thread, pthread_self()) == 0; });
    };
    const auto all_ended = [&] { return !others_live(); };
    if (limit > std::chrono::hours(24 * 365))
        state->one_ended.wait(lock, all_ended);
    else
        state->one_ended.wait_for(lock, limit, all_ended);
    state->join_ended(lock);
    const bool ended = state->live.empty();
    for (const pthread_t thread : state->live) pthread_detach(thread);
    state->live.clear();
    return ended;
}

WorkerPool::WorkerPool(const WorkerPoolOptions& options) : owner_(std::make_shared<Owner>(options)) {}

std::size_t WorkerPool::threads() const {
    const std::lock_guard lock(owner_->state->mutex);
    return owner_->state->live.size();
}

std::size_t WorkerPool::queued() const {
    const std::lock_guard lock(owner_->state->mutex);
    std::size_t count = owner_->state->shared.jobs.size();
    for (const auto& [key, line] : owner_->state->keyed) count += line.jobs.size();
    return count;
}

bool WorkerPool::shut_down(Duration limit) { return owner_->shut_down(limit); }

void WorkerPool::submit(std::shared_ptr<PoolJob> job, const std::string& key,
                        const std::weak_ptr<const void>& key_life) {
    State& state = *owner_->state;
    if (state.process != ::getpid())
        throw LoopClosed(
            LoopClosedReason::forked,
            "this WorkerPool was made before fork(): its threads are the parent's; make a new one");
    std::unique_lock lock(state.mutex);
    if (!state.ended.empty()) state.join_ended(lock);
    if (state.stopping)
        throw LoopClosed(LoopClosedReason::closed, "this WorkerPool was shut down: it takes no more jobs");
    Line& line = state.line_for(key, key_life);
    if (line.idle <= line.jobs.size() && line.threads < line.max_threads) {
        const int error = state.start_thread(owner_->state, line);
        if (error != 0 && line.threads == 0)
            throw std::system_error(error, std::generic_category(),
                                    "cannot start thread " + state.options.name_ + "-" +
                                        std::to_string(state.started + 1) + " for a job (" +
                                        std::to_string(state.live.size()) + " threads in this pool)");
    }
    line.jobs.push_back(std::move(job));
    line.work.notify_one();
}

std::vector<std::shared_ptr<PoolJob>> WorkerPool::ahead_of(const PoolJob& job) const {
    const std::lock_guard lock(owner_->state->mutex);
    const auto running = [&](const Line& line) {
        const bool queued = std::any_of(line.jobs.begin(), line.jobs.end(),
                                        [&](const auto& other) { return other.get() == &job; });
        return queued && line.running.size() == line.threads ? line.running
                                                             : std::vector<std::shared_ptr<PoolJob>>();
    };
    auto ahead = running(owner_->state->shared);
    for (const auto& [key, line] : owner_->state->keyed) {
        if (ahead.empty()) ahead = running(line);
    }
    return ahead;
}

bool WorkerPool::take_back(const PoolJob& job) noexcept {
    const std::lock_guard lock(owner_->state->mutex);
    const auto take_from = [&](Line& line) {
        return std::erase_if(line.jobs, [&](const auto& queued) { return queued.get() == &job; }) > 0;
    };
    if (take_from(owner_->state->shared)) return true;
    for (auto& [key, line] : owner_->state->keyed)
        if (take_from(line)) return true;
    return false;
}

std::string worker_name() { return name_of_this_thread ? *name_of_this_thread : std::string(); }

Strand::Strand() {
    static std::atomic<std::uint64_t> count = 0;
    key_ = std::make_shared<const std::string>("strand-" + std::to_string(++count));
}

}  // namespace tandem::inline v1
