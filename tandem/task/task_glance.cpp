#include <tandem/task/task_glance.hpp>

#include <tandem/task/task_node.hpp>

#include <algorithm>
#include <string>

namespace tandem::inline v1 {
namespace {

/// The bytes of a T that lives elsewhere, to be looked at and never to be destroyed.
template <class T>
class Copy {
public:
    bool take(const void* from, CarefulRead read) noexcept {
        return from && read(from, static_cast<void*>(bytes_), sizeof bytes_);
    }
    const T& operator*() const noexcept { return *reinterpret_cast<const T*>(bytes_); }
    const T* operator->() const noexcept { return &**this; }

private:
    alignas(T) std::byte bytes_[sizeof(T)];
};

// `name` is a copy's; what its pointer names is the original, also if that is short and lies in itself.
void copy_name(const std::string& name, CarefulRead read, TaskGlance& seen) noexcept {
    const auto length = std::min(name.size(), seen.name.size() - 1);
    if (length > 0 && !read(name.data(), seen.name.data(), length)) seen.name[0] = '\0';
    seen.name[length] = '\0';
}

}  // namespace

struct TaskNode::Glance {
    static void look(const TaskNode& task, CarefulRead read, TaskGlance& seen) noexcept {
        Copy<Extra> extra;
        if (extra.take(task.extra_.get(), read)) copy_name(extra->name, read, seen);
    }
};

void glance_at_task(const void* place, CarefulRead read, TaskGlance& seen) noexcept {
    seen.id = 0;
    seen.name[0] = '\0';
    seen.frame_count = 0;
    const TaskNode* node = nullptr;
    Copy<TaskNode> task;
    if (!place || !read(place, &node, sizeof node) || !task.take(node, read)) return;
    seen.id = task->id();
    TaskNode::Glance::look(*task, read, seen);
    const PromiseBase* frame = task->frame();
    for (Copy<PromiseBase> copy; seen.frame_count < seen.frames.size() && copy.take(frame, read);
         frame = copy->awaiter())
        seen.frames[seen.frame_count++] = {copy->born(), copy->at()};
}

}  // namespace tandem::inline v1
