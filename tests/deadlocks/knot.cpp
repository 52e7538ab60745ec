#include "knot.hpp"

#include <tandem/base/errors.hpp>
#include <tandem/bridge/background_loop.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/run_on.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/universal_queue.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/completion.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/task/wait_handles.hpp>

#include <optional>
#include <utility>

using namespace tandem;
using namespace std::chrono_literals;

namespace deadlocks {
namespace {

using Clock = std::chrono::steady_clock;

struct Ring {
    struct Seat {
        EventLoop* loop = nullptr;
        TaskHandle<int> handle;
        std::optional<Pending<int>> pending;
    };
    std::vector<Hop> hops;
    std::vector<Seat> seats;
    std::atomic<int> turn = -1;  // so many may begin to wait
    std::mutex mutex;
    Ending ending;
    Clock::time_point closed;
    WorkerPool one_thread{1};
    Strand strand;

    const Pending<int>& pending_of(std::size_t seat) { return *seats[seat].pending; }
    void note(const WouldDeadlock& error) {
        const std::lock_guard lock(mutex);
        if (ending.refused++ > 0) return;
        ending.took = Clock::now() - closed;
        ending.text = error.what();
        ending.hops = error.cycle().size();
    }
};

Task<void> await_pending(Ring& ring, std::size_t next) { co_await ring.pending_of(next); }
Task<void> await_handle(Ring& ring, std::size_t next) { co_await ring.seats[next].handle; }

Task<void> wait_for(Ring& ring, How how, How inner, std::size_t next);

Task<void> in_thread(Ring& ring, How how, std::size_t next) {
    const auto work = [&ring, how, next] {
        const Pending<int>& pending = ring.pending_of(next);
        switch (how) {
            case How::worker_wait:
                static_cast<void>(pending.wait());
                break;
            case How::worker_error:
                static_cast<void>(pending.exception());
                break;
            case How::worker_cancel:
                static_cast<void>(Pending<int>(pending).get_or_cancel(Deadline()));
                break;
            case How::worker_asks:
                await_pending(ring, next).get();
                break;
            case How::worker_deadline:
                static_cast<void>(pending.get(20ms));
                break;
            case How::worker_wait_for:
                static_cast<void>(pending.wait(20ms));
                break;
            case How::ask_deadline:
                await_pending(ring, next).get(20ms);
                break;
            case How::worker_runs:
                run(await_pending(ring, next));
                break;
            case How::layers: {
                const auto deeper = [](Ring& r, std::size_t n) -> Task<void> {
                    co_await in_thread(r, How::worker_get, n);
                };
                deeper(ring, next).get();
                break;
            }
            default:
                static_cast<void>(pending.get());
        }
    };
    if (how == How::strand_get) {
        auto options = ToThreadOptions().affinity(ring.strand);
        co_await to_thread(options, work);
    } else if (how == How::pool_get) {
        auto options = ToThreadOptions().pool(ring.one_thread);
        co_await to_thread(options, work);
    } else {
        co_await to_thread(work);
    }
}

Task<void> on_fiber(Ring& ring, How how, std::size_t next) {
    const auto plain = [&ring, how, next] {
        if (how == How::fiber_get)
            static_cast<void>(ring.pending_of(next).get());
        else
            await_pending(ring, next).get();
    };
    co_await in_fiber(plain);
}

Task<void> short_pause() { co_await sleep(1ms); }

Task<void> in_group(Ring& ring, How inner, std::size_t next) {
    const auto body = [](TaskGroup& group, Ring& r, How how, std::size_t n) -> Task<void> {
        group.create_task(short_pause());
        group.create_task(wait_for(r, how, how, n));
        co_return;
    };
    co_await with_task_group(body, std::ref(ring), inner, next);
}

Task<void> rest() { co_await sleep(20ms); }
Task<void> run_out_of_time(Ring& ring, How how, std::size_t next) {
    bool late = false;
    try {
        if (how == How::deadline)
            co_await timeout(20ms, await_pending(ring, next));
        else if (how == How::far_deadline)
            co_await timeout(20ms, wait_for(ring, How::nested, How::worker_asks, next));
        else
            co_await in_thread(ring, how, next);
    } catch (const TimeoutError&) {
        late = true;
    }
    if (!late && how != How::worker_wait_for) throw std::logic_error("it was there in time");
}

Task<void> wait_for_lock() {
    Mutex mutex;
    const auto hold = [](Mutex& m) -> Task<void> {
        auto guard = co_await m.lock();
        co_await rest();
    };
    TaskHandle<void> holder = create_task(hold(mutex));
    co_await sleep(1ms);
    {
        auto guard = co_await mutex.lock();
    }
    co_await holder;
}

// What others than parties end.
Task<void> wait_for_others(How how) {
    if (how == How::event) {
        Event event;
        this_loop().call_later(20ms, [&event] { event.set(); });
        co_await event.wait();
    } else if (how == How::completion) {
        auto both = make_completion<int>();
        std::thread other([complete = both.second]() mutable {
            std::this_thread::sleep_for(20ms);
            complete(1);
        });
        co_await both.first;
        other.join();
    } else if (how == How::queue) {
        UniversalQueue<int> queue;
        std::thread other([&queue] {
            std::this_thread::sleep_for(20ms);
            queue.put_blocking(1);
        });
        co_await queue.get();
        other.join();
    } else {
        co_await rest();
    }
}

Task<void> take_what_comes_first(Ring& ring, How how, std::size_t next) {
    if (how == How::race) {
        co_await race(await_pending(ring, next), rest());
    } else if (how == How::scope) {
        CancelScope scope(20ms);
        co_await scope.run(await_pending(ring, next));
    } else {
        std::vector<TaskHandle<void>> two;
        two.push_back(create_task(await_pending(ring, next)));
        two.push_back(create_task(rest()));
        const auto result = co_await wait(two, {.return_when = FIRST_COMPLETED});
        for (auto task : result.pending) task.cancel();
    }
}

Task<void> wait_for(Ring& ring, How how, How inner, std::size_t next) {
    switch (how) {
        case How::deadline:
        case How::far_deadline:
        case How::worker_deadline:
        case How::worker_wait_for:
        case How::ask_deadline:
            co_await run_out_of_time(ring, how, next);
            break;
        case How::race:
        case How::first:
        case How::scope:
            co_await take_what_comes_first(ring, how, next);
            break;
        case How::lock:
            co_await wait_for_lock();
            break;
        case How::event:
        case How::completion:
        case How::queue:
        case How::rest:
            co_await wait_for_others(how);
            break;
        case How::handle:
            co_await await_handle(ring, next);
            break;
        case How::pending:
            co_await await_pending(ring, next);
            break;
        case How::fiber_get:
        case How::fiber_asks:
            co_await on_fiber(ring, how, next);
            break;
        case How::elsewhere:
            co_await run_on(*ring.seats[next].loop, await_handle(ring, next));
            break;
        case How::group:
            co_await in_group(ring, inner, next);
            break;
        case How::gather: {
            co_await gather(sleep(1ms), wait_for(ring, inner, inner, next));
            break;
        }
        case How::wait_all: {
            std::vector<TaskHandle<void>> all;
            all.push_back(create_task(wait_for(ring, inner, inner, next)));
            const auto result = co_await wait(all);
            for (const auto& task : result.done) task.result();
            break;
        }
        case How::nested:
            co_await wait_for(ring, inner, inner, next);
            break;
        case How::shielded:
            co_await shield(wait_for(ring, inner, inner, next));
            break;
        default:
            co_await in_thread(ring, how, next);
    }
}

bool note_any(Ring& ring, const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const WouldDeadlock& refused) {
        ring.note(refused);
        return true;
    } catch (const ExceptionGroup& errors) {
        for (const auto& one : errors.exceptions()) {
            if (note_any(ring, one)) return true;
        }
        return false;
    } catch (const std::exception&) {
        return false;
    }
}

Task<int> party(Ring& ring, std::size_t seat) {
    while (ring.turn.load() < static_cast<int>(seat)) co_await sleep(200us);
    const Hop& hop = ring.hops[seat];
    try {
        co_await wait_for(ring, hop.how, hop.inner, (seat + 1) % ring.hops.size());
    } catch (const std::exception&) {
        if (!note_any(ring, std::current_exception())) throw;
    }
    co_return static_cast<int>(seat);
}

Task<void> take_seat(Ring& ring, std::size_t seat) {
    ring.seats[seat].handle = create_task(party(ring, seat));
    ring.seats[seat].pending = ring.seats[seat].handle.pending();
    co_return;
}
Task<void> leave_seat(Ring& ring, std::size_t seat) {
    ring.seats[seat].handle = TaskHandle<int>();
    co_return;
}

}  // namespace

LoopThread::LoopThread() : loop_(std::make_unique<EventLoop>()) {
    thread_ = std::thread([this] { loop_->run_forever(); });
}

LoopThread::~LoopThread() {
    loop_->stop_threadsafe();
    thread_.join();
}

std::chrono::milliseconds patience() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 2'000ms;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return 2'000ms;
#else
    return 100ms;
#endif
#else
    return 100ms;
#endif
}

Ending tie(const std::vector<Hop>& hops, Order order) {
    LoopThread first;
    LoopThread second;
    LoopThread third;
    Ring ring;
    ring.hops = hops;
    ring.seats.resize(hops.size());
    for (std::size_t seat = 0; seat < hops.size(); ++seat) {
        EventLoop* const loops[] = {&first.loop(), &second.loop(), &background_loop(), &third.loop()};
        EventLoop& loop = *loops[hops[seat].loop];
        ring.seats[seat].loop = &loop;
        take_seat(ring, seat).start(on(loop)).get();
    }
    const auto last = static_cast<int>(hops.size());
    if (order == Order::forwards) {
        for (int turn = 0; turn + 1 < last; ++turn) {
            ring.turn = turn;
            std::this_thread::sleep_for(8ms);
        }
    }
    {
        const std::lock_guard lock(ring.mutex);
        ring.closed = Clock::now();
    }
    ring.turn = last;
    for (auto& seat : ring.seats) {
        if (seat.pending->wait(5s)) ++ring.ending.parties_over;
    }
    if (ring.ending.parties_over < last) {
        // It hangs, and the test has failed; whoever can be freed is.
        for (auto& seat : ring.seats) seat.pending->cancel();
        for (auto& seat : ring.seats) static_cast<void>(seat.pending->wait(1s));
    }
    for (std::size_t seat = 0; seat < hops.size(); ++seat)
        leave_seat(ring, seat).start(on(*ring.seats[seat].loop)).get();
    return ring.ending;
}

}  // namespace deadlocks
