#include <tandem/sync/latch.hpp>

#include <tandem/base/errors.hpp>

#include <string>

namespace tandem::inline v1 {

void CountedLine::add(std::size_t count, const SourceLocation& where) {
    check_here(where);
    count_ += count;
}

void CountedLine::subtract(const char* call, std::size_t count, const SourceLocation& where) {
    check_here(where);
    if (count > count_)
        throw InvalidStateError(std::string(call) + " of a " + kind() + " at " + where.file_name() + ":" +
                                std::to_string(where.line()) + ": its count is " + std::to_string(count_) +
                                ", which is less than " + std::to_string(count) +
                                "; count each thing down once");
    count_ -= count;
    if (count_ > 0) return;
    while (line_.front()) line_.serve_front();
}

}  // namespace tandem::inline v1
