#include <tandem/inspect/unwind_row_internal.hpp>

#include <cstring>
#include <vector>

// libgcc's and libunwind's search through the tables of everything that is loaded. It takes no lock where the
// C library has _dl_find_object (2.35).
extern "C" {
struct tandem_eh_bases {
    void* tbase;
    void* dbase;
    void* func;
};
const void* _Unwind_Find_FDE(void* pc, tandem_eh_bases* bases);
}

namespace tandem::inline v1::inspect {
namespace {

class Bytes {
public:
    Bytes(const std::uint8_t* first, const std::uint8_t* end) : at_(first), end_(end) {}
    bool any() const { return at_ < end_; }
    const std::uint8_t* position() const { return at_; }
    void skip(std::uint64_t count) { at_ += count < left() ? count : left(); }
    template <class T>
    T take() {
        T value{};
        if (left() >= sizeof value) std::memcpy(&value, at_, sizeof value);
        skip(sizeof value);
        return value;
    }
    std::uint64_t take_unsigned() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; any(); shift += 7) {
            const auto byte = take<std::uint8_t>();
            if (shift < 64) value |= std::uint64_t{byte & 0x7fU} << shift;
            if ((byte & 0x80) == 0) break;
        }
        return value;
    }
    std::int64_t take_signed() {
        std::uint64_t value = 0;
        unsigned shift = 0;
        std::uint8_t byte = 0;
        do {
            byte = take<std::uint8_t>();
            if (shift < 64) value |= std::uint64_t{byte & 0x7fU} << shift;
            shift += 7;
        } while ((byte & 0x80) != 0 && any());
        if ((byte & 0x40) != 0 && shift < 64) value |= ~std::uint64_t{0} << shift;
        return static_cast<std::int64_t>(value);
    }
    Bytes take_block(std::uint64_t length) {
        const std::uint8_t* const first = at_;
        skip(length);
        return {first, at_};
    }

private:
    std::uint64_t left() const { return static_cast<std::uint64_t>(end_ - at_); }
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

// How wide an encoded pointer is; 0 for what has no fixed width.
std::uint64_t width_of(std::uint8_t encoding) {
    switch (encoding & 0x0f) {
        case 0x00:
        case 0x04:
        case 0x0c:
            return 8;
        case 0x02:
        case 0x0a:
            return 2;
        case 0x03:
        case 0x0b:
            return 4;
        default:
            return 0;
    }
}

Bytes record_at(const std::uint8_t* start) {
    std::uint32_t length = 0;
    std::memcpy(&length, start, sizeof length);
    return {start + 4, start + 4 + length};
}

/// What several functions' entries have in common (a CIE).
struct Prelude {
    bool understood = false;
    std::uint64_t code_step = 1;
    std::int64_t data_step = 1;
    bool augmented = false;
    std::uint8_t pointers = 0;  // their encoding
    Bytes instructions{nullptr, nullptr};
};

Prelude read_prelude(const std::uint8_t* start) {
    Prelude prelude;
    Bytes bytes = record_at(start);
    bytes.skip(4);  // says that it is one
    const auto version = bytes.take<std::uint8_t>();
    const auto* const augmentation = reinterpret_cast<const char*>(bytes.position());
    while (bytes.any() && bytes.take<char>() != '\0') continue;
    prelude.code_step = bytes.take_unsigned();
    prelude.data_step = bytes.take_signed();
    const auto return_register = version == 1 ? bytes.take<std::uint8_t>() : bytes.take_unsigned();
    prelude.understood = return_register == UnwindRow::return_address;
    if (augmentation[0] == 'z') {
        prelude.augmented = true;
        Bytes extra = bytes.take_block(bytes.take_unsigned());
        for (const char* letter = augmentation + 1; *letter != '\0'; ++letter) {
            if (*letter == 'R') {
                prelude.pointers = extra.take<std::uint8_t>();
            } else if (*letter == 'L') {
                extra.skip(1);
            } else if (*letter == 'P') {
                const auto encoding = extra.take<std::uint8_t>();
                extra.skip(width_of(encoding));
            } else if (*letter == 'S') {
                prelude.understood = false;  // a signal's frame
            }
        }
    }
    prelude.instructions = bytes;
    return prelude;
}

/// Carries call frame instructions out until the row for `pc` stands.
class Interpreter {
public:
    Interpreter(const Prelude& prelude, std::uintptr_t function, std::uintptr_t pc)
        : prelude_(prelude), at_(function), pc_(pc) {
        row_.function = function;
    }
    void start_with(Bytes instructions) {
        run(instructions);
        initial_ = row_;
    }
    void run(Bytes bytes) {
        while (bytes.any() && !over_) step(bytes);
    }
    std::optional<UnwindRow> row() const { return understood_ ? std::optional(row_) : std::nullopt; }

private:
    void advance(std::uint64_t steps) {
        at_ += steps * prelude_.code_step;
        over_ = at_ > pc_;
    }
    void set(std::uint64_t reg, UnwindRow::Saved saved, std::int64_t offset = 0) {
        if (reg < UnwindRow::registers) row_.rules[reg] = {saved, offset};
    }
    void restore(std::uint64_t reg) {
        if (reg < UnwindRow::registers) row_.rules[reg] = initial_.rules[reg];
    }
    void define(std::uint64_t reg, std::int64_t distance) {
        row_.base = reg;
        row_.distance = distance;
        row_.computed = false;
    }
    void step(Bytes& bytes) {
        using Saved = UnwindRow::Saved;
        const auto code = bytes.take<std::uint8_t>();
        const std::uint8_t low = code & 0x3f;
        switch (code & 0xc0) {
            case 0x40:
                return advance(low);
            case 0x80:
                return set(low, Saved::at_offset,
                           static_cast<std::int64_t>(bytes.take_unsigned()) * prelude_.data_step);
            case 0xc0:
                return restore(low);
            default:
                break;
        }
        switch (code) {
            case 0x00:  // nothing
                return;
            case 0x02:
                return advance(bytes.take<std::uint8_t>());
            case 0x03:
                return advance(bytes.take<std::uint16_t>());
            case 0x04:
                return advance(bytes.take<std::uint32_t>());
            case 0x05: {
                const auto reg = bytes.take_unsigned();
                return set(reg, Saved::at_offset,
                           static_cast<std::int64_t>(bytes.take_unsigned()) * prelude_.data_step);
            }
            case 0x06:
                return restore(bytes.take_unsigned());
            case 0x07:
                return set(bytes.take_unsigned(), Saved::undefined);
            case 0x08:
                return set(bytes.take_unsigned(), Saved::not_at_all);
            case 0x09: {
                const auto reg = bytes.take_unsigned();
                bytes.take_unsigned();
                return set(reg, Saved::otherwise);
            }
            case 0x0a:
                remembered_.push_back(row_);
                return;
            case 0x0b:
                if (remembered_.empty()) return give_up();
                row_ = remembered_.back();
                remembered_.pop_back();
                return;
            case 0x0c: {
                const auto reg = bytes.take_unsigned();
                return define(reg, static_cast<std::int64_t>(bytes.take_unsigned()));
            }
            case 0x0d:
                return define(bytes.take_unsigned(), row_.distance);
            case 0x0e:
                return define(row_.base, static_cast<std::int64_t>(bytes.take_unsigned()));
            case 0x0f:
                bytes.take_block(bytes.take_unsigned());
                row_.computed = true;
                return;
            case 0x10:
            case 0x16: {
                const auto reg = bytes.take_unsigned();
                bytes.take_block(bytes.take_unsigned());
                return set(reg, Saved::otherwise);
            }
            case 0x11: {
                const auto reg = bytes.take_unsigned();
                return set(reg, Saved::at_offset, bytes.take_signed() * prelude_.data_step);
            }
            case 0x12: {
                const auto reg = bytes.take_unsigned();
                return define(reg, bytes.take_signed() * prelude_.data_step);
            }
            case 0x13:
                return define(row_.base, bytes.take_signed() * prelude_.data_step);
            case 0x14:
            case 0x15: {
                const auto reg = bytes.take_unsigned();
                bytes.take_unsigned();
                return set(reg, Saved::otherwise);
            }
            case 0x2e:  // the size of arguments
                bytes.take_unsigned();
                return;
            default:
                return give_up();
        }
    }
    void give_up() {
        understood_ = false;
        over_ = true;
    }

    const Prelude& prelude_;
    std::uintptr_t at_;
    std::uintptr_t pc_;
    UnwindRow row_;
    UnwindRow initial_;
    std::vector<UnwindRow> remembered_;
    bool over_ = false;
    bool understood_ = true;
};

}  // namespace

std::optional<UnwindRow> unwind_row_at(std::uintptr_t pc) {
    tandem_eh_bases bases{};
    const auto* const entry =
        static_cast<const std::uint8_t*>(_Unwind_Find_FDE(reinterpret_cast<void*>(pc), &bases));
    if (!entry) return std::nullopt;
    Bytes bytes = record_at(entry);
    const auto* const prelude_distance_at = bytes.position();
    const auto prelude = read_prelude(prelude_distance_at - bytes.take<std::int32_t>());
    const auto width = width_of(prelude.pointers);
    if (!prelude.understood || width == 0) return std::nullopt;
    bytes.skip(2 * width);  // where the function begins, and its length
    if (prelude.augmented) bytes.skip(bytes.take_unsigned());
    Interpreter interpreter(prelude, reinterpret_cast<std::uintptr_t>(bases.func), pc);
    interpreter.start_with(prelude.instructions);
    interpreter.run(bytes);
    return interpreter.row();
}

}  // namespace tandem::inline v1::inspect
