#include <tandem/bridge/pending.hpp>

namespace tandem::inline v1 {
namespace {

std::string named(const SourceLocation& born) {
    return std::string(born.function_name()) + " (" + born.file_name() + ":" + std::to_string(born.line()) +
           ")";
}

}  // namespace

void throw_pending_timeout(const SourceLocation& born, const SourceLocation& where) {
    throw TimeoutError(std::string("get() at ") + where.file_name() + ":" + std::to_string(where.line()) +
                       " ran out of time waiting for " + named(born) +
                       ", which goes on; get_or_cancel() would end it");
}

void throw_pending_cancelled(const SourceLocation& born, const SourceLocation& where) {
    throw TimeoutError(std::string("get() at ") + where.file_name() + ":" + std::to_string(where.line()) +
                       " ran out of time waiting for " + named(born) + ", which was cancelled and has ended");
}

void throw_pending_runs(const SourceLocation& born, const char* what) {
    throw InvalidStateError(std::string(what) + " of a Pending was asked for while " + named(born) +
                            " still runs: wait() for it");
}

}  // namespace tandem::inline v1
