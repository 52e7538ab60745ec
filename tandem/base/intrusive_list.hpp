#pragma once

namespace tandem::inline v1 {

/// The links of an `IntrusiveList` member. Unlinks nothing by itself: who is on a list leaves it before it
/// dies.
template <class T>
struct ListLink {
    T* next = nullptr;
    T* previous = nullptr;
    bool linked = false;
};

/// A doubly linked list through a member of its elements: no allocation, O(1) removal from the middle.
template <class T, ListLink<T> T::* link>
class IntrusiveList {
public:
    bool empty() const { return first_ == nullptr; }
    T* front() const { return first_; }
    T* next_of(const T& item) const { return (item.*link).next; }

    void push_back(T& item) {
        auto& l = item.*link;
        l.next = nullptr;
        l.previous = last_;
        l.linked = true;
        (last_ ? (last_->*link).next : first_) = &item;
        last_ = &item;
    }
    void push_front(T& item) {
        auto& l = item.*link;
        l.previous = nullptr;
        l.next = first_;
        l.linked = true;
        (first_ ? (first_->*link).previous : last_) = &item;
        first_ = &item;
    }
    /// Does nothing for an item that is on no list.
    void remove(T& item) {
        auto& l = item.*link;
        if (!l.linked) return;
        (l.previous ? (l.previous->*link).next : first_) = l.next;
        (l.next ? (l.next->*link).previous : last_) = l.previous;
        l = {};
    }
    T* pop_front() {
        T* item = first_;
        if (item) remove(*item);
        return item;
    }

private:
    T* first_ = nullptr;
    T* last_ = nullptr;
};

}  // namespace tandem::inline v1
