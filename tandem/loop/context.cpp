#include <tandem/loop/context.hpp>

#include <tandem/base/errors.hpp>

#include <atomic>

namespace tandem::inline v1 {

constinit thread_local const Context::Node* current_context_root = nullptr;

/// A treap by id, whose priorities are the ids' hashes: the same variables always make the same tree.
class Context::Node {
public:
    using Value = std::shared_ptr<const void>;

    std::shared_ptr<const ContextName> name;
    Value value;
    Context left;  // smaller ids
    Context right;
    std::size_t size;

    Node(std::shared_ptr<const ContextName> n, Value v, Context l, Context r)
        : name(std::move(n)), value(std::move(v)), left(std::move(l)), right(std::move(r)) {
        size = 1 + left.size() + right.size();
    }
    void add_reference() const noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    bool drop_reference() const noexcept { return references_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

private:
    mutable std::atomic<std::size_t> references_ = 1;
};

namespace {

using Node = Context::Node;

std::uint64_t priority(std::uint64_t id) {
    id = (id ^ (id >> 31)) * 0x9e3779b97f4a7c15U;
    return id ^ (id >> 29);
}

// A thread that is no loop's may set variables too; its own go with it.
void empty_at_thread_end() {
    struct AtThreadEnd {
        ~AtThreadEnd() { Context().swap_with_current(); }
    };
    thread_local AtThreadEnd at_thread_end;
    static_cast<void>(at_thread_end);
}

}  // namespace

Context::Context(const Context& other) noexcept : root_(other.root_) {
    if (root_) root_->add_reference();
}

void Context::release() noexcept {
    if (root_->drop_reference()) delete root_;  // as deep as the tree: its logarithm
}

Context Context::current() noexcept {
    if (current_context_root) current_context_root->add_reference();
    return Context(current_context_root);
}

std::size_t Context::size() const noexcept { return root_ ? root_->size : 0; }

std::vector<std::string> Context::names() const {
    if (!root_) return {};
    auto names = root_->left.names();
    names.push_back(root_->name->text);
    for (auto& name : root_->right.names()) names.push_back(std::move(name));
    return names;
}

void Context::swap_with_current() noexcept { std::swap(root_, current_context_root); }

/// The tree's operations: each gives a new tree and leaves the old one alone.
class ContextTree {
public:
    using Names = std::shared_ptr<const ContextName>;

    static const Node* find(const Node* node, std::uint64_t id) {
        while (node && node->name->id != id) node = root(id < node->name->id ? node->left : node->right);
        return node;
    }
    static Context insert(const Context& tree, const Names& name, const Node::Value& value) {
        const Node* node = root(tree);
        if (!node) return make(name, value, {}, {});
        if (node->name->id == name->id) return make(name, value, node->left, node->right);
        if (priority(name->id) > priority(node->name->id)) {
            auto [left, right] = split(tree, name->id);
            return make(name, value, std::move(left), std::move(right));
        }
        if (name->id < node->name->id)
            return make(node->name, node->value, insert(node->left, name, value), node->right);
        return make(node->name, node->value, node->left, insert(node->right, name, value));
    }
    static Context erase(const Context& tree, std::uint64_t id) {
        const Node* node = root(tree);
        if (!node) return {};
        if (node->name->id == id) return merge(node->left, node->right);
        if (id < node->name->id) return make(node->name, node->value, erase(node->left, id), node->right);
        return make(node->name, node->value, node->left, erase(node->right, id));
    }

private:
    static const Node* root(const Context& tree) { return tree.root_; }
    static Context make(Names name, Node::Value value, Context left, Context right) {
        return Context(new Node(std::move(name), std::move(value), std::move(left), std::move(right)));
    }
    /// Precondition: `id` is not in it.
    static std::pair<Context, Context> split(const Context& tree, std::uint64_t id) {
        const Node* node = root(tree);
        if (!node) return {};
        if (id < node->name->id) {
            auto [left, right] = split(node->left, id);
            return {std::move(left), make(node->name, node->value, std::move(right), node->right)};
        }
        auto [left, right] = split(node->right, id);
        return {make(node->name, node->value, node->left, std::move(left)), std::move(right)};
    }
    static Context merge(const Context& left, const Context& right) {
        const Node* l = root(left);
        const Node* r = root(right);
        if (!l) return right;
        if (!r) return left;
        if (priority(l->name->id) > priority(r->name->id))
            return make(l->name, l->value, l->left, merge(l->right, right));
        return make(r->name, r->value, merge(left, r->left), r->right);
    }
};

ContextSlot::ContextSlot(std::string name) {
    static constinit std::atomic<std::uint64_t> ids = 1;
    name_ = std::make_shared<const ContextName>(
        ContextName{ids.fetch_add(1, std::memory_order_relaxed), std::move(name)});
}

namespace {
const std::shared_ptr<const void>& value_of(const Node* node) noexcept {
    static const auto& none = *new std::shared_ptr<const void>;
    return node ? node->value : none;
}
}  // namespace

const ContextSlot::Value& ContextSlot::find() const noexcept {
    return value_of(ContextTree::find(current_context_root, id()));
}

const ContextSlot::Value& ContextSlot::find_in(const Context& context) const noexcept {
    return value_of(ContextTree::find(context.root_, id()));
}

ContextSlot::Value ContextSlot::replace(Value value) const {
    empty_at_thread_end();
    const Context before = Context::current();
    Value old = find();
    if (!value && !old) return old;
    Context changed = value ? ContextTree::insert(before, name_, value) : ContextTree::erase(before, id());
    changed.swap_with_current();
    return old;
}

void ContextSlot::throw_unset() const {
    throw InvalidStateError("the context variable '" + name_->text +
                            "' has no value here and no default: set() it in a task or callback that this "
                            "one comes of, or use get_or()");
}

void ContextSlot::throw_bad_token(std::string_view what) const {
    throw InvalidStateError("reset() of the context variable '" + name_->text + "' with a token that " +
                            std::string(what) + ": a token serves once, the variable that gave it");
}

}  // namespace tandem::inline v1
