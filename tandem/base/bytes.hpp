#pragma once

#include <cstddef>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace tandem::inline v1 {

template <class T>
concept ByteLike =
    std::is_same_v<std::remove_cv_t<T>, char> || std::is_same_v<std::remove_cv_t<T>, unsigned char> ||
    std::is_same_v<std::remove_cv_t<T>, std::byte>;

template <class R>
concept ByteRange = std::ranges::contiguous_range<R> && std::ranges::sized_range<R> &&
                    ByteLike<std::remove_reference_t<std::ranges::range_reference_t<R>>>;

/// Bytes to be written: a view of any contiguous range of `char`, `unsigned char` or `std::byte`. A string
/// literal counts without its final zero. Lifetime: the range's.
class Bytes {
public:
    constexpr Bytes() = default;
    constexpr Bytes(const char* data, std::size_t size) : data_(data), size_(size) {}
    constexpr Bytes(std::string_view text) : data_(text.data()), size_(text.size()) {}
    Bytes(const std::string& text) : data_(text.data()), size_(text.size()) {}
    constexpr Bytes(const char* text) : Bytes(std::string_view(text)) {}
    template <class R>
        requires(ByteRange<R> && !std::is_convertible_v<R, std::string_view> &&
                 !std::is_same_v<std::remove_cvref_t<R>, Bytes> &&
                 !std::is_same_v<std::remove_cvref_t<R>, std::string>)
    Bytes(const R& range)
        : data_(reinterpret_cast<const char*>(std::ranges::data(range))), size_(std::ranges::size(range)) {}

    constexpr const char* data() const { return data_; }
    constexpr std::size_t size() const { return size_; }
    constexpr bool empty() const { return size_ == 0; }
    constexpr const char* begin() const { return data_; }
    constexpr const char* end() const { return data_ + size_; }
    constexpr std::string_view text() const { return {data_, size_}; }
    /// Precondition: `count <= size()`.
    constexpr Bytes skip(std::size_t count) const { return {data_ + count, size_ - count}; }

private:
    const char* data_ = nullptr;
    std::size_t size_ = 0;
};

/// Room for bytes to be read into: a view of any contiguous, writable range of bytes. Lifetime: the range's.
class MutableBytes {
public:
    constexpr MutableBytes() = default;
    constexpr MutableBytes(char* data, std::size_t size) : data_(data), size_(size) {}
    template <class R>
        requires(ByteRange<R> &&
                 !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<R>>> &&
                 !std::is_same_v<std::remove_cvref_t<R>, MutableBytes>)
    MutableBytes(R&& range)
        : data_(reinterpret_cast<char*>(std::ranges::data(range))), size_(std::ranges::size(range)) {}

    constexpr char* data() const { return data_; }
    constexpr std::size_t size() const { return size_; }
    constexpr bool empty() const { return size_ == 0; }
    constexpr char* begin() const { return data_; }
    constexpr char* end() const { return data_ + size_; }
    constexpr MutableBytes skip(std::size_t count) const { return {data_ + count, size_ - count}; }
    constexpr MutableBytes first(std::size_t count) const { return {data_, count < size_ ? count : size_}; }

private:
    char* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace tandem::inline v1
