#include <tandem/task/task_node.hpp>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace tandem::inline v1 {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool pooled = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool pooled = false;
#else
constexpr bool pooled = true;
#endif
#else
constexpr bool pooled = true;
#endif

constexpr std::size_t nodes_per_slab = 512;
constexpr std::uint64_t ids_at_a_time = 64;
constinit std::atomic<std::uint64_t> next_ids{1};

static_assert(sizeof(TaskNode) <= 112, "a running task has outgrown its 112 bytes");

/// Every task below `root`, in order of creation. Constant native stack.
template <class F>
void each_task(const ScopeNode& root, F fn) {
    ScopeNode* node = root.first_child();
    while (node) {
        if (node->kind() == ScopeNode::Kind::task) fn(static_cast<TaskNode&>(*node));
        if (node->first_child()) {
            node = node->first_child();
            continue;
        }
        while (node != &root && !node->next_sibling()) node = node->parent();
        if (node == &root) break;
        node = node->next_sibling();
    }
}

// Domains whose tasks outlived their loop: leaked on purpose, and still reachable for leak checkers.
void keep_leaked(TaskDomain& domain) {
    static auto& mutex = *new std::mutex;
    static auto& domains = *new std::vector<TaskDomain*>;
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

    void cancel_all() noexcept override {
        EventLoop& loop = *domain.loop_;
        for (ScopeNode* child = domain.root_.first_child(); child; child = child->next_sibling()) {
            if (child->kind() != ScopeNode::Kind::task) continue;
            auto& task = static_cast<TaskNode&>(*child);
            if (task.extra_ && task.extra_->housekeeping) continue;
            std::string place = "not started";
            if (task.resumes() > 0 && task.frame()) {
                const auto& at = task.frame()->at();
                place = std::string("waiting at ") + at.file_name() + ":" + std::to_string(at.line());
            }
            loop.call_exception_handler({"task was still pending when its loop closed, " + place, nullptr,
                                         task.name(), task.spawned_at(), Severity::warning});
        }
        domain.root_.request_cancel(nullptr);
    }
    std::size_t live() const noexcept override { return domain.live_; }
    void abandon() noexcept override {
        // Whoever waits in another thread is told; the frames stay where they are.
        each_task(domain.root_, [](TaskNode& task) { task.abandon(); });
        keep_leaked(domain);
        domain.loop_->call_exception_handler(
            {std::to_string(domain.live_) + " tasks did not end in time when their loop closed; their frames "
                                            "are leaked on purpose",
             nullptr,
             {},
             {},
             Severity::error});
    }

    TaskDomain& domain;
};

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
    while (slabs_) std::free(std::exchange(slabs_, slabs_->next));
}

void TaskDomain::loop_gone() noexcept {
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

void* TaskDomain::take_block() {
    if constexpr (!pooled) {
        void* block = ::operator new(sizeof(TaskNode));
        ++blocks_;
        return block;
    }
    if (!free_) {
        // The slab's own link lies in front of its nodes.
        constexpr std::size_t head = 16;
        auto* slab = static_cast<char*>(std::malloc(head + nodes_per_slab * sizeof(TaskNode)));
        if (!slab) throw std::bad_alloc();
        auto* link = reinterpret_cast<Block*>(slab);
        link->next = std::exchange(slabs_, link);
        for (std::size_t i = nodes_per_slab; i-- > 0;) {
            auto* block = reinterpret_cast<Block*>(slab + head + i * sizeof(TaskNode));
            block->next = std::exchange(free_, block);
        }
    }
    ++blocks_;
    return std::exchange(free_, free_->next);
}

void TaskDomain::give_block(void* memory) noexcept {
    --blocks_;
    if constexpr (pooled) {
        auto* block = static_cast<Block*>(memory);
        block->next = std::exchange(free_, block);
    } else {
        ::operator delete(memory);
    }
    if (!loop_ && blocks_ == 0) delete this;
}

}  // namespace tandem::inline v1
