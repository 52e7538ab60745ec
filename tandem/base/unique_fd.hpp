#pragma once

#include <utility>

namespace tandem::inline v1 {

/// Owns a file descriptor and closes it. -1 is "none".
class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        reset(other.release());
        return *this;
    }
    ~UniqueFd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    void reset(int fd = -1);

    /// Numbers from here on are no kernel's: they belong to simulated worlds, which say how to close them.
    static constexpr int first_simulated = 1 << 30;
    static void close_simulated_with(void (*closer)(int)) noexcept;

private:
    int fd_ = -1;
};

}  // namespace tandem::inline v1
