#pragma once

#include <tandem/backend/operation.hpp>

#include <utility>

namespace tandem::inline v1 {

/// A FIFO of operations, linked through their own fields: joining and leaving allocates nothing. One pointer
/// in size, because two of them lie in every entry of a table as long as the highest descriptor.
class OperationList {
public:
    OperationList() = default;
    OperationList(OperationList&& other) noexcept : head_(std::exchange(other.head_, nullptr)) {}
    OperationList& operator=(OperationList&& other) noexcept {
        head_ = std::exchange(other.head_, nullptr);
        return *this;
    }

    bool empty() const noexcept { return head_ == nullptr; }
    Operation* front() const noexcept { return head_; }

    void push_back(Operation& operation) noexcept {
        if (head_ == nullptr) {
            operation.next = operation.previous = &operation;
            head_ = &operation;
            return;
        }
        operation.next = head_;
        operation.previous = head_->previous;
        head_->previous->next = &operation;
        head_->previous = &operation;
    }

    void remove(Operation& operation) noexcept {
        if (operation.next == &operation) {
            head_ = nullptr;
        } else {
            operation.previous->next = operation.next;
            operation.next->previous = operation.previous;
            if (head_ == &operation) head_ = operation.next;
        }
        operation.next = operation.previous = nullptr;
    }

    Operation* pop_front() noexcept {
        Operation* const first = head_;
        if (first != nullptr) remove(*first);
        return first;
    }

    void append(OperationList&& other) noexcept {
        while (Operation* const operation = other.pop_front()) push_back(*operation);
    }

private:
    Operation* head_ = nullptr;  // a circle: head_->previous is the last one
};

}  // namespace tandem::inline v1
