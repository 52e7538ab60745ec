#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/base/frame_memory.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace tandem::inline v1 {

template <class T, class Sent = void, class Ret = void>
class Generator;

/// What a generator's frame carries whatever its types are. While generators delegate, the frames form a
/// chain from the innermost outwards, and the outermost one knows the innermost: an element costs the same at
/// any depth.
class GeneratorFrame {
public:
    GeneratorFrame(const GeneratorFrame&) = delete;
    GeneratorFrame& operator=(const GeneratorFrame&) = delete;

    bool done() const noexcept { return done_; }
    bool started() const noexcept { return started_; }
    bool closing() const noexcept { return closing_; }
    const std::exception_ptr& error() const noexcept { return error_; }

    /// For the outermost frame: resumes the innermost one, and whoever that hands over to, until an element
    /// is there or all have ended. Flat native stack. Throws what left the outermost body.
    void advance();
    /// The same, throwing `error` at the innermost yield.
    void advance_throwing(std::exception_ptr error);
    /// Throws `Cancelled` at the innermost yield, and again in every generator around it.
    void close();
    /// Destroys the whole chain, innermost first, without recursion.
    static void destroy(GeneratorFrame& outermost) noexcept;

    static void* operator new(std::size_t bytes) { return frame_memory::allocate(bytes); }
    static void operator delete(void* block, std::size_t bytes) noexcept {
        frame_memory::release(block, bytes);
    }

    std::suspend_always initial_suspend() const noexcept { return {}; }
    struct Final {
        bool await_ready() const noexcept { return false; }
        template <class P>
        void await_suspend(std::coroutine_handle<P> handle) const noexcept {
            static_cast<GeneratorFrame&>(handle.promise()).finish();
        }
        void await_resume() const noexcept {}
    };
    Final final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { error_ = std::current_exception(); }

    // For the awaiters of `co_yield`, in the frame that runs.
    GeneratorFrame& outermost() const noexcept { return *outermost_; }
    void hand_out() noexcept { outermost_->next_ = nullptr; }
    void delegate_to(GeneratorFrame& inner, GeneratorFrame*& owner) noexcept;
    void throw_if_asked();
    void throw_if_closing();

protected:
    explicit GeneratorFrame(std::coroutine_handle<> handle) noexcept : handle_(handle) {}
    ~GeneratorFrame() = default;

private:
    void finish() noexcept;
    void run();

    std::coroutine_handle<> handle_;
    GeneratorFrame* innermost_ = this;     // where to go on; right in the outermost frame alone
    GeneratorFrame* parent_ = nullptr;     // who delegates to this one
    GeneratorFrame* outermost_ = nullptr;  // set in the frame that runs
    GeneratorFrame* next_ = nullptr;       // in the outermost: who runs next in this advance
    GeneratorFrame** owner_ = nullptr;     // the delegating frame's pointer to this one
    std::exception_ptr error_;             // what left the body
    std::exception_ptr thrown_;            // in the outermost: to be thrown at the yield
    bool started_ = false;
    bool running_ = false;
    bool closing_ = false;
    bool done_ = false;
};

/// What passes between a chain of generators and whoever iterates it.
template <class T, class Sent>
class GeneratorPort : public GeneratorFrame {
public:
    using Element = std::remove_reference_t<T>;
    using Kept = std::conditional_t<std::is_void_v<Sent>, std::monostate, Sent>;

    using GeneratorFrame::GeneratorFrame;
    GeneratorPort& port() const noexcept { return static_cast<GeneratorPort&>(outermost()); }
    Sent take_sent() {
        if constexpr (!std::is_void_v<Sent>) return std::move(sent);
    }

    Element* current = nullptr;
    [[no_unique_address]] Kept sent{};
};

template <class Ret>
class GeneratorResult {
public:
    template <class U>
        requires std::convertible_to<U&&, Ret>
    void return_value(U&& value) {
        result_.emplace(std::forward<U>(value));
    }
    bool has_result() const { return result_.has_value(); }
    Ret& result() { return *result_; }

private:
    std::optional<Ret> result_;
};
template <>
class GeneratorResult<void> {
public:
    void return_void() noexcept { returned_ = true; }
    bool has_result() const { return returned_; }
    void result() const {}

private:
    bool returned_ = false;
};

template <class T, class Sent, class Ret>
class ElementsOf {
public:
    explicit ElementsOf(Generator<T, Sent, Ret> generator) : generator_(std::move(generator)) {}
    Generator<T, Sent, Ret> generator_;
};

/// `co_yield elements_of(inner())`: Python's `yield from`. Elements, sent values and thrown errors pass
/// through as if the outer generator were not there; the expression's value is what `inner` returned.
template <class T, class Sent, class Ret>
ElementsOf<T, Sent, Ret> elements_of(Generator<T, Sent, Ret> inner) {
    return ElementsOf<T, Sent, Ret>(std::move(inner));
}

template <class T, class Sent, class Ret>
class GeneratorPromise final : public GeneratorPort<T, Sent>, public GeneratorResult<Ret> {
    using Port = GeneratorPort<T, Sent>;
    using Element = typename Port::Element;

public:
    GeneratorPromise() noexcept : Port(std::coroutine_handle<GeneratorPromise>::from_promise(*this)) {}
    Generator<T, Sent, Ret> get_return_object() noexcept { return Generator<T, Sent, Ret>(*this); }

    auto yield_value(Element& element) noexcept
        requires std::is_reference_v<T>
    {
        return Yield(*this, std::addressof(element));
    }
    auto yield_value(Element&& element) noexcept
        requires(!std::is_reference_v<T>)
    {
        return Yield(*this, std::addressof(element));
    }
    auto yield_value(const Element& element)
        requires(!std::is_reference_v<T> && std::copy_constructible<Element>)
    {
        return YieldCopy(*this, element);
    }
    template <class InnerRet>
    auto yield_value(ElementsOf<T, Sent, InnerRet>&& inner) noexcept {
        return Delegation<InnerRet>(*this, std::move(inner.generator_));
    }
    /// A generator's body awaits nothing: for that there is `AsyncGenerator`.
    template <class A>
    void await_transform(A&&) = delete;

private:
    class Yield {
    public:
        Yield(GeneratorPromise& frame, Element* element) noexcept : frame_(&frame), element_(element) {}
        bool await_ready() const noexcept { return false; }
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) noexcept {
            frame_->port().current = element_;
            frame_->hand_out();
        }
        Sent await_resume() {
            frame_->throw_if_asked();
            return frame_->port().take_sent();
        }

    private:
        GeneratorPromise* frame_;
        Element* element_;
    };
    class YieldCopy {
    public:
        YieldCopy(GeneratorPromise& frame, const Element& element) : frame_(&frame), element_(element) {}
        bool await_ready() const noexcept { return false; }
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) noexcept {
            frame_->port().current = std::addressof(element_);
            frame_->hand_out();
        }
        Sent await_resume() {
            frame_->throw_if_asked();
            return frame_->port().take_sent();
        }

    private:
        GeneratorPromise* frame_;
        Element element_;
    };
    template <class InnerRet>
    class Delegation {
    public:
        Delegation(GeneratorPromise& frame, Generator<T, Sent, InnerRet>&& inner) noexcept
            : frame_(&frame), inner_(std::move(inner)) {}
        bool await_ready() const noexcept { return inner_.done(); }
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) noexcept {
            frame_->delegate_to(*inner_.frame_, inner_.frame_);
        }
        InnerRet await_resume() {
            if (inner_.frame_ && inner_.frame_->error()) std::rethrow_exception(inner_.frame_->error());
            frame_->throw_if_closing();
            return inner_.take_result();
        }

    private:
        GeneratorPromise* frame_;
        Generator<T, Sent, InnerRet> inner_;
    };
};

[[noreturn]] void throw_generator_not_started();
[[noreturn]] void throw_generator_not_returned();

/// A sequence that is computed while it is read: the body runs from one `co_yield` to the next.
///
///     Generator<int> count(int from) {
///         for (;;) co_yield from++;
///     }
///     for (int i : count(1) | std::views::take(5)) std::printf("%d\n", i);
///
/// Lazy: nothing of the body runs before the first element is asked for. A single pass; an endless one may be
/// dropped half-way, which destroys the body's locals, those of the generators it delegates to first. `Sent`
/// is what `co_yield` gives back to the body, sent by `send()` (`next()` sends a `Sent()`), `Ret` what it
/// returns.
///
/// Errors      what the body throws, at the call that ran it; it ends the generator. `InvalidStateError` for
/// a
///             call from its own body, and for `send()` before the first `next()`.
/// Cancelling  `close()` throws `Cancelled` at the yield, so that the body may clean up.
/// Threads     one at a time.
/// Lifetime    an element lives until the next one is asked for.
template <class T, class Sent, class Ret>
class [[nodiscard("it computes nothing until it is read")]] Generator {
public:
    using promise_type = GeneratorPromise<T, Sent, Ret>;
    using value_type = std::remove_cvref_t<T>;
    using reference = std::remove_reference_t<T>&;
    /// An element, moved out of the body; a pointer to it where elements are references. Empty at the end.
    using Next = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, std::optional<T>>;

    Generator(Generator&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Generator& operator=(Generator&& other) noexcept {
        if (this != &other) {
            reset();
            frame_ = std::exchange(other.frame_, nullptr);
        }
        return *this;
    }
    ~Generator() { reset(); }

    /// The next element, or nothing at the end.
    Next next() {
        if (done()) return Next();
        if constexpr (!std::is_void_v<Sent>) promise().sent = Sent();
        frame_->advance();
        return take();
    }
    /// `value` becomes the value of the `co_yield` the body stands at. Gives the next element, or nothing.
    template <class U>
    Next send(U&& value)
        requires(!std::is_void_v<Sent> && std::convertible_to<U &&, Sent>)
    {
        if (done()) return Next();
        if (!frame_->started()) throw_generator_not_started();
        promise().sent = std::forward<U>(value);
        frame_->advance();
        return take();
    }
    /// Throws `error` at the `co_yield` the body stands at. Gives the next element, or nothing; throws what
    /// leaves the body, and `error` itself if there is no body to throw it into, not yet or no more.
    Next throw_in(std::exception_ptr error) {
        if (done()) std::rethrow_exception(error);
        frame_->advance_throwing(std::move(error));
        return take();
    }
    template <class E>
        requires(!std::is_same_v<E, std::exception_ptr>)
    Next throw_in(E error) {
        return throw_in(std::make_exception_ptr(std::move(error)));
    }
    /// Ends it where it stands: `Cancelled` is thrown at the yield. Harmless the second time. Errors: what
    /// the body throws instead; `InvalidStateError` if it yields once more.
    void close() {
        if (!done() && frame_->started()) {
            try {
                frame_->close();
            } catch (...) {
                reset();
                throw;
            }
        }
        reset();
    }

    bool done() const noexcept { return !frame_ || frame_->done(); }
    /// What the body returned. Errors: `InvalidStateError` if it has not.
    decltype(auto) result() {
        if (!frame_ || !promise().has_result()) throw_generator_not_returned();
        return promise().result();
    }
    Ret take_result() {
        if constexpr (std::is_void_v<Ret>)
            return;
        else
            return std::move(result());
    }

    class iterator {
    public:
        using value_type = Generator::value_type;
        using difference_type = std::ptrdiff_t;

        iterator(iterator&&) noexcept = default;
        iterator& operator=(iterator&&) noexcept = default;
        reference operator*() const { return *generator_->promise().current; }
        iterator& operator++() {
            generator_->step();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& it, std::default_sentinel_t) { return it.generator_->done(); }

    private:
        friend class Generator;
        explicit iterator(Generator& generator) noexcept : generator_(&generator) {}
        Generator* generator_;
    };
    /// Asks for the first element, or the next one of a generator that was read in part.
    iterator begin() {
        step();
        return iterator(*this);
    }
    std::default_sentinel_t end() const noexcept { return {}; }

private:
    friend promise_type;
    template <class, class, class>
    friend class GeneratorPromise;
    explicit Generator(promise_type& promise) noexcept : frame_(&promise) {}

    promise_type& promise() const noexcept { return static_cast<promise_type&>(*frame_); }
    void step() {
        if (done()) return;
        if constexpr (!std::is_void_v<Sent>) promise().sent = Sent();
        frame_->advance();
    }
    Next take() {
        if (frame_->done()) return Next();
        if constexpr (std::is_reference_v<T>)
            return promise().current;
        else
            return Next(std::move(*promise().current));
    }
    void reset() noexcept {
        if (frame_) GeneratorFrame::destroy(*std::exchange(frame_, nullptr));
    }

    GeneratorFrame* frame_;
};

}  // namespace tandem::inline v1
