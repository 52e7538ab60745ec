// Every public template of tasks and the bridge, for each kind of result (sem:Z72).
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/sync/channel.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/completion.hpp>
#include <tandem/task/future.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/generator.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/retry.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/task/wait_handles.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

namespace tandem {
namespace {

using namespace std::chrono_literals;

/// A result whose move may throw, and so is not noexcept.
struct MayThrow {
    explicit MayThrow(int n) : number(n) {}
    MayThrow(MayThrow&& other) noexcept(false) : number(other.number) {}
    MayThrow& operator=(MayThrow&& other) noexcept(false) {
        number = other.number;
        return *this;
    }
    int number;
};

int shared_number = 7;

template <class T>
T made() {
    if constexpr (std::is_void_v<T>)
        return;
    else if constexpr (std::is_reference_v<T>)
        return shared_number;
    else if constexpr (std::is_same_v<T, std::unique_ptr<int>>)
        return std::make_unique<int>(7);
    else
        return T(7);
}

int number_in(int value) { return value; }
int number_in(const std::unique_ptr<int>& value) { return *value; }
int number_in(const MayThrow& value) { return value.number; }

template <class T>
Task<T> give() {
    co_await checkpoint();
    if constexpr (std::is_void_v<T>)
        co_return;
    else
        co_return made<T>();
}

/// Awaits, and counts a right result.
template <class T>
Task<void> expect_seven(Task<T> task, int& right) {
    if constexpr (std::is_void_v<T>) {
        co_await std::move(task);
        ++right;
    } else {
        auto&& value = co_await std::move(task);
        right += number_in(value) == 7;
    }
}

template <class T>
Task<int> use_in_coroutine() {
    int right = 0;
    co_await expect_seven<T>(give<T>(), right);
    co_await expect_seven<T>(timeout(1s, give<T>()), right);
    co_await expect_seven<T>(shield(give<T>()), right);
    co_await expect_seven<T>(with_finally(give<T>(), give<void>()), right);
    co_await expect_seven<T>(in_fiber(made<T>), right);
    co_await expect_seven<T>(to_thread(made<T>), right);
    co_await expect_seven<T>(retry(RetryOptions(), give<T>), right);
    auto handle = create_task(give<T>());
    co_await handle.join_only();
    const bool taken = handle.successful();
    auto outcome = co_await as_result(give<T>());
    {
        TaskGroup group;
        group.create_task(give<T>());
        co_await group.join();
    }
    co_return right + static_cast<int>(taken) + static_cast<int>(outcome.has_value());
}

/// Those that keep several results, which a reference cannot be.
template <class T>
Task<int> use_several() {
    int right = 0;
    const auto both = co_await gather(give<T>(), give<int>());
    right += std::get<1>(both) == 7;
    const auto outcomes = co_await gather_results(give<T>(), give<int>());
    right += std::get<0>(outcomes).has_value();
    const auto first = co_await race(give<T>(), give<T>());
    right += first.index == 0;
    const auto any = co_await any_of(give<T>(), give<T>());
    right += any.index == 0;
    const auto soon = co_await move_on_after(1s, give<T>());
    right += static_cast<bool>(soon);
    std::vector<TaskHandle<T>> handles;
    handles.push_back(create_task(give<T>()));
    const auto waited = co_await wait(std::move(handles));
    right += waited.done.size() == 1;
    co_return right;
}

template <class T>
Task<int> use_carriers() {
    int right = 0;
    Queue<T> queue;
    co_await queue.put(made<T>());
    const T queued = co_await queue.get();
    right += number_in(queued) == 7;
    Channel<T> channel(1);
    auto& sender = channel.sender;
    auto& receiver = channel.receiver;
    co_await sender.send(made<T>());
    const auto received = co_await receiver.receive();
    right += received.has_value() && number_in(*received) == 7;
    Future<T> future;
    future.set_result(made<T>());
    const auto& kept = co_await future;
    right += number_in(kept) == 7;
    co_return right;
}

/// From plain code.
template <class T>
void expect_seven_from_outside() {
    if constexpr (std::is_void_v<T>) {
        run(give<T>());
        give<T>().get();
        give<T>().start().get();
        to_future(give<T>()).get();
    } else {
        EXPECT_EQ(number_in(run(give<T>())), 7);
        EXPECT_EQ(number_in(give<T>().get()), 7);
        EXPECT_EQ(number_in(give<T>().get(1s)), 7);
        EXPECT_EQ(number_in(give<T>().start().get()), 7);
        EXPECT_EQ(number_in(to_future(give<T>()).get()), 7);
    }
}

TEST(SemZ72, results_of_every_kind_go_through_every_template) {
    EXPECT_EQ(run(use_in_coroutine<int>()), 9);
    EXPECT_EQ(run(use_in_coroutine<std::unique_ptr<int>>()), 9);
    EXPECT_EQ(run(use_in_coroutine<MayThrow>()), 9);
    EXPECT_EQ(run(use_in_coroutine<void>()), 9);
    EXPECT_EQ(run(use_several<int>()), 6);
    EXPECT_EQ(run(use_several<std::unique_ptr<int>>()), 6);
    EXPECT_EQ(run(use_several<MayThrow>()), 6);
    EXPECT_EQ(run(use_several<void>()), 6);
}

TEST(SemZ72, what_carries_values_carries_every_kind) {
    EXPECT_EQ(run(use_carriers<int>()), 3);
    EXPECT_EQ(run(use_carriers<std::unique_ptr<int>>()), 3);
    EXPECT_EQ(run(use_carriers<MayThrow>()), 3);
}

TEST(SemZ72, plain_code_gets_results_of_every_kind) {
    expect_seven_from_outside<int>();
    expect_seven_from_outside<std::unique_ptr<int>>();
    expect_seven_from_outside<MayThrow>();
    expect_seven_from_outside<void>();
    expect_seven_from_outside<int&>();
}

Task<int> use_reference() {
    int right = 0;
    int& awaited = co_await give<int&>();
    right += &awaited == &shared_number;
    int& limited = co_await timeout(1s, give<int&>());
    right += &limited == &shared_number;
    int& shielded = co_await shield(give<int&>());
    right += &shielded == &shared_number;
    int& from_fiber = co_await in_fiber(made<int&>);
    right += &from_fiber == &shared_number;
    auto handle = create_task(give<int&>());
    int& joined = co_await std::move(handle);
    right += &joined == &shared_number;
    co_return right;
}

TEST(SemZ72, a_reference_stays_the_same_object) { EXPECT_EQ(run(use_reference()), 5); }

}  // namespace
}  // namespace tandem
