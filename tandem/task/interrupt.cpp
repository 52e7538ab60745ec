#include <tandem/task/interrupt.hpp>

#include <tandem/task/scope_node.hpp>

namespace tandem::inline v1 {
namespace {

constinit thread_local bool open_here = false;

// What belongs to no task is the library's own, with a limit of its own.
bool is_of_a_task(const ScopeNode& scope) {
    const bool plain = scope.kind() == ScopeNode::Kind::plain || scope.kind() == ScopeNode::Kind::group;
    return plain && static_cast<const PlainScope&>(scope).entered();
}

}  // namespace

void open_shields(ScopeNode& root) {
    open_here = true;
    // Depth first along parent links: a thousand nested scopes need no stack.
    ScopeNode* node = root.first_child();
    while (node) {
        if (node->shielded() && is_of_a_task(*node)) node->set_shielded(false);
        if (node->first_child()) {
            node = node->first_child();
            continue;
        }
        while (node != &root && !node->next_sibling()) node = node->parent();
        if (node == &root) break;
        node = node->next_sibling();
    }
}

void shut_shields() noexcept { open_here = false; }

bool shields_are_open() noexcept { return open_here; }

}  // namespace tandem::inline v1
