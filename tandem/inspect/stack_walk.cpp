#include <tandem/inspect/stack_walk_internal.hpp>

#include <tandem/inspect/unwind_row_internal.hpp>

#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>

namespace tandem::inline v1::inspect {

bool read_carefully(const void* from, void* to, std::size_t bytes) noexcept {
    const iovec here{.iov_base = to, .iov_len = bytes};
    const iovec there{.iov_base = const_cast<void*>(from), .iov_len = bytes};
    return ::process_vm_readv(::getpid(), &here, 1, &there, 1, 0) == static_cast<ssize_t>(bytes);
}

namespace {

using Registers = std::array<std::optional<std::uintptr_t>, UnwindRow::registers>;

constexpr std::size_t most_frames = 64;
// How much of the stack is searched for the end of one frame.
constexpr std::size_t most_words = 8192;

std::optional<std::uintptr_t> word_at(std::uintptr_t address) {
    std::uintptr_t word = 0;
    if (!read_carefully(reinterpret_cast<const void*>(address), &word, sizeof word)) return std::nullopt;
    return word;
}

/// Whether a call stands before this address that can have led to `callee`.
bool returns_from(std::uintptr_t address, std::uintptr_t callee) {
    if (address < 4096 || !unwind_row_at(address - 1)) return false;
    std::array<std::uint8_t, 7> code{};
    if (!read_carefully(reinterpret_cast<const void*>(address - code.size()), code.data(), code.size()))
        return false;
    if (code[2] == 0xe8) {
        std::int32_t distance = 0;
        std::memcpy(&distance, &code[3], sizeof distance);
        const auto target = address + static_cast<std::uintptr_t>(std::intptr_t{distance});
        const auto row = unwind_row_at(target);
        // Another function's beginning; what begins with an expression is a stub that leads anywhere.
        return target == callee || !row || row->computed || row->function != target;
    }
    // Through a pointer: ff /2 of 2, 3, 4, 6 or 7 bytes.
    for (const std::size_t length : {2U, 3U, 4U, 6U, 7U}) {
        const std::uint8_t* const call = code.data() + code.size() - length;
        if (call[0] == 0xff && (call[1] & 0x38) == 0x10) return true;
    }
    return false;
}

/// Where the frame that begins at `sp` keeps its caller's frame pointer and its return address behind it.
std::optional<std::uintptr_t> find_frame_record(std::uintptr_t sp, std::uintptr_t function) {
    auto below = word_at(sp);
    for (std::size_t i = 0; below && i < most_words; ++i, sp += 8) {
        const auto above = word_at(sp + 8);
        if (!above) break;
        if (*below > sp && *below - sp < (std::uintptr_t{8} << 20) && *below % 8 == 0 &&
            returns_from(*above, function))
            return sp;
        below = above;
    }
    return std::nullopt;
}

/// One frame out. False at the outermost.
bool leave_frame(const UnwindRow& row, Registers& registers) {
    const auto sp = *registers[UnwindRow::rsp];
    std::uintptr_t end = 0;
    if (!row.computed && row.base < UnwindRow::registers && registers[row.base]) {
        end = *registers[row.base] + static_cast<std::uintptr_t>(row.distance);
    } else {
        const auto record = find_frame_record(sp, row.function);
        if (!record) return false;
        end = *record + 16;
    }
    if (end <= sp) return false;
    Registers outer = registers;
    for (std::size_t reg = 0; reg < UnwindRow::registers; ++reg) {
        const auto& rule = row.rules[reg];
        if (rule.saved == UnwindRow::Saved::at_offset)
            outer[reg] = word_at(end + static_cast<std::uintptr_t>(rule.offset));
        else if (rule.saved != UnwindRow::Saved::not_at_all)
            outer[reg] = std::nullopt;
    }
    outer[UnwindRow::rsp] = end;
    registers = outer;
    return registers[UnwindRow::return_address].has_value();
}

}  // namespace

std::vector<std::uintptr_t> walk_stack(std::uintptr_t pc, std::uintptr_t sp) {
    std::vector<std::uintptr_t> addresses{pc};
#if defined(__x86_64__)
    Registers registers{};
    registers[UnwindRow::rsp] = sp;
    while (addresses.size() < most_frames) {
        // A return address may be the first of the next function: a call that never returns ends its own.
        const auto row = unwind_row_at(addresses.back() - (addresses.size() > 1 ? 1 : 0));
        if (!row || !leave_frame(*row, registers)) break;
        const auto caller = *registers[UnwindRow::return_address];
        if (caller < 4096) break;
        addresses.push_back(caller);
        registers[UnwindRow::return_address] = std::nullopt;
    }
#else
    static_cast<void>(sp);
#endif
    return addresses;
}

}  // namespace tandem::inline v1::inspect
