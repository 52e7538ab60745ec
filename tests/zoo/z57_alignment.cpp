// Z57: a local of alignment 16, 32 or 64 that lives over an await. No compiler asks for aligned frame memory:
// it must be aligned by whoever allocates frames.
#include "zoo_task.hpp"

#include <array>

using namespace zoo;

namespace {

/// Hands out recycled blocks that lie `offset` bytes past a multiple of 64. Offset 16 is what malloc may
/// give.
struct FramePool {
    static constexpr std::size_t block_bytes = 1024;
    static inline std::size_t offset = 0;
    static inline std::size_t reused = 0;
    static inline void* free_block = nullptr;
    alignas(64) static inline std::array<std::array<std::byte, block_bytes>, 4> blocks;
    static inline std::size_t used = 0;

    static void reset(std::size_t new_offset) {
        offset = new_offset;
        free_block = nullptr;
        used = 0;
        reused = 0;
    }
};

class AlignedTask {
public:
    struct promise_type : PromiseBase, Result<int> {
        AlignedTask get_return_object() noexcept {
            return AlignedTask(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        Final<Transfer::trampoline> final_suspend() noexcept { return {}; }

        [[gnu::noinline]] static void* operator new(std::size_t bytes) {
            if (bytes + FramePool::offset > FramePool::block_bytes) throw std::bad_alloc();
            if (FramePool::free_block) {
                ++FramePool::reused;
                return std::exchange(FramePool::free_block, nullptr);
            }
            return FramePool::blocks.at(FramePool::used++).data() + FramePool::offset;
        }
        [[gnu::noinline]] static void operator delete(void* memory, std::size_t) {
            FramePool::free_block = memory;
        }
    };

    AlignedTask(AlignedTask&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    ~AlignedTask() {
        if (handle_) handle_.destroy();
    }
    std::coroutine_handle<promise_type> handle() const { return handle_; }

private:
    explicit AlignedTask(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

template <std::size_t alignment>
struct alignas(alignment) Aligned {
    explicit Aligned(int first) : value(first) {}
    int value;
};

template <class T>
[[gnu::noinline]] std::uintptr_t address_of(const T& object) {
    const volatile T* address = &object;
    return reinterpret_cast<std::uintptr_t>(address);
}

// Not inline, lest clang puts the frame on the caller's stack: it may, since nothing else sees the handle.
template <std::size_t alignment>
[[gnu::noinline]] AlignedTask lives_over_an_await(Gate& gate, std::uintptr_t& address) {
    Aligned<alignment> local(7);
    address = address_of(local);
    co_await gate.wait();
    expect(address == address_of(local), "the local did not move");
    co_return local.value;
}

template <std::size_t alignment>
void aligned(std::size_t offset) {
    FramePool::reset(offset);
    for (int i = 0; i < 3; ++i) {
        Gate gate;
        std::uintptr_t address = 0;
        const auto task = lives_over_an_await<alignment>(gate, address);
        expect(run_step(task.handle()), lost_text);
        gate.open();
        expect(task.handle().promise().take() == 7, "the local kept its value");
        expect(address % alignment == 0, "the local is aligned");
    }
    expect(FramePool::reused == 2, "the frame was recycled");
}

}  // namespace

int main() {
    const auto misaligned = gcc12 || clang ? Expect::broken : Expect::measured;
    Report report("Z57 alignment");
    report.right("16, frame at 16 mod 64", [] { aligned<16>(16); });
    report.right("16, frame at 0 mod 64", [] { aligned<16>(0); });
    report.right("32, frame at 0 mod 64", [] { aligned<32>(0); });
    report.right("64, frame at 0 mod 64", [] { aligned<64>(0); });
    report.natural("32, frame at 16 mod 64", misaligned, [] { aligned<32>(16); });
    report.natural("64, frame at 16 mod 64", misaligned, [] { aligned<64>(16); });
    return report.exit_code();
}
