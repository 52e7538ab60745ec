#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <utility>
#include <vector>

// Where a queue keeps its items. A store has `push`, `pop`, `put_back` for an item that was popped last but
// is to come out first again, `size`, and `clear`.

namespace tandem::inline v1 {

/// First in, first out: a ring that grows to what was needed at most.
template <class T>
class Ring {
public:
    Ring() = default;
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring() {
        clear();
        if (items_) std::allocator<T>().deallocate(items_, capacity_);
    }

    std::size_t size() const noexcept { return size_; }
    void push(T&& item) {
        if (size_ == capacity_) [[unlikely]]
            grow();
        std::construct_at(items_ + ((first_ + size_) & (capacity_ - 1)), std::move(item));
        ++size_;
    }
    void put_back(T&& item) {
        if (size_ == capacity_) [[unlikely]]
            grow();
        first_ = (first_ + capacity_ - 1) & (capacity_ - 1);
        std::construct_at(items_ + first_, std::move(item));
        ++size_;
    }
    /// Precondition: not empty.
    T pop() {
        T item = std::move(items_[first_]);
        drop_first();
        return item;
    }
    void clear() noexcept {
        while (size_ > 0) drop_first();
    }

private:
    void drop_first() noexcept {
        std::destroy_at(items_ + first_);
        first_ = (first_ + 1) & (capacity_ - 1);
        --size_;
    }
    void grow() {
        const std::size_t wanted = capacity_ == 0 ? 4 : 2 * capacity_;
        T* const larger = std::allocator<T>().allocate(wanted);
        const std::size_t count = size_;
        for (std::size_t i = 0; i < count; ++i) std::construct_at(larger + i, pop());
        if (items_) std::allocator<T>().deallocate(items_, capacity_);
        items_ = larger;
        capacity_ = wanted;
        first_ = 0;
        size_ = count;
    }

    T* items_ = nullptr;
    std::size_t capacity_ = 0;  // a power of two
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

/// Last in, first out.
template <class T>
class Stack {
public:
    std::size_t size() const noexcept { return items_.size(); }
    void push(T&& item) { items_.push_back(std::move(item)); }
    void put_back(T&& item) { items_.push_back(std::move(item)); }
    T pop() {
        T item = std::move(items_.back());
        items_.pop_back();
        return item;
    }
    void clear() noexcept { items_.clear(); }

private:
    std::vector<T> items_;
};

/// Smallest first, and among equals in the order in which they came.
template <class T, class Less = std::less<T>>
class StableHeap {
public:
    explicit StableHeap(Less less = Less()) : later_(std::move(less)) {}

    std::size_t size() const noexcept { return items_.size(); }
    void push(T&& item) { insert(std::move(item), ++last_); }
    void put_back(T&& item) { insert(std::move(item), --first_); }
    T pop() {
        std::pop_heap(items_.begin(), items_.end(), later_);
        T item = std::move(items_.back().item);
        items_.pop_back();
        return item;
    }
    void clear() noexcept { items_.clear(); }

private:
    struct Entry {
        Entry(T&& i, std::int64_t n) : item(std::move(i)), number(n) {}
        T item;
        std::int64_t number;
    };
    struct Later {
        explicit Later(Less l) : less(std::move(l)) {}
        bool operator()(const Entry& a, const Entry& b) const {
            if (less(b.item, a.item)) return true;
            return !less(a.item, b.item) && a.number > b.number;
        }
        Less less;
    };
    void insert(T&& item, std::int64_t number) {
        items_.emplace_back(std::move(item), number);
        std::push_heap(items_.begin(), items_.end(), later_);
    }

    std::vector<Entry> items_;
    std::int64_t first_ = 0;
    std::int64_t last_ = 0;
    Later later_;
};

}  // namespace tandem::inline v1
