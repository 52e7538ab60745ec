#include <tandem/task/task_handle.hpp>
#include <tandem/task/task_node.hpp>

#include <string>

namespace tandem::inline v1 {
namespace {

std::string place(const SourceLocation& at) {
    return std::string(at.file_name()) + ":" + std::to_string(at.line());
}

}  // namespace

EntryInfo TaskNode::entry_info() const {
    EntryInfo info{
        .kind = EntryKind::task, .id = id(), .name = name(), .made_at = spawned_at_, .at = {}, .text = {}};
    std::string function;
    if (const PromiseBase* const stands = frame()) {
        info.at = stands->at();
        function = std::string(" ") + stands->born().function_name();
        if (status_ != Status::waiting) function += " at " + place(info.at);
    }
    info.text = "<Task " + describe_state(*this) + function + ", spawned at " + place(spawned_at_) + ">";
    return info;
}

}  // namespace tandem::inline v1
