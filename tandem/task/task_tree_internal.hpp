#pragma once

#include <tandem/task/task_node.hpp>

#include <vector>

namespace tandem::inline v1 {

/// Every task below `top`, in order of creation. Constant native stack.
template <class F>
void each_task(const ScopeNode& top, F fn) {
    ScopeNode* node = top.first_child();
    while (node) {
        if (node->kind() == ScopeNode::Kind::task) fn(static_cast<TaskNode&>(*node));
        if (node->first_child()) {
            node = node->first_child();
            continue;
        }
        while (node != &top && !node->next_sibling()) node = node->parent();
        if (node == &top) break;
        node = node->next_sibling();
    }
}

/// The live tasks of a loop but the library's own.
std::vector<TaskNode*> tasks_of_users(EventLoop& loop);

}  // namespace tandem::inline v1
