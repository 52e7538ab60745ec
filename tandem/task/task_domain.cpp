#include <tandem/task/task_node.hpp>

#include <tandem/base/fork.hpp>
#include <tandem/base/slab_memory.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/task_tree_internal.hpp>
#include <tandem/task/wait.hpp>

#if defined(__SANITIZE_ADDRESS__)
#define TANDEM_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TANDEM_POISON 1
#endif
#endif
#if defined(TANDEM_POISON)
#include <sanitizer/asan_interface.h>
#endif

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace tandem::inline v1 {
namespace {

// A free node's memory is the pool's own; AddressSanitizer is told so, and sees each use after free.
#if defined(TANDEM_POISON)
void poison(void* block) { __asan_poison_memory_region(block, sizeof(TaskNode)); }
void unpoison(void* block) { __asan_unpoison_memory_region(block, sizeof(TaskNode)); }
#else
void poison(void*) {}
void unpoison(void*) {}
#endif

constexpr std::size_t most_slabs_at_once = 32;  // 2 MiB: one huge page
constexpr std::uint64_t ids_at_a_time = 64;
constinit std::atomic<std::uint64_t> next_ids{1};

static_assert(sizeof(TaskNode) <= 96, "a running task has outgrown its 96 bytes");

// Domains whose tasks outlived their loop: leaked on purpose, and still reachable for leak checkers.
void keep_leaked(TaskDomain& domain) {
    static auto& mutex = *new std::mutex;
    static auto& domains = *new std::vector<TaskDomain*>;
    [[maybe_unused]] static const bool kept_free = (free_in_children(mutex), true);
    const std::lock_guard lock(mutex);
    domains.push_back(&domain);
}

}  // namespace

/// What the loop holds: the domain itself may live on for handles.
class TaskDomain::Tenant final : public LoopTenant {
public:
    explicit Tenant(EventLoop& loop) : domain(*new TaskDomain(loop)) {}
    ~Tenant() override { domain.loop_gone(); }
    Tenant(const Tenant&) = delete;
    Tenant& operator=(const Tenant&) = delete;

    std::string describe_if_stuck() const override {
        bool stuck = true;
        bool own_work = false;
        each_task(domain.root_, [&](const TaskNode& task) {
            const Wait* const wait = task.waiting();
            if (wait ? wait->may_end_from_outside() : task.status() != TaskNode::Status::finishing)
                stuck = false;
            if (!task.housekeeping()) own_work = true;
        });
        return stuck && own_work ? dump_tree(*domain.loop_) : std::string();
    }
    void cancel_all() noexcept override {
        EventLoop& loop = *domain.loop_;
        for (ScopeNode* child = domain.root_.first_child(); child; child = child->next_sibling()) {
            if (child->kind() != ScopeNode::Kind::task) continue;
            auto& task = static_cast<TaskNode&>(*child);
            if (task.housekeeping()) continue;
            std::string place = "not started";
            if (task.resumes() > 0 && task.frame()) {
                const auto& at = task.frame()->at();
                place = std::string("waiting at ") + at.file_name() + ":" + std::to_string(at.line());
            }
            loop.call_exception_handler({"task was still pending when its loop closed, " + place, nullptr,
                                         task.name(), task.spawned_at(), Severity::warning});
        }
        domain.overdue_.stop();  // the grace counts the seconds now
        domain.root_.request_cancel(nullptr);
    }
    std::size_t live() const noexcept override { return domain.live(); }
    bool more_to_end() override { return domain.close_generators(); }
    void abandon() noexcept override {
        // Whoever waits in another thread is told; the frames stay where they are.
        each_task(domain.root_, [](TaskNode& task) { task.abandon(); });
        keep_leaked(domain);
        domain.loop_->call_exception_handler(
            {std::to_string(domain.live()) +
                 " tasks did not end in time when their loop closed; their frames "
                 "are leaked on purpose",
             nullptr,
             {},
             {},
             Severity::error});
    }

    TaskDomain& domain;
};

std::vector<TaskNode*> tasks_of_users(EventLoop& loop) {
    std::vector<TaskNode*> found;
    each_task(TaskDomain::of(loop).root(), [&](TaskNode& task) {
        if (!task.housekeeping()) found.push_back(&task);
    });
    return found;
}

TaskDomain& TaskDomain::of(EventLoop& loop) {
    if (!loop.tenant()) {
        if (loop.is_closed())
            throw LoopClosed(LoopClosedReason::closed,
                             "event loop is closed: cannot start a task; make a new loop");
        loop.set_tenant(std::make_unique<Tenant>(loop));
    }
    return static_cast<Tenant*>(loop.tenant())->domain;
}

TaskDomain::~TaskDomain() {
    while (chunks_) slab_memory::release(std::exchange(chunks_, chunks_->next_chunk));
}

void TaskDomain::loop_gone() noexcept {
    overdue_.stop();
    loop_ = nullptr;
    if (blocks_ == 0) delete this;
}

std::uint64_t TaskDomain::next_id() {
    if (id_ == id_end_) {
        id_ = next_ids.fetch_add(ids_at_a_time, std::memory_order_relaxed);
        id_end_ = id_ + ids_at_a_time;
    }
    return id_++;
}

void TaskDomain::open_slab() {
    char* slab = fresh_end_;
    if (slab == chunk_end_) {
        // As many again as there are, so that few tasks cost little and a million do not fault on every page.
        const std::size_t count = std::clamp<std::size_t>(slabs_, 1, most_slabs_at_once);
        slab = static_cast<char*>(slab_memory::allocate(count * slab_bytes, slab_bytes));
        chunk_end_ = slab + count * slab_bytes;
        slabs_ += count;
        chunks_ = ::new (static_cast<void*>(slab)) Slab{this, chunks_};
    } else {
        ::new (static_cast<void*>(slab)) Slab{this, nullptr};
    }
    fresh_ = slab + sizeof(TaskNode);  // the Slab takes the first place
    fresh_end_ = slab + slab_bytes;
}

void* TaskDomain::take_block() {
    void* block = free_;
    if (block) {
        unpoison(block);
        free_ = free_->next;
    } else {
        if (static_cast<std::size_t>(fresh_end_ - fresh_) < sizeof(TaskNode)) open_slab();
        block = std::exchange(fresh_, fresh_ + sizeof(TaskNode));
    }
    ++blocks_;
    return block;
}

void TaskDomain::give_block(void* memory) noexcept {
    --blocks_;
    free_ = ::new (memory) Block{free_};
    poison(memory);
    if (!loop_ && blocks_ == 0) delete this;
}

}  // namespace tandem::inline v1
