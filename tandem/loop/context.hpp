#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

/// What a `ContextVar` is called, and its identity.
struct ContextName {
    std::uint64_t id;
    std::string text;
};

/// The values of task-local variables: a task copies its creator's, a callback the one it was registered in.
/// An immutable tree inside, so that a copy is one pointer whatever it holds; a change costs the depth.
///
///     Context mine = Context::current();
///     mine.run([] { request_id.set("7"); });     // seen in `mine`, not here
///
/// Errors      `std::bad_alloc` on a change.
/// Threads     a value: copies may go to other threads, and share nothing that changes.
class Context {
public:
    class Node;

    constexpr Context() noexcept = default;
    Context(const Context& other) noexcept;
    Context(Context&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
    Context& operator=(Context other) noexcept {
        std::swap(root_, other.root_);
        return *this;
    }
    ~Context() {
        if (root_) release();
    }

    /// A copy of what the code that asks runs in.
    static Context current() noexcept;
    /// Nothing is set where the code that asks runs. Costs one load.
    static bool current_is_empty() noexcept;

    Context copy() const noexcept { return *this; }
    bool empty() const noexcept { return root_ == nullptr; }
    std::size_t size() const noexcept;
    /// The variables that have a value here.
    std::vector<std::string> names() const;

    /// Calls `fn(args...)` in this context: what it sets stays in here.
    template <class F, class... Args>
    decltype(auto) run(F&& fn, Args&&... args);

    /// For the library: makes this the thread's context, and this object hold what was. Twice is never.
    void swap_with_current() noexcept;

private:
    friend class ContextSlot;
    friend class ContextTree;
    explicit Context(const Node* root) noexcept : root_(root) {}
    void release() noexcept;

    const Node* root_ = nullptr;  // owned
};

/// Whether what a call changes in its context comes back to its caller: `f().get({.context =
/// ContextFlow::back})`.
enum class ContextFlow : std::uint8_t { down, back };

/// Runs a scope's code in `context`, and puts back what was.
class InContext {
public:
    explicit InContext(Context& context) noexcept : context_(context) {
        swaps_ = !context.empty() || !Context::current_is_empty();
        if (swaps_) context_.swap_with_current();
    }
    InContext(const InContext&) = delete;
    InContext& operator=(const InContext&) = delete;
    ~InContext() {
        // What the code set goes back into `context_`.
        if (swaps_ || !Context::current_is_empty()) context_.swap_with_current();
    }

private:
    Context& context_;
    bool swaps_;
};

/// A `ContextVar` without its type.
class ContextSlot {
public:
    explicit ContextSlot(std::string name);
    std::string_view name() const { return name_->text; }
    std::uint64_t id() const { return name_->id; }

protected:
    using Value = std::shared_ptr<const void>;
    /// Null if it is not set.
    const Value& find() const noexcept;
    const Value& find_in(const Context& context) const noexcept;
    /// Null unsets it. Gives what was.
    Value replace(Value value) const;
    [[noreturn]] void throw_unset() const;
    [[noreturn]] void throw_bad_token(std::string_view what) const;

private:
    std::shared_ptr<const ContextName> name_;
};

/// A variable whose value belongs to the running task: what it awaits sees it, what it starts gets a copy of
/// it, nobody else does. asyncio's `contextvars.ContextVar`.
///
///     ContextVar<std::string> request_id("request id", "none");
///     auto token = request_id.set("7");
///     log(request_id.get());                     // "7", in every coroutine and callback that comes of this
///     one request_id.reset(token);
///
/// Errors      `get()` of an unset one without a default, and `reset()` with a used or foreign token:
///             `InvalidStateError`.
/// Threads     any: each thread, task and callback sees its own value.
/// Lifetime    the variable itself may die before the contexts that hold its values.
template <class T>
class ContextVar : public ContextSlot {
public:
    explicit ContextVar(std::string name) : ContextSlot(std::move(name)) {}
    ContextVar(std::string name, T default_value)
        : ContextSlot(std::move(name)), default_(std::move(default_value)) {}
    ContextVar(const ContextVar&) = delete;
    ContextVar& operator=(const ContextVar&) = delete;

    /// What `set` replaced, to be given back once.
    class Token {
    public:
        Token(Token&& other) noexcept : id_(std::exchange(other.id_, 0)), before_(std::move(other.before_)) {}
        Token& operator=(Token&&) = delete;

    private:
        friend class ContextVar;
        Token(std::uint64_t id, Value before) : id_(id), before_(std::move(before)) {}
        std::uint64_t id_;  // 0 once used
        Value before_;
    };

    /// By value: what is held in a context may be replaced at any time.
    T get() const {
        if (const Value& found = find()) return *static_cast<const T*>(found.get());
        if (!default_) throw_unset();
        return *default_;
    }
    T get_or(T otherwise) const {
        if (const Value& found = find()) return *static_cast<const T*>(found.get());
        return otherwise;
    }
    bool is_set() const { return find() != nullptr; }
    /// Its value in another context.
    std::optional<T> in(const Context& context) const {
        if (const Value& found = find_in(context)) return *static_cast<const T*>(found.get());
        return std::nullopt;
    }
    Token set(T value) { return Token(id(), replace(std::make_shared<const T>(std::move(value)))); }
    void reset(Token& token) {
        if (token.id_ == 0) throw_bad_token("was used already");
        if (token.id_ != id()) throw_bad_token("belongs to another variable");
        token.id_ = 0;
        replace(std::move(token.before_));
    }

private:
    std::optional<T> default_;
};

// Implementation

template <class F, class... Args>
decltype(auto) Context::run(F&& fn, Args&&... args) {
    const InContext inside(*this);
    return std::invoke(std::forward<F>(fn), std::forward<Args>(args)...);
}

extern constinit thread_local const Context::Node* current_context_root;

inline bool Context::current_is_empty() noexcept { return current_context_root == nullptr; }

}  // namespace tandem::inline v1
