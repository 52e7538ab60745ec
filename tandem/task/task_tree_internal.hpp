#pragma once

#include <tandem/task/task_node.hpp>

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

}  // namespace tandem::inline v1
