#include <tandem/base/claimed_fd.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tandem::inline v1 {
namespace {

constexpr std::size_t bits_per_word = 64;
constinit std::array<std::atomic<std::uint64_t>, 65'536 / bits_per_word> claims{};

std::atomic<std::uint64_t>* word_of(int fd) noexcept {
    const auto word = static_cast<std::size_t>(fd) / bits_per_word;
    return fd >= 0 && word < claims.size() ? &claims[word] : nullptr;
}

std::uint64_t bit_of(int fd) noexcept {
    return std::uint64_t{1} << (static_cast<unsigned>(fd) % bits_per_word);
}

}  // namespace

void claim_fd(int fd) noexcept {
    if (auto* const word = word_of(fd)) word->fetch_or(bit_of(fd), std::memory_order_relaxed);
}

void unclaim_fd(int fd) noexcept {
    if (auto* const word = word_of(fd)) word->fetch_and(~bit_of(fd), std::memory_order_relaxed);
}

bool is_claimed_fd(int fd) noexcept {
    const auto* const word = word_of(fd);
    return word && (word->load(std::memory_order_relaxed) & bit_of(fd)) != 0;
}

}  // namespace tandem::inline v1
