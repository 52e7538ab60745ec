#include <tandem/task/generator.hpp>

#include <tandem/task/scope_node.hpp>

namespace tandem::inline v1 {
namespace {

[[noreturn]] void raise_closed() {
    static const auto& reason =
        *new SharedReason(make_reason("the generator was closed", SourceLocation(), 0));
    CancelledAccess::raise(reason);
}

}  // namespace

void throw_generator_not_started() {
    throw InvalidStateError(
        "send() to a generator that has not started: no co_yield waits for the value; call next() first");
}

void throw_generator_not_returned() {
    throw InvalidStateError(
        "this generator has returned nothing: read it to its end before asking for its result");
}

void GeneratorFrame::run() {
    if (running_)
        throw InvalidStateError("this generator is running already: its own body asked it for an element");
    running_ = started_ = true;
    GeneratorFrame* frame = innermost_;
    do {
        innermost_ = frame;
        frame->outermost_ = this;
        frame->started_ = true;
        frame->handle_.resume();
        frame = next_;
    } while (frame);
    running_ = false;
}

void GeneratorFrame::advance() {
    run();
    if (done_ && error_) std::rethrow_exception(error_);
}

void GeneratorFrame::advance_throwing(std::exception_ptr error) {
    if (!started_) {
        // There is no yield yet: it ends before it has begun.
        done_ = true;
        error_ = error;
        std::rethrow_exception(error);
    }
    thrown_ = std::move(error);
    advance();
}

void GeneratorFrame::close() {
    closing_ = true;
    run();
    closing_ = false;
    if (!done_)
        throw InvalidStateError(
            "a generator yielded once more while it was being closed: let the Cancelled out of its body");
    if (!error_) return;
    try {
        std::rethrow_exception(error_);
    } catch (const Cancelled&) {
        return;
    }
}

void GeneratorFrame::throw_if_asked() {
    if (outermost_->thrown_) std::rethrow_exception(std::exchange(outermost_->thrown_, nullptr));
    throw_if_closing();
}

void GeneratorFrame::throw_if_closing() {
    if (outermost_->closing_) raise_closed();
}

void GeneratorFrame::delegate_to(GeneratorFrame& inner, GeneratorFrame*& owner) noexcept {
    inner.parent_ = this;
    inner.owner_ = &owner;
    // From here on the outermost one alone knows who is innermost.
    outermost_->next_ = std::exchange(inner.innermost_, &inner);
}

void GeneratorFrame::finish() noexcept {
    done_ = true;
    outermost_->next_ = parent_;
}

void GeneratorFrame::destroy(GeneratorFrame& outermost) noexcept {
    GeneratorFrame* frame = outermost.innermost_;
    for (;;) {
        const bool last = frame == &outermost;
        GeneratorFrame* const parent = frame->parent_;
        // The delegating frame, which is next, finds nothing left to destroy: no recursion however deep.
        if (frame->owner_) *frame->owner_ = nullptr;
        frame->handle_.destroy();
        if (last) return;
        frame = parent;
    }
}

}  // namespace tandem::inline v1
